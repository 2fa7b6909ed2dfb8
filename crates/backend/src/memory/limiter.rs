use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use async_trait::async_trait;
use starling_kernel::ports::{Limiter, PortResult, Rate};
use tokio::time::Instant;

use super::MemoryNode;

/// Buckets that are not full, each as the time at which it will be (the generic cell rate
/// algorithm: one number a bucket). As many as keys were used within the time a bucket fills.
#[derive(Clone, Default)]
pub(super) struct Buckets {
    full_at: HashMap<String, Instant>,
    by_time: BTreeSet<(Instant, String)>,
}

impl Buckets {
    fn take(&mut self, now: Instant, key: &str, n: u32, rate: Rate) -> Option<Duration> {
        self.forget_full(now);
        let each = Duration::from_secs(1) / rate.per_second.max(1);
        let full_at = self.full_at.get(key).map_or(now, |at| (*at).max(now)) + each * n;
        let over = (full_at - now).checked_sub(each * rate.burst);
        if let Some(wait) = over.filter(|wait| !wait.is_zero()) {
            return Some(wait);
        }
        if let Some(before) = self.full_at.insert(key.to_owned(), full_at) {
            self.by_time.remove(&(before, key.to_owned()));
        }
        self.by_time.insert((full_at, key.to_owned()));
        None
    }

    fn forget_full(&mut self, now: Instant) {
        while self.by_time.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.by_time.pop_first() {
                self.full_at.remove(&key);
            }
        }
    }
}

#[async_trait]
impl Limiter for MemoryNode {
    async fn take(&self, key: &str, n: u32, rate: Rate) -> PortResult<Option<Duration>> {
        Ok(self.step(|state, _| state.buckets.take(Instant::now(), key, n, rate)))
    }
}
