//! Turns: what is too much at once waits instead of failing.

use std::time::Duration;

use starling_kernel::ports::{PortError, PortResult};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// Who may wait at once; more are refused.
const WAITING: usize = 16_384;

/// Lets so many pass at once. More wait, first come first served, and not for ever.
pub(super) struct Pace {
    permits: Semaphore,
    waiting: Semaphore,
    patience: Duration,
}

impl Pace {
    pub(super) fn new(at_once: usize, patience: Duration) -> Self {
        Self {
            permits: Semaphore::new(at_once),
            waiting: Semaphore::new(WAITING),
            patience,
        }
    }

    /// A turn, which ends when it is dropped.
    pub(super) async fn turn(&self) -> PortResult<SemaphorePermit<'_>> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(permit);
        }
        let refused = || PortError::NotSent("too many commands are on their way".to_owned());
        let _waits = self.waiting.try_acquire().map_err(|_| refused())?;
        match timeout(self.patience, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(refused()),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn more_than_may_pass_wait_for_their_turn() {
        let pace = Pace::new(2, Duration::from_secs(2));
        let held = (pace.turn().await.unwrap(), pace.turn().await.unwrap());
        let late = pace.turn().await;
        assert!(matches!(late, Err(PortError::NotSent(_))));
        let (a, b, ()) = tokio::join!(pace.turn(), pace.turn(), async { drop(held) });
        assert!(a.is_ok() && b.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_are_bounded() {
        let pace = Pace::new(1, Duration::from_secs(2));
        let _held = pace.turn().await.unwrap();
        let began = tokio::time::Instant::now();
        let all = join_all((0..WAITING).map(|_| pace.turn()));
        let one_more = async { (pace.turn().await.is_err(), began.elapsed()) };
        let (all, one_more) = tokio::join!(all, one_more);
        assert_eq!(one_more, (true, Duration::ZERO));
        assert!(all.iter().all(Result::is_err));
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }
}
