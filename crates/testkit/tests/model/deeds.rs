//! What devices do.

use std::cell::RefCell;

use serde_json::{Map, Value, json};
use starling_kernel::error::{AppError, Code};
use starling_testkit::{Node, claims};

use crate::{device::Device, said::Said, trace};

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Connect(usize),
    Drop,
    Register,
    Join(&'static str),
    Create(&'static str, bool),
    Leave(&'static str),
    Publish(&'static str),
    Restore,
    /// Asks who is online.
    Look,
    Logout,
}

pub(crate) async fn act(device: &mut Device, act: Act, nodes: &[Node], said: &RefCell<Said>) {
    device.listen(said).await;
    if let Act::Connect(n) = act {
        device.node = n;
        device.client = Some(nodes[n].connect(claims(&device.user)).await);
        trace(|| format!("    {} is connected to {n}", device.user));
        return;
    }
    if device.client.is_none() {
        return;
    }
    match act {
        Act::Connect(_) => {}
        Act::Drop => device.lose().await,
        Act::Register => {
            let answer = call(device, "register", json!({}), said).await;
            device.answered(&answer);
        }
        Act::Join(room) => {
            let _ = call(device, "join-room", json!({"roomName": room}), said).await;
        }
        Act::Create(room, private) => {
            let room = json!({"roomName": room, "private": private});
            let _ = call(device, "create-room", room, said).await;
        }
        Act::Leave(room) => {
            if call(device, "leave-room", json!({"roomName": room}), said)
                .await
                .is_ok()
            {
                device.rooms.remove(room);
                device.known.remove(room);
            }
        }
        Act::Publish(room) => {
            let _ = publish(device, room, said).await;
        }
        Act::Restore => {
            let asked = json!({"lastSeq": device.last_seq()});
            let answer = call(device, "reconnect-session", asked, said).await;
            device.answered(&answer);
            if answer.is_err_and(|error| error.code == Code::SessionNotFound) {
                device.known.clear();
            }
        }
        Act::Look => {
            let _ = call(device, "list-presence", json!({}), said).await;
        }
        Act::Logout => {
            let _ = call(device, "logout", json!({}), said).await;
        }
    }
    device.listen(said).await;
}

pub(crate) type Answer = Result<Map<String, Value>, AppError>;

async fn call(device: &mut Device, event: &str, data: Value, said: &RefCell<Said>) -> Answer {
    let client = device.client.as_ref().unwrap();
    trace(|| {
        format!(
            "    {event} of {} on {} {:?}",
            device.user, device.node, client.session.conn
        )
    });
    let answer = client.call(event, data).await;
    trace(|| {
        format!(
            "    {event} of {} on {} {answer:?}",
            device.user, device.node
        )
    });
    if let Err(error) = &answer {
        let ours = [Code::Internal, Code::InvalidPayload, Code::UnknownEvent];
        assert!(!ours.contains(&error.code), "{event}: {error:?}");
    }
    device.listen(said).await;
    answer
}

pub(crate) async fn publish(device: &mut Device, room: &str, said: &RefCell<Said>) -> Answer {
    let text = said.borrow_mut().text();
    let message = json!({"roomName": room, "text": text});
    trace(|| format!("    {} says {text} on {}", device.user, device.node));
    let client = device.client.as_ref().unwrap();
    let before = device.created(room);
    let answer = client.call("room-message", message).await;
    trace(|| format!("    {} said {text}: {answer:?}", device.user));
    if let Ok(ack) = &answer {
        let (seq, id) = (ack["seq"].as_u64().unwrap(), ack["id"].as_str().unwrap());
        let created = before.filter(|before| device.created(room) == Some(*before));
        said.borrow_mut()
            .acknowledged((room, created), seq, id, &text);
    }
    device.listen(said).await;
    answer
}
