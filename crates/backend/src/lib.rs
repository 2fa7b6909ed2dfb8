//! The shared state and the relay: in memory for one node, on Redis for many, behind the kernel's ports.
//!
//! * [`memory`]: many nodes of one process may share a store, which is how tests build a cluster.
//! * [`redis`]: standalone, Sentinel or Cluster, by the URL.
//!
//! Both keep the same contract, to the letter: `tests/conformance` runs one list of cases on both.

use std::time::Duration;

mod ear;
pub mod memory;
mod metric;
pub mod redis;

pub use metric::describe;

/// How long a repeat of a message is recognised.
const REPEAT_WINDOW: Duration = Duration::from_secs(600);

/// Entries that the log of a presence partition keeps; a node that fell further behind than this
/// hears that its history was trimmed.
const PRESENCE_HISTORY: usize = 10_000;

/// Letters of an epoch: 71 bits, so that no two lives of a log share one.
const EPOCH_LEN: usize = 12;

/// Members that one call of a sweep removes at most from a partition; the next call goes on.
const SWEEP_BATCH: usize = 500;
