//! The node's lease: it beats, and takes a new life where this one is over or in doubt.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use metrics::counter;
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::{info, warn};

use super::{Known, Membership, PortError, PortResult, PresenceTimes, settle::settle};
use crate::{
    id::{Incarnation, NodeId},
    metric,
    time::Timestamp,
};

/// How often the members whose grace is over are looked for.
const SWEEP: Duration = Duration::from_millis(500);

/// The node's life.
pub(super) struct Lease {
    node: NodeId,
    times: PresenceTimes,
    incarnation: RwLock<Incarnation>,
    /// The life of which a step may or may not have reached the backend, or that is over.
    doubt: Mutex<Option<Incarnation>>,
    /// Wakes the beat at once where there is doubt.
    wake: Notify,
    ready: AtomicBool,
    retired: AtomicBool,
    /// One at a time: restoring everything, and reaping.
    settling: AtomicBool,
    reaping: AtomicBool,
}

impl Lease {
    pub(super) fn new(node: NodeId, times: PresenceTimes) -> Self {
        Self {
            incarnation: RwLock::new(Incarnation::of(&node)),
            node,
            times,
            doubt: Mutex::default(),
            wake: Notify::new(),
            ready: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            settling: AtomicBool::new(false),
            reaping: AtomicBool::new(false),
        }
    }

    pub(super) fn incarnation(&self) -> Incarnation {
        self.incarnation
            .read()
            .expect("no panic while held")
            .clone()
    }

    /// Nobody can tell what the backend holds of this life.
    pub(super) fn doubt(&self) {
        self.doubt_of(&self.incarnation());
    }

    /// The same of `life`, which does not matter any more where another has followed it.
    fn doubt_of(&self, life: &Incarnation) {
        if *life == self.incarnation() && self.doubted().replace(life.clone()).is_none() {
            self.wake.notify_one();
        }
    }

    /// The same, to be acted on with the next beat: a new life that failed is not followed by one
    /// after another.
    pub(super) fn doubt_later(&self) {
        *self.doubted() = Some(self.incarnation());
    }

    fn in_doubt(&self) -> bool {
        self.doubted().as_ref() == Some(&self.incarnation())
    }

    fn doubted(&self) -> MutexGuard<'_, Option<Incarnation>> {
        self.doubt.lock().expect("no panic while held")
    }

    /// Passes the result of a step of `life` on, and notes what it says of that.
    pub(super) fn note<T>(&self, life: &Incarnation, result: PortResult<T>) -> PortResult<T> {
        if let Err(PortError::Unknown(_) | PortError::Fenced) = result {
            self.doubt_of(life);
        }
        result
    }

    pub(super) fn is_settling(&self) -> bool {
        self.settling.load(Ordering::Relaxed)
    }

    pub(super) fn settled(&self) {
        self.settling.store(false, Ordering::Relaxed);
    }
}

impl Membership {
    /// Begins the lease, then renews it and sweeps for as long as the process lives. Returns once
    /// the lease has begun.
    pub async fn run(self: &Arc<Self>) -> PortResult<()> {
        let mine = self.lease.incarnation();
        self.port.begin(&mine, None, &Known::default()).await?;
        let beat = self.port.beat(&mine).await?;
        self.clock.adjust(beat.now);
        self.lease.ready.store(true, Ordering::Relaxed);
        tokio::spawn(beats(self.clone()));
        tokio::spawn(sweeps(self.clone()));
        Ok(())
    }

    /// Whether the last beat came through: the node is a part of the cluster.
    pub fn ready(&self) -> bool {
        self.lease.ready.load(Ordering::Relaxed)
    }

    /// How long a member stays after its last connection was lost.
    pub fn grace(&self) -> Duration {
        self.lease.times.grace
    }

    /// After this, whatever happened, all nodes that live have entered again what they hold, and who
    /// does not come back is gone.
    pub fn settles_within(&self) -> Duration {
        let times = &self.lease.times;
        times.lease + times.grace + 2 * SWEEP
    }

    /// Ends this life, so that the survivors reap what it still holds without waiting for its lease.
    pub async fn retire(&self) -> PortResult<()> {
        self.lease.retired.store(true, Ordering::Relaxed);
        self.port.retire(&self.lease.incarnation()).await
    }

    async fn beat(self: &Arc<Self>) -> PortResult<()> {
        let lease = &self.lease;
        let mine = lease.incarnation();
        let beat = match self.port.beat(&mine).await {
            Err(PortError::Fenced) => return self.reincarnate().await,
            other => other?,
        };
        self.clock.adjust(beat.now);
        if lease.in_doubt() {
            self.reincarnate().await?;
        }
        self.hub.forget();
        let dead: Vec<_> = beat.dead.into_iter().filter(|dead| *dead != mine).collect();
        if !dead.is_empty() && !lease.reaping.swap(true, Ordering::Relaxed) {
            tokio::spawn(reap(self.clone(), dead));
        }
        Ok(())
    }

    /// What this node can tell of what was given out of logs. The clock may be behind by as long as an
    /// answer was on its way, which is less than a lease.
    fn known(&self) -> Known {
        let places = self.hub.known();
        let forgotten = self.hub.forgotten().map(|at| self.clock.at(at));
        let lease = self.lease.times.lease.as_millis() as u64;
        Known {
            places,
            forgotten: forgotten.map(|at| Timestamp(at.0 + lease)),
        }
    }

    /// A new life. Everything is entered anew before the old life is let go, so that nobody is gone
    /// between; beats go on meanwhile.
    async fn reincarnate(self: &Arc<Self>) -> PortResult<()> {
        let lease = &self.lease;
        if lease.settling.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let (old, new) = (lease.incarnation(), Incarnation::of(&lease.node));
        if let Err(error) = self.port.begin(&new, Some(&old), &self.known()).await {
            lease.doubt_later();
            lease.settled();
            return Err(error);
        }
        *lease.incarnation.write().expect("no panic while held") = new.clone();
        lease.doubted().take();
        counter!(metric::INCARNATIONS).increment(1);
        warn!(%old, %new, "taking a new incarnation");
        tokio::spawn(settle(self.clone(), old));
        Ok(())
    }
}

/// What is not reaped now is still on the list of the next beat.
async fn reap(membership: Arc<Membership>, dead: Vec<Incarnation>) {
    for dead in dead {
        info!(incarnation = %dead, "reaping what a dead node held");
        if let Err(error) = membership.port.reap(&dead).await {
            warn!(%error, "could not reap");
        }
    }
    membership.lease.reaping.store(false, Ordering::Relaxed);
}

async fn beats(membership: Arc<Membership>) {
    let lease = &membership.lease;
    let mut tick = interval(lease.times.lease / 3);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = lease.wake.notified() => {}
        }
        if lease.retired.load(Ordering::Relaxed) {
            return;
        }
        let began = Instant::now();
        let result = membership.beat().await;
        let on_time = began.elapsed() < lease.times.lease;
        lease
            .ready
            .store(result.is_ok() && on_time, Ordering::Relaxed);
        match result {
            Ok(()) => membership.pay(),
            Err(error) => warn!(%error, "no beat"),
        }
    }
}

async fn sweeps(membership: Arc<Membership>) {
    let mut tick = interval(SWEEP);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if membership.lease.retired.load(Ordering::Relaxed) {
            return;
        }
        let life = membership.lease.incarnation();
        match membership.port.sweep().await {
            Ok(swept) if swept.leapt => membership.hub.compare(),
            Err(PortError::Fenced) => membership.lease.doubt_of(&life),
            // Without an answer there is nothing to do: another sweep follows.
            _ => {}
        }
    }
}
