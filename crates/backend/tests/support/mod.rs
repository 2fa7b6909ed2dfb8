//! What several tests need.
#![allow(dead_code, reason = "every test uses a part of it")]

pub(crate) mod data;
pub(crate) mod ground;
pub(crate) mod proxy;
pub(crate) mod server;
