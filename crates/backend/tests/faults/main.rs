//! What becomes of a node when its Redis does not behave.
#![allow(clippy::unwrap_used, reason = "a test fails where it is wrong")]

mod failover;
mod follower;
mod loss;
mod noting;
mod stall;
mod start;
#[path = "../support/mod.rs"]
mod support;
mod takeover;
