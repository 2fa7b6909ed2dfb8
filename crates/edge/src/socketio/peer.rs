//! The way out: what is sent to one connection of a namespace.
//!
//! Events and acknowledgements do not pass socketioxide: they are encoded here, in the form of
//! [Socket.IO protocol v5](https://socket.io/docs/v4/socket-io-protocol/), and handed to the session.
//! What socketioxide sends itself (CONNECT, DISCONNECT) goes through the same session, in one order
//! with them.

use std::{
    hint::black_box,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use engineioxide::{DisconnectReason, Frame, Line};
use starling_kernel::{
    envelope::Envelope,
    session::{Peer, SendError},
    topic::Namespace,
};
use tokio::runtime::Handle;

use super::{Opening, outlet::Outlet};

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
    line: Arc<Line>,
    outlet: Arc<Outlet>,
    runtime: Handle,
    state: AtomicU8,
    early: Mutex<Early>,
}

/// What happened before the client was told that it is connected.
#[derive(Default)]
struct Early {
    frames: Vec<(Frame, bool)>,
    disconnect: bool,
}

impl SocketPeer {
    pub(super) fn new(
        namespace: Namespace,
        line: Arc<Line>,
        outlet: Arc<Outlet>,
        runtime: Handle,
    ) -> Self {
        Self {
            namespace,
            line,
            outlet,
            runtime,
            state: AtomicU8::new(CONNECTING),
            early: Mutex::default(),
        }
    }

    /// The client has been told: what waited goes out, in order.
    pub(super) fn open(&self) {
        let mut early = self.early();
        for (frame, volatile) in std::mem::take(&mut early.frames) {
            if self.write(&frame, volatile) == Err(SendError::Full) {
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
    pub(super) fn ack(&self, id: i64, text: &str, attachments: &[Bytes]) -> Result<(), SendError> {
        let frame = Kind::Ack(id).frame(self.namespace, text, attachments);
        self.deliver(&frame, false)
    }

    /// Sends an event. `text` is the JSON array of its name and arguments.
    #[cfg(feature = "conformance")]
    pub(super) fn event(
        &self,
        text: &str,
        attachments: &[Bytes],
        volatile: bool,
    ) -> Result<(), SendError> {
        let frame = Kind::Event.frame(self.namespace, text, attachments);
        self.deliver(&frame, volatile)
    }

    fn deliver(&self, frame: &Frame, volatile: bool) -> Result<(), SendError> {
        if self.state.load(Ordering::Acquire) == CONNECTING {
            let mut early = self.early();
            // It may have been opened while we waited for the lock.
            if self.state.load(Ordering::Acquire) == CONNECTING {
                if early.frames.len() >= EARLY {
                    return Err(SendError::Full);
                }
                early.frames.push((frame.clone(), volatile));
                return Ok(());
            }
        }
        match self.state.load(Ordering::Acquire) {
            CLOSED => Err(SendError::Closed),
            _ => self.write(frame, volatile),
        }
    }

    fn write(&self, frame: &Frame, volatile: bool) -> Result<(), SendError> {
        if volatile {
            self.line.send_volatile(frame);
            return Ok(());
        }
        self.line.send(frame).map_err(|error| match error {
            engineioxide::SendError::Full => SendError::Full,
            engineioxide::SendError::Closed => SendError::Closed,
        })
    }

    /// Closes the transport should the client leave it open without a namespace.
    fn close_rest(&self) {
        let line = Arc::downgrade(&self.line);
        self.runtime.spawn(async move {
            tokio::time::sleep(LINGER).await;
            if let Some(line) = line.upgrade()
                && line
                    .kept::<Opening>()
                    .is_some_and(|opening| opening.incoming.is_idle())
            {
                line.kill(DisconnectReason::ClosingServer);
            }
        });
    }

    fn early(&self) -> MutexGuard<'_, Early> {
        self.early.lock().expect("no panic while held")
    }
}

/// The packets that are encoded here.
enum Kind {
    Event,
    Ack(i64),
}

impl Kind {
    /// `<type>[<attachments>-][<namespace>,][<id>]<JSON>`, and the attachments after it.
    fn frame(&self, namespace: Namespace, text: &str, attachments: &[Bytes]) -> Frame {
        let kind = match (self, attachments.is_empty()) {
            (Self::Event, true) => "2",
            (Self::Ack(_), true) => "3",
            (Self::Event, false) => "5",
            (Self::Ack(_), false) => "6",
        };
        let count = match attachments.len() {
            0 => String::new(),
            count => format!("{count}-"),
        };
        let (path, comma) = match namespace {
            "/" => ("", ""),
            path => (path, ","),
        };
        let id = match self {
            Self::Event => String::new(),
            Self::Ack(id) => id.to_string(),
        };
        Frame::message(&[kind, &count, path, comma, &id, text], attachments)
    }
}

impl Peer for SocketPeer {
    fn send(&self, envelope: &Envelope) -> Result<(), SendError> {
        let encode = || Kind::Event.frame(self.namespace, envelope.as_str(), &envelope.attachments);
        let frame = envelope.encoded(self.namespace, encode);
        self.deliver(frame, envelope.volatile)
    }

    fn fetch(&self) {
        black_box(self.state.load(Ordering::Relaxed));
        self.line.fetch();
    }

    fn backlog(&self) -> usize {
        self.line.waiting()
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
        match self.outlet.disconnect(self.line.sid()) {
            Err(SendError::Full) => self.kill(),
            _ => self.close_rest(),
        }
    }

    fn kill(&self) {
        self.line.kill(DisconnectReason::TransportError);
    }
}
