//! Cluster time: milliseconds since the Unix epoch, as the backend's clock has them.
//!
//! Gateways' clocks differ; deadlines and timestamps are all on the backend's. A node learns the
//! difference with each beat and adds it to its own clock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize, Serializer};
use tokio::time::Instant;

/// A point in cluster time. Serialised for clients as RFC 3339 UTC with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This machine's own clock.
    pub fn local() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self(since.as_millis() as u64)
    }

    /// RFC 3339 UTC with milliseconds, e.g. `2026-11-22T10:00:00.000Z`.
    pub fn rfc3339(self) -> String {
        let at = UNIX_EPOCH + Duration::from_millis(self.0);
        humantime::format_rfc3339_millis(at).to_string()
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

/// When something happened in the backend, in microseconds: never the same twice, and later is more,
/// among all that concerns one place or one user.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Stamp(pub u64);

impl From<Timestamp> for Stamp {
    fn from(at: Timestamp) -> Self {
        Self(at.0.saturating_mul(1_000))
    }
}

impl From<Stamp> for Timestamp {
    fn from(at: Stamp) -> Self {
        Self(at.0 / 1_000)
    }
}

/// The node's estimate of cluster time: the backend's clock as last read, and the time since.
#[derive(Debug)]
pub struct Clock {
    began: Instant,
    /// Cluster time when it began, in milliseconds.
    began_at: AtomicU64,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            began_at: AtomicU64::new(Timestamp::local().0),
        }
    }
}

impl Clock {
    /// Cluster time now.
    pub fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    /// Cluster time at a moment since the node was started.
    pub fn at(&self, moment: Instant) -> Timestamp {
        let passed = moment.saturating_duration_since(self.began).as_millis() as u64;
        Timestamp(self.began_at.load(Ordering::Relaxed) + passed)
    }

    /// Takes over a reading of the backend's clock.
    pub fn adjust(&self, backend_now: Timestamp) {
        let began_at = backend_now.0.saturating_sub(self.passed());
        self.began_at.store(began_at, Ordering::Relaxed);
    }

    fn passed(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_rfc_3339_with_milliseconds() {
        assert_eq!(Timestamp(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            serde_json::to_string(&Timestamp(1_500)).unwrap(),
            r#""1970-01-01T00:00:01.500Z""#
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_the_backend_and_goes_on_by_itself() {
        let clock = Clock::default();
        tokio::time::advance(Duration::from_secs(5)).await;
        clock.adjust(Timestamp(1_000_000));
        assert_eq!(clock.now(), Timestamp(1_000_000));
        tokio::time::advance(Duration::from_millis(250)).await;
        assert_eq!(clock.now(), Timestamp(1_000_250));
    }
}
