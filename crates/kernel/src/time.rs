//! Cluster time: milliseconds since the Unix epoch, as the backend's clock has them.
//!
//! Gateways' clocks differ; deadlines and timestamps are all on the backend's. A node learns the
//! difference with each beat and adds it to its own clock.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize, Serializer};

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

/// The node's estimate of cluster time.
#[derive(Debug, Default)]
pub struct Clock {
    offset_ms: AtomicI64,
}

impl Clock {
    /// Cluster time now.
    pub fn now(&self) -> Timestamp {
        let local = Timestamp::local().0 as i64;
        Timestamp((local + self.offset_ms.load(Ordering::Relaxed)).max(0) as u64)
    }

    /// Sets the offset from a reading of the backend's clock.
    pub fn adjust(&self, backend_now: Timestamp) {
        let offset = backend_now.0 as i64 - Timestamp::local().0 as i64;
        self.offset_ms.store(offset, Ordering::Relaxed);
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

    #[test]
    fn the_clock_follows_the_backend() {
        let clock = Clock::default();
        clock.adjust(Timestamp(Timestamp::local().0 + 60_000));
        let ahead = clock.now().0 as i64 - Timestamp::local().0 as i64;
        assert!((59_000..=61_000).contains(&ahead), "{ahead}");
    }
}
