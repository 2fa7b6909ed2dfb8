//! The engine at its own level: over its tower service, and over streams that are simulated.
// A helper that fails fails its test, which is all that is wanted of it.
#![allow(clippy::unwrap_used)]

mod polling;
mod pressure;
mod schedule;
mod stress;
mod support;
mod upgrade;
mod websocket;
