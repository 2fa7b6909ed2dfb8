//! Who is let in, and what is in place when they hear of it.

use std::time::Duration;

use serde_json::{Value, json};
use starling_kernel::{envelope::Envelope, session::Handshake, topic::Topic};

use crate::support::{Client, Poller, open, open_with, token};

const MINUTE: Duration = Duration::from_secs(60);

fn refusal(text: &str) -> String {
    format!("44{}", json!({"message": text}))
}

#[tokio::test]
async fn without_guest_mode_a_token_is_needed_and_the_texts_are_the_contracts() {
    let door = open_with(|config, _| config.guests = false).await;
    let mut client = Client::dial(&door).await;
    assert_eq!(
        client.enter("/", json!({})).await,
        refusal("Authentication required")
    );
    assert_eq!(
        client.enter("/", json!({"token": ""})).await,
        refusal("Authentication required")
    );
    assert_eq!(
        client.enter("/", json!({"token": "x"})).await,
        refusal("Invalid token")
    );
    assert_eq!(
        client.enter("/", json!({"token": 7})).await,
        refusal("Invalid token")
    );
    let expired = token("ann", false, Duration::ZERO);
    assert_eq!(
        client.enter("/", json!({"token": expired})).await,
        refusal("Token expired")
    );
    assert!(door.probe.connected.lock().unwrap().is_empty());

    let good = token("ann", false, MINUTE);
    assert!(
        client
            .enter("/", json!({"token": good}))
            .await
            .starts_with("40{")
    );
    client.event().await;
    client.event().await;
    let who = client.ask("who", json!({})).await;
    assert_eq!(
        who,
        json!({"ok": true, "user": "ann", "username": "ann", "guest": false})
    );
}

#[tokio::test]
async fn the_token_may_stand_in_the_handshakes_headers() {
    let door = open_with(|config, _| config.guests = false).await;
    let header = format!("Bearer {}", token("ann", false, MINUTE));
    let mut client = Client::dial_with(&door, &[("authorization", &header)]).await;
    assert!(client.enter("/", json!({})).await.starts_with("40{"));
}

#[tokio::test]
async fn of_the_auth_only_what_is_read_has_to_be_sound() {
    let door = open_with(|config, _| config.guests = false).await;
    let token = token("ann", false, MINUTE);
    // JavaScript sends half a surrogate pair where a string has one, in values and in names.
    for auth in [
        format!(r#"{{"name":"\ud800","token":"{token}"}}"#),
        format!(r#"{{"token":"{token}","\udfff":[{{"deep":"\ud83d"}}]}}"#),
        format!(r#"{{"token":"{token}","username":"\ud800"}}"#),
    ] {
        let mut client = Client::dial(&door).await;
        client.send(&format!("40{auth}")).await;
        let answer = client.packet().await.unwrap();
        assert!(answer.starts_with("40{"), "{auth}: {answer}");
    }
    let mut client = Client::dial(&door).await;
    client.send(r#"40{"token":"\ud800"}"#).await;
    assert_eq!(client.packet().await.unwrap(), refusal("Invalid token"));
}

#[tokio::test]
async fn a_guest_gets_a_public_id_that_is_not_the_transports() {
    let door = open().await;
    let mut client = Client::dial(&door).await;
    client.enter("/", json!({"username": " Ann "})).await;
    client.event().await;
    client.event().await;
    let who = client.ask("who", json!({})).await;
    assert_eq!(who["username"], "Ann");
    assert_eq!(who["guest"], true);
    let user = who["user"].as_str().unwrap();
    assert!(user.starts_with("guest-") && !user.contains(client.open["sid"].as_str().unwrap()));
}

#[tokio::test]
async fn a_bad_token_does_not_make_a_guest() {
    let door = open().await;
    let mut client = Client::dial(&door).await;
    assert_eq!(
        client.enter("/", json!({"token": "x"})).await,
        refusal("Invalid token")
    );
}

#[tokio::test]
async fn the_admin_namespace_needs_the_role() {
    let door = open().await;
    let mut client = Client::dial(&door).await;
    let plain = token("ann", false, MINUTE);
    let refused = client.enter("/admin", json!({"token": plain})).await;
    assert_eq!(refused, r#"44/admin,{"message":"Not authorized"}"#);
    let refused = client.enter("/admin", json!({})).await;
    assert_eq!(refused, r#"44/admin,{"message":"Not authorized"}"#);
    let admin = token("root", true, MINUTE);
    assert!(
        client
            .enter("/admin", json!({"token": admin}))
            .await
            .starts_with("40/admin,{")
    );
}

#[tokio::test]
async fn an_unknown_namespace_is_invalid() {
    let door = open().await;
    let mut client = Client::dial(&door).await;
    let refused = client.enter("/nowhere", json!({})).await;
    assert_eq!(refused, r#"44/nowhere,{"message":"Invalid namespace"}"#);
}

#[tokio::test]
async fn what_a_feature_sends_before_connect_comes_right_after_it() {
    let door = open().await;
    let mut client = Client::dial(&door).await;
    assert!(client.enter("/", Value::Null).await.starts_with("40{"));
    assert_eq!(client.event().await, json!(["welcome", 1]));
    assert_eq!(client.event().await, json!(["welcome", 2]));
}

#[tokio::test]
async fn an_event_sent_at_once_is_never_lost() {
    let door = open().await;
    for n in 0..200 {
        let mut client = Client::dial(&door).await;
        client.enter("/", json!({})).await;
        client.emit("add", json!({"n": n})).await;
        client.event().await;
        client.event().await;
        client.ask("who", json!({})).await;
    }
    assert_eq!(door.probe.seen.lock().unwrap().len(), 200);
}

#[tokio::test]
async fn each_connection_begins_and_ends_once_however_it_ends() {
    let door = open().await;
    let mut leaves = Client::connect(&door).await;
    leaves.send("41").await;
    let mut closes = Client::connect(&door).await;
    closes.send("1").await;
    let drops = Client::connect(&door).await;
    drop(drops);
    let mut sent_away = Client::connect(&door).await;
    sent_away.emit("bye", json!({})).await;
    let mut killed = Client::connect(&door).await;
    killed.emit("kill", json!({})).await;
    killed.ended().await;
    // Gone before CONNECT could be answered.
    let mut hasty = Client::dial(&door).await;
    hasty.send("40{}").await;
    drop(hasty);
    door.probe.ends(5).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let connected = door.probe.connected.lock().unwrap().clone();
    let mut ended = door.probe.disconnected.lock().unwrap().clone();
    assert_eq!(ended.len(), connected.len());
    ended.sort();
    ended.dedup();
    assert_eq!(ended.len(), connected.len());
}

#[tokio::test]
async fn what_a_client_said_is_in_its_session() {
    let door = open().await;
    for (path, auth, room, batch) in [
        ("", json!({}), None, false),
        ("&roomId=a%3Ab", json!({"batch": true}), Some("a:b"), true),
        (
            "&roomId=a",
            json!({"roomId": "b", "batch": 1}),
            Some("b"),
            false,
        ),
        (
            "&roomId=a",
            json!({"roomName": "c", "roomId": null}),
            Some("c"),
            false,
        ),
        (
            "&roomId=a",
            json!({"roomId": ["d"]}),
            Some(r#"["d"]"#),
            false,
        ),
    ] {
        let mut client = Client::dial_at(&door, path, &[]).await;
        assert!(client.enter("/", auth).await.starts_with("40{"));
        let session = door.probe.sessions.lock().unwrap().pop().unwrap();
        let room = room.map(str::to_owned);
        assert_eq!(
            session.handshake,
            Handshake {
                room,
                batch,
                guest: None
            }
        );
    }
    let mut client = Client::dial(&door).await;
    client.enter("/", json!({"roomId": "ü".repeat(1000)})).await;
    let session = door.probe.sessions.lock().unwrap().pop().unwrap();
    assert_eq!(
        session.handshake.room,
        Some("ü".repeat(Handshake::ROOM_BYTES / 2))
    );
}

#[tokio::test]
async fn a_polling_clients_room_is_that_of_its_first_request() {
    let door = open().await;
    let client = Poller::dial_at(&door, "&roomId=r").await;
    client.post(&door, "40{}").await;
    client.until(&door, r#"["welcome",2]"#).await;
    let session = door.probe.sessions.lock().unwrap().pop().unwrap();
    assert_eq!(session.handshake.room.as_deref(), Some("r"));
}

#[tokio::test]
async fn a_feature_that_refuses_leaves_nothing_of_the_connection() {
    let door = open().await;
    let mut client = Client::dial(&door).await;
    let refused = client.enter("/", json!({"roomId": "closed"})).await;
    assert_eq!(refused, refusal("Room not found"));
    // The probe was told of it before, and of its end.
    let connected = door.probe.connected.lock().unwrap().clone();
    assert_eq!(connected.len(), 1);
    assert_eq!(*door.probe.disconnected.lock().unwrap(), connected);
    let session = door.probe.sessions.lock().unwrap().pop().unwrap();
    assert!(session.ended() && session.peer.closed());
    drop(session);
    // It hears nothing, and may try again.
    let root = Topic::Namespace("/");
    let news = Envelope::new("news", &1);
    assert_eq!(door.services.hub.emit_local(&root, &news), 0);
    assert!(client.enter("/", json!({})).await.starts_with("40{"));
    assert_eq!(client.event().await, json!(["welcome", 1]));
    assert_eq!(door.probe.disconnected.lock().unwrap().len(), 1);
}
