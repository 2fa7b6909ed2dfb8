//! A light load generator for gateways on loopback: one thread, one buffer for all clients, and
//! Engine.IO 4, Socket.IO 5 and websocket frames by hand, so that what is measured are the
//! gateways and not their client. docs/BENCHMARKS.md says how to use it.

pub mod app;
pub mod client;
pub mod frame;
pub mod histogram;
pub mod outcome;
pub mod packet;
pub mod scenarios;
pub mod tally;
pub mod tokens;
pub mod usage;
