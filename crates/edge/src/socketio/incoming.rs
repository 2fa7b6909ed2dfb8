//! The way in: events go from the session straight to the connection of their namespace. socketioxide
//! is given CONNECT and DISCONNECT.

use std::{
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use bytes::Bytes;
use engineioxide::{Line, Took};
use serde_json::value::RawValue;
use socketioxide_core::Str;
use starling_kernel::{limits::Limits, topic::Namespace};
use tokio::time::Instant;

use super::{
    connection::{Connection, Event},
    opening::Opening,
    packet::{Kind, Packet},
};

/// What one session's packets are for, and the one that is not complete.
#[derive(Default)]
pub(super) struct Incoming(Mutex<State>);

#[derive(Default)]
struct State {
    /// The namespaces that the client is in.
    entered: Vec<(Namespace, Weak<Connection>)>,
    pending: Option<Box<Pending>>,
}

/// A packet whose attachments have not all come.
struct Pending {
    /// Nobody waits for the acknowledgements of a client.
    event: Option<(Arc<Connection>, Event)>,
    left: usize,
    /// Bytes of the attachments so far.
    bytes: usize,
    begun: Instant,
}

impl Incoming {
    /// From now on there is somebody whom events of the namespace are for.
    pub(super) fn enter(&self, connection: &Arc<Connection>) {
        let namespace = connection.session.namespace;
        let mut state = self.lock();
        state.entered.push((namespace, Arc::downgrade(connection)));
    }

    /// And from now on nobody any more.
    pub(super) fn leave(&self, connection: &Connection) {
        let gone = |one: &Weak<Connection>| std::ptr::eq(one.as_ptr(), connection);
        self.lock().entered.retain(|(_, one)| !gone(one));
    }

    /// Whether the client is in no namespace.
    pub(super) fn is_idle(&self) -> bool {
        self.lock().entered.is_empty()
    }

    fn is_stuck(&self, patience: Duration) -> bool {
        let state = self.lock();
        let pending = state.pending.as_ref();
        pending.is_some_and(|pending| pending.begun.elapsed() >= patience)
    }

    fn text(&self, text: &str, limits: &Limits) -> Took {
        let mut state = self.lock();
        let packet = match Packet::parse(text) {
            Some(packet) if state.pending.is_none() => packet,
            _ => return Took::Wrong,
        };
        match packet.kind {
            Kind::Connect if state.find(packet.namespace).is_some() => Took::Wrong,
            Kind::Connect if !is_no_payload_or_object(packet.json) => Took::Wrong,
            Kind::Connect | Kind::Disconnect => Took::No,
            Kind::Event(count) => {
                let Some(connection) = state.find(packet.namespace) else {
                    return Took::Wrong;
                };
                let event = Event {
                    text: Str::copy_from_slice(packet.json),
                    attachments: Vec::new(),
                    ack: packet.id,
                };
                if count == 0 {
                    drop(state);
                    connection.push(event);
                    return Took::Yes;
                }
                state.expect(count, Some((connection, event)), limits)
            }
            Kind::Ack(_) if state.find(packet.namespace).is_none() => Took::Wrong,
            Kind::Ack(_) if !is_array(packet.json) => Took::Wrong,
            Kind::Ack(0) => Took::Yes,
            Kind::Ack(count) => state.expect(count, None, limits),
        }
    }

    fn binary(&self, data: &[u8], limits: &Limits) -> Took {
        let mut state = self.lock();
        let Some(pending) = &mut state.pending else {
            return Took::Wrong;
        };
        pending.bytes += data.len();
        pending.left -= 1;
        if pending.bytes > limits.packet_bytes {
            return Took::Wrong;
        }
        if let Some((_, event)) = &mut pending.event {
            event.attachments.push(Bytes::copy_from_slice(data));
        }
        if pending.left == 0 {
            let done = state.pending.take().and_then(|pending| pending.event);
            drop(state);
            if let Some((connection, event)) = done {
                connection.push(event);
            }
        }
        Took::Yes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while held")
    }
}

impl State {
    fn find(&self, namespace: &str) -> Option<Arc<Connection>> {
        let mut entered = self.entered.iter();
        let (_, connection) = entered.find(|(one, _)| *one == namespace)?;
        connection.upgrade()
    }

    /// Keeps a packet until its attachments are there.
    fn expect(
        &mut self,
        left: usize,
        event: Option<(Arc<Connection>, Event)>,
        limits: &Limits,
    ) -> Took {
        if left > limits.attachments {
            return Took::Wrong;
        }
        self.pending = Some(Box::new(Pending {
            event,
            left,
            bytes: 0,
            begun: Instant::now(),
        }));
        Took::Yes
    }
}

/// A text message of a session.
pub(super) fn text(line: &Line, text: &str, limits: &Limits) -> Took {
    let opening = line.kept::<Opening>();
    opening.map_or(Took::No, |opening| opening.incoming.text(text, limits))
}

/// A binary message of a session.
pub(super) fn binary(line: &Line, data: &[u8], limits: &Limits) -> Took {
    let opening = line.kept::<Opening>();
    opening.map_or(Took::No, |opening| opening.incoming.binary(data, limits))
}

/// Whether attachments of a session's last packet are missing for so long.
pub(super) fn is_stuck(line: &Line, patience: Duration) -> bool {
    let opening = line.kept::<Opening>();
    opening.is_some_and(|opening| opening.incoming.is_stuck(patience))
}

/// `null` is taken for none, as in the fields of a payload.
fn is_no_payload_or_object(json: &str) -> bool {
    matches!(json.trim(), "" | "null") || (json.trim_start().starts_with('{') && is_json(json))
}

fn is_array(json: &str) -> bool {
    json.trim_start().starts_with('[') && is_json(json)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}
