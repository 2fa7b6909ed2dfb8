//! Sessions on websockets (RFC 6455, server side).

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
