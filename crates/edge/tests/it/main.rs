//! The edge over real sockets.

mod connect;
mod support;
