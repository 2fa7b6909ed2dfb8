use std::time::Duration;

use async_trait::async_trait;

use super::PortResult;

/// A rate over all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Sustained, per second; at least 1.
    pub per_second: u32,
    /// At once; at least 1.
    pub burst: u32,
}

/// Rates that hold over all nodes.
#[async_trait]
pub trait Limiter: Send + Sync {
    /// Takes `n` from the bucket `key`; `Some(wait)` where there are not as many now, and then
    /// takes none. A bucket that is full is forgotten.
    async fn take(&self, key: &str, n: u32, rate: Rate) -> PortResult<Option<Duration>>;
}
