//! Sessions on websockets (RFC 6455, server side), with compressed messages (RFC 7692).

pub(crate) mod deflate;
pub(crate) mod extension;
pub(crate) mod frame;
mod goodbye;
pub(crate) mod handshake;
mod head;
mod mask;
mod message;
mod probe;
#[cfg(test)]
mod properties;
pub(crate) mod reader;
pub(crate) mod session;
pub(crate) mod wire;
