//! The rate limit of one connection.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::Limits;

/// How many events are taken from the user's cluster-wide bucket at a time: a trip to the backend
/// for each event would cost more than most events.
pub const CHUNK: u32 = 50;

/// What the limit says to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Pass,
    /// Go on if [`CHUNK`] can be taken from the user's bucket.
    PassIfUser,
    /// Refused.
    Limited,
    /// Refused for so long that the connection is to be closed.
    Close,
}

/// A token bucket that also sees how long it has been refusing.
#[derive(Debug)]
pub struct Meter {
    tokens: f64,
    at: Instant,
    /// Tokens that were not yet taken from the user's bucket.
    unsettled: f64,
    refused_until: Option<Instant>,
    refusing: Option<(Instant, Instant)>,
}

impl Meter {
    /// A full bucket.
    pub fn new(limits: &Limits) -> Self {
        Self {
            tokens: f64::from(limits.events_burst),
            at: Instant::now(),
            unsettled: 0.0,
            refused_until: None,
            refusing: None,
        }
    }

    /// One event, which costs so many tokens.
    pub fn take(&mut self, cost: f64, limits: &Limits) -> Verdict {
        let now = Instant::now();
        let earned =
            now.duration_since(self.at).as_secs_f64() * f64::from(limits.events_per_second);
        self.tokens = (self.tokens + earned).min(f64::from(limits.events_burst));
        self.at = now;
        if self.tokens < cost || self.refused_until.is_some_and(|until| now < until) {
            return self.refuse(limits);
        }
        self.tokens -= cost;
        self.unsettled += cost;
        if self.unsettled < f64::from(CHUNK) {
            return Verdict::Pass;
        }
        self.unsettled = 0.0;
        Verdict::PassIfUser
    }

    /// The user's bucket is empty: refuse everything for `wait`, and then ask it again for what was
    /// let through on credit.
    pub fn hold(&mut self, wait: Duration) {
        self.unsettled = f64::from(CHUNK);
        self.refused_until = Some(Instant::now() + wait);
    }

    /// Notes a refusal. Refusals less than a second apart are one stretch.
    fn refuse(&mut self, limits: &Limits) -> Verdict {
        let now = Instant::now();
        let since = match self.refusing {
            Some((since, last)) if now - last <= Duration::from_secs(1) => since,
            _ => now,
        };
        self.refusing = Some((since, now));
        if now - since >= limits.limited_for {
            Verdict::Close
        } else {
            Verdict::Limited
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn passes(meter: &mut Meter, limits: &Limits, n: usize) -> usize {
        let passed = |v| matches!(v, Verdict::Pass | Verdict::PassIfUser);
        (0..n).filter(|_| passed(meter.take(1.0, limits))).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_the_sustained_rate() {
        let limits = Limits::default();
        let mut meter = Meter::new(&limits);
        assert_eq!(passes(&mut meter, &limits, 300), 200);
        advance(Duration::from_millis(500)).await;
        assert_eq!(passes(&mut meter, &limits, 300), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn what_costs_half_a_token_passes_twice_as_often() {
        let limits = Limits::default();
        let mut meter = Meter::new(&limits);
        let mut passed = |n: usize| {
            let verdicts = (0..n).map(|_| meter.take(0.5, &limits));
            let verdicts: Vec<_> = verdicts.collect();
            let count = |which| verdicts.iter().filter(|v| **v == which).count();
            (count(Verdict::Pass), count(Verdict::PassIfUser))
        };
        assert_eq!(passed(500), (396, 4), "the burst");
        advance(Duration::from_secs(1)).await;
        assert_eq!(passed(500), (198, 2), "a second");
    }

    #[tokio::test(start_paused = true)]
    async fn ten_seconds_of_flood_close_the_connection_and_a_pause_forgives() {
        let limits = Limits::default();
        let mut meter = Meter::new(&limits);
        passes(&mut meter, &limits, 200);
        for _ in 0..99 {
            advance(Duration::from_millis(100)).await;
            passes(&mut meter, &limits, 11);
            assert_eq!(meter.take(1.0, &limits), Verdict::Limited);
        }
        advance(Duration::from_millis(200)).await;
        passes(&mut meter, &limits, 21);
        assert_eq!(meter.take(1.0, &limits), Verdict::Close);
        advance(Duration::from_secs(3)).await;
        passes(&mut meter, &limits, 200);
        assert_eq!(meter.take(1.0, &limits), Verdict::Limited);
    }

    #[tokio::test(start_paused = true)]
    async fn the_users_bucket_is_asked_once_a_chunk() {
        let limits = Limits::default();
        let mut meter = Meter::new(&limits);
        let asked = (0..150)
            .filter(|_| meter.take(1.0, &limits) == Verdict::PassIfUser)
            .count();
        assert_eq!(asked, 3);
        meter.hold(Duration::from_millis(100));
        assert_eq!(meter.take(1.0, &limits), Verdict::Limited);
    }

    #[tokio::test(start_paused = true)]
    async fn a_chunk_that_was_refused_is_still_owed() {
        let limits = Limits::default();
        let mut meter = Meter::new(&limits);
        while meter.take(1.0, &limits) != Verdict::PassIfUser {}
        for _ in 0..3 {
            meter.hold(Duration::from_millis(100));
            advance(Duration::from_millis(100)).await;
            assert_eq!(meter.take(1.0, &limits), Verdict::PassIfUser);
        }
        assert_eq!(meter.take(1.0, &limits), Verdict::Pass, "it was taken");
    }
}
