//! What the engine tells whoever stands on it.

use std::{fmt::Debug, sync::Arc};

use bytes::Bytes;

use crate::{DisconnectReason, Socket, Str};

/// Is told of sessions and of what their clients say.
///
/// Messages of a session come in the order in which they were sent, one after the other. Nothing is
/// called while a lock of the engine is held.
pub trait EngineIoHandler: Debug + Send + Sync + 'static {
    /// Kept with each session.
    type Data: Default + Send + Sync + 'static;

    /// A session has begun; its open packet is on its way.
    fn on_connect(self: Arc<Self>, socket: Arc<Socket<Self::Data>>);

    /// A session is over. Told once for each, after everything else.
    fn on_disconnect(&self, socket: Arc<Socket<Self::Data>>, reason: DisconnectReason);

    /// A text message.
    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<Socket<Self::Data>>);

    /// A binary message.
    fn on_binary(self: &Arc<Self>, data: Bytes, socket: Arc<Socket<Self::Data>>);
}
