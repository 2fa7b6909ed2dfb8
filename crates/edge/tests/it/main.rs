//! The edge over real sockets.

mod connect;
mod drain;
mod events;
mod limits;
mod metrics;
mod polling;
mod support;
mod tokens;
