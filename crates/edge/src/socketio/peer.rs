//! The way out: what is sent to one connection of a namespace.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use socketioxide_core::{
    Sid, Str, Value,
    packet::{Packet, PacketData},
};
use starling_kernel::{
    envelope::Envelope,
    session::{Peer, SendError},
    topic::Namespace,
};
use tokio::runtime::Handle;

use super::outlet::Outlet;
use crate::transport::Transport;

/// Packets that wait until the client has been told that it is connected.
const EARLY: usize = 1024;
/// Time for a client to close a transport that it has no more use for.
const LINGER: Duration = Duration::from_secs(1);

const CONNECTING: u8 = 0;
const OPEN: u8 = 1;
const CLOSED: u8 = 2;

/// A connection to a namespace, as the rest of the house sees it.
pub(super) struct SocketPeer {
    namespace: Namespace,
    sid: Sid,
    outlet: Arc<Outlet>,
    /// Weak: it lives as long as the engine's session, whoever still holds a peer of it.
    transport: Weak<Transport>,
    runtime: Handle,
    state: AtomicU8,
    early: Mutex<Early>,
}

/// What happened before the client was told that it is connected. socketioxide would drop it.
#[derive(Default)]
struct Early {
    packets: Vec<(Packet, bool)>,
    disconnect: bool,
}

impl SocketPeer {
    pub(super) fn new(
        namespace: Namespace,
        sid: Sid,
        outlet: Arc<Outlet>,
        transport: &Arc<Transport>,
        runtime: Handle,
    ) -> Self {
        Self {
            namespace,
            sid,
            outlet,
            transport: Arc::downgrade(transport),
            runtime,
            state: AtomicU8::new(CONNECTING),
            early: Mutex::default(),
        }
    }

    /// The client has been told: what waited goes out, in order.
    pub(super) fn open(&self) {
        let mut early = self.early();
        for (packet, volatile) in std::mem::take(&mut early.packets) {
            if self.outlet.send(self.sid, packet, volatile) == Err(SendError::Full) {
                self.kill();
            }
        }
        let opened =
            self.state
                .compare_exchange(CONNECTING, OPEN, Ordering::AcqRel, Ordering::Acquire);
        let disconnect = early.disconnect;
        drop(early);
        if opened.is_ok() && disconnect {
            self.disconnect();
        }
    }

    /// Nothing can be sent any more.
    pub(super) fn close(&self) {
        self.state.store(CLOSED, Ordering::Release);
    }

    /// Answers an event. `text` is the JSON array of the acknowledgement's arguments.
    pub(super) fn ack(
        &self,
        id: i64,
        text: String,
        attachments: &[Bytes],
    ) -> Result<(), SendError> {
        let value = value(text.into(), attachments);
        self.deliver(Packet::ack(self.namespace, value, id), false)
    }

    /// Sends an event. `text` is the JSON array of its name and arguments.
    pub(super) fn event(
        &self,
        text: &str,
        attachments: &[Bytes],
        volatile: bool,
    ) -> Result<(), SendError> {
        let value = value(Str::copy_from_slice(text), attachments);
        self.deliver(Packet::event(self.namespace, value), volatile)
    }

    fn deliver(&self, packet: Packet, volatile: bool) -> Result<(), SendError> {
        if self.closed() {
            return Err(SendError::Closed);
        }
        // One that may be dropped does not count as waiting.
        let bytes = if volatile { 0 } else { size(&packet) };
        let fits = |transport: Arc<Transport>| transport.may_queue(bytes);
        if !self.transport.upgrade().is_none_or(fits) {
            return Err(SendError::Full);
        }
        if self.state.load(Ordering::Acquire) == CONNECTING {
            let mut early = self.early();
            // It may have been opened while we waited for the lock.
            if self.state.load(Ordering::Acquire) == CONNECTING {
                if early.packets.len() >= EARLY {
                    return Err(SendError::Full);
                }
                early.packets.push((packet, volatile));
                return Ok(());
            }
        }
        match self.state.load(Ordering::Acquire) {
            CLOSED => Err(SendError::Closed),
            _ => self.outlet.send(self.sid, packet, volatile),
        }
    }

    /// Closes the transport should the client leave it open without a namespace.
    fn close_rest(&self) {
        let transport = self.transport.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(LINGER).await;
            if let Some(transport) = transport.upgrade()
                && transport.is_idle()
            {
                transport.kill();
            }
        });
    }

    fn early(&self) -> MutexGuard<'_, Early> {
        self.early.lock().expect("no panic while held")
    }
}

/// Bytes of a packet's text and attachments.
fn size(packet: &Packet) -> usize {
    match &packet.inner {
        PacketData::Event(Value::Str(text, bins), _)
        | PacketData::EventAck(Value::Str(text, bins), _)
        | PacketData::BinaryEvent(Value::Str(text, bins), _)
        | PacketData::BinaryAck(Value::Str(text, bins), _) => {
            text.len() + bins.iter().flatten().map(Bytes::len).sum::<usize>()
        }
        _ => 0,
    }
}

fn value(text: Str, attachments: &[Bytes]) -> Value {
    let attachments = (!attachments.is_empty()).then(|| attachments.to_vec().into());
    Value::Str(text, attachments)
}

impl Peer for SocketPeer {
    fn send(&self, envelope: &Envelope) -> Result<(), SendError> {
        self.event(envelope.as_str(), &envelope.attachments, envelope.volatile)
    }

    fn backlog(&self) -> usize {
        let transport = self.transport.upgrade();
        transport.map_or(0, |transport| transport.backlog())
    }

    fn closed(&self) -> bool {
        self.state.load(Ordering::Acquire) == CLOSED
    }

    fn disconnect(&self) {
        let mut early = self.early();
        if self.state.load(Ordering::Acquire) == CONNECTING {
            early.disconnect = true;
            return;
        }
        drop(early);
        match self.outlet.disconnect(self.sid) {
            Err(SendError::Full) => self.kill(),
            _ => self.close_rest(),
        }
    }

    fn kill(&self) {
        if let Some(transport) = self.transport.upgrade() {
            transport.kill();
        }
    }
}
