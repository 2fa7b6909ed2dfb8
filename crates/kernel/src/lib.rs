//! The words every other crate speaks.
//!
//! * [`id`], [`topic`], [`time`], [`envelope`], [`error`], [`limits`]: plain values.
//! * [`ports`]: what a backend must do, named by what it does and not by how.
//! * [`hub`]: what this node's own connections listen to, in one order, without a gap.
//! * [`membership`]: who is where: the only way in and out of places, and the node's lease.
//! * [`session`], [`feature`], [`dispatch`]: the one way in.
//!
//! Deliberately absent: HTTP, Socket.IO, Redis and every single feature.

pub mod dispatch;
pub mod envelope;
pub mod error;
pub mod event;
pub mod feature;
mod fields;
pub mod hub;
pub mod id;
pub mod limits;
pub mod membership;
pub mod metric;
pub mod pattern;
pub mod payload;
pub mod ports;
pub mod rate;
pub mod session;
pub mod time;
pub mod topic;
pub mod workers;
