//! A session as its handler sees it.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
pub use engineioxide_core::Sid;
use http::request::Parts;
use tokio::sync::mpsc::error::TrySendError;

use crate::{Frame, Line, ProtocolVersion, SendError, Str, TransportType};

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// The client left, or its connection did.
    TransportClose,
    /// A second GET or POST came while one was under way.
    MultipleHttpPollingError,
    /// The client sent what is no packet.
    PacketParsingError,
    /// The connection failed, or its client was too slow.
    TransportError,
    /// The client did not answer a ping in time.
    HeartbeatTimeout,
    /// The server ended it.
    ClosingServer,
}

/// One session, with what its handler keeps beside it.
#[derive(Debug)]
pub struct Socket<D: Default + Send + Sync + 'static> {
    /// Public: clients are told it. What stands in URLs is another one.
    pub id: Sid,
    /// Which Engine.IO its client speaks.
    pub protocol: ProtocolVersion,
    /// The handler's own.
    pub data: D,
    /// Empty: what a server wants to keep of the request is [`Line::kept`].
    pub req_parts: Parts,
    pub(crate) line: Arc<Line>,
}

impl<D: Default + Send + Sync + 'static> Socket<D> {
    pub(crate) fn new(line: Arc<Line>) -> Arc<Self> {
        let (req_parts, ()) = http::Request::new(()).into_parts();
        Arc::new(Self {
            id: line.sid,
            protocol: line.protocol,
            data: D::default(),
            req_parts,
            line,
        })
    }

    /// Room for one message, which cannot fail then.
    pub fn reserve(&self) -> Result<Permit<'_>, TrySendError<()>> {
        match self.line.check_room() {
            Ok(()) => Ok(Permit(&self.line)),
            Err(error) => Err(refused(error, ())),
        }
    }

    /// Sends a text message.
    pub fn emit(&self, message: impl Into<Str>) -> Result<(), TrySendError<Str>> {
        let message = message.into();
        let sent = self.line.send(&Frame::text(&message));
        sent.map_err(|error| refused(error, message))
    }

    /// Sends a binary message.
    pub fn emit_binary(&self, data: impl Into<Bytes>) -> Result<(), TrySendError<Bytes>> {
        let data = data.into();
        let sent = self.line.send(&Frame::binary(&data));
        sent.map_err(|error| refused(error, data))
    }

    /// Sends a text message, or drops it where it would have to wait; `false` then.
    pub fn emit_volatile(&self, message: impl Into<Str>) -> bool {
        self.line.send_volatile(&Frame::text(&message.into()))
    }

    /// The same, of a binary message.
    pub fn emit_binary_volatile(&self, data: impl Into<Bytes>) -> bool {
        self.line.send_volatile(&Frame::binary(&data.into()))
    }

    /// The same, of a text message and the binary ones that belong to it.
    pub fn emit_many_volatile(&self, message: Str, data: VecDeque<Bytes>) -> bool {
        self.line.send_volatile(&Frame::message(&[&message], &data))
    }

    /// Ends the session, once what waits for its client was sent, or could not be in a while.
    pub fn close(&self, reason: DisconnectReason) {
        self.line.close(reason);
    }

    /// Whether the session is over, or about to end.
    pub fn is_closed(&self) -> bool {
        self.line.is_ended()
    }

    /// Resolves when the session is over and its handler was told.
    pub async fn closed(&self) {
        self.line.gone().await;
    }

    /// What it runs over now.
    pub fn transport_type(&self) -> TransportType {
        self.line.transport()
    }
}

/// Room for one message.
#[derive(Debug)]
pub struct Permit<'a>(&'a Arc<Line>);

impl Permit<'_> {
    /// Sends a text message.
    pub fn emit(self, message: Str) {
        self.0.send_reserved(&Frame::text(&message));
    }

    /// Sends a binary message.
    pub fn emit_binary(self, data: Bytes) {
        self.0.send_reserved(&Frame::binary(&data));
    }

    /// Sends a text message and the binary ones that belong to it, with nothing between them.
    pub fn emit_many(self, message: Str, data: VecDeque<Bytes>) {
        self.0.send_reserved(&Frame::message(&[&message], &data));
    }
}

fn refused<T>(error: SendError, what: T) -> TrySendError<T> {
    match error {
        SendError::Full => TrySendError::Full(what),
        SendError::Closed => TrySendError::Closed(what),
    }
}
