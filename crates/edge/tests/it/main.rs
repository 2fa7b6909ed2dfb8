//! The edge over real sockets.
// A helper that fails fails its test, which is all that is wanted of it.
#![allow(clippy::unwrap_used)]

mod connect;
mod cors;
mod drain;
mod events;
mod limits;
mod metrics;
mod page;
mod polling;
mod support;
mod tokens;
mod workers;
