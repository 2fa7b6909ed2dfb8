//! The shared state and the relay: in memory for one node, on Redis for many, behind the kernel's ports.
//!
//! * [`memory`]: many nodes of one process may share a store, which is how tests build a cluster.
//! * [`redis`]: standalone, Sentinel or Cluster, by the URL.
//!
//! Both keep the same contract, to the letter: `tests/conformance` runs one list of cases on both.

use std::time::Duration;

use starling_kernel::time::Timestamp;

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

/// How long it is remembered how far the log of a dead room had come, so that the next room of that
/// name gives no `seq` a second time.
const PAST: Duration = Duration::from_secs(24 * 3600);

/// A copy of the data that is further behind is no replica that takes over, but a dump: much was given
/// since that no node can tell of.
const STALE: Duration = Duration::from_secs(10);

/// How long restoring what everybody holds may take after everything was lost: some ten thousand
/// memberships of a node.
const SETTLING: Duration = Duration::from_secs(60);

/// How long it is remembered that a user was evicted, so that no node that was away restores it.
const EVICTED: Duration = Duration::from_secs(15 * 60);

/// Above every `seq` that was given before everything was lost, as long as no topic has more than
/// one message in each millisecond since 2026.
fn floor(now: Timestamp) -> u64 {
    now.0.saturating_sub(1_767_225_600_000)
}
