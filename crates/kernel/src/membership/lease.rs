//! The node's lease: it beats, and takes a new life where this one is over or in doubt.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use metrics::counter;
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::{info, warn};

use super::{Membership, PortError, PortResult, PresenceTimes, settle::settle};
use crate::{
    id::{Incarnation, NodeId},
    metric,
};

/// How often the members whose grace is over are looked for.
const SWEEP: Duration = Duration::from_millis(500);

/// The node's life.
pub(super) struct Lease {
    node: NodeId,
    times: PresenceTimes,
    incarnation: RwLock<Incarnation>,
    /// A step may or may not have reached the backend, or this life is over.
    doubt: AtomicBool,
    /// This life was over: what is noted here may not be so any more, until all is restored.
    lapsed: AtomicBool,
    /// How often something was lost on the way from the backend, which may be another one since, and
    /// up to which of these a beat came through afterwards.
    losses: AtomicU64,
    verified: AtomicU64,
    /// When the last beat that came through was sent.
    beaten: Mutex<Instant>,
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
            doubt: AtomicBool::new(false),
            lapsed: AtomicBool::new(false),
            losses: AtomicU64::new(0),
            verified: AtomicU64::new(0),
            beaten: Mutex::new(Instant::now()),
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
        if !self.doubt.swap(true, Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }

    /// The same, to be acted on with the next beat: a new life that failed is not followed by one
    /// after another.
    pub(super) fn doubt_later(&self) {
        self.doubt.store(true, Ordering::Relaxed);
    }

    /// Passes a result on, and notes what it says of this life.
    pub(super) fn note<T>(&self, result: PortResult<T>) -> PortResult<T> {
        if let Err(PortError::Unknown(_) | PortError::Fenced) = result {
            self.doubt();
        }
        result
    }

    fn beaten(&self) -> MutexGuard<'_, Instant> {
        self.beaten.lock().expect("no panic while held")
    }

    /// Whether what is noted here is how the cluster sees it: nobody can have taken this life for
    /// dead.
    fn is_current(&self) -> bool {
        let verified = self.verified.load(Ordering::Relaxed) == self.losses.load(Ordering::Relaxed);
        let sure = verified && !self.lapsed.load(Ordering::Relaxed);
        sure && self.beaten().elapsed() < self.times.lease
    }

    pub(super) fn is_settling(&self) -> bool {
        self.settling.load(Ordering::Relaxed)
    }

    pub(super) fn settled(&self) {
        self.settling.store(false, Ordering::Relaxed);
    }

    /// All is restored.
    pub(super) fn is_whole(&self) {
        self.lapsed.store(false, Ordering::Relaxed);
    }
}

impl Membership {
    /// Begins the lease, then renews it and sweeps for as long as the process lives. Returns once
    /// the lease has begun.
    pub async fn run(self: &Arc<Self>) -> PortResult<()> {
        let mine = self.lease.incarnation();
        self.port.begin(&mine, None, &[]).await?;
        *self.lease.beaten() = Instant::now();
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

    /// Whether this node may bring its rooms what comes from others, and others what comes from them:
    /// one that was frozen or cut off, or whose backend is another one since, may hold members of
    /// rooms that are somebody else's now.
    pub(crate) fn is_current(&self) -> bool {
        self.lease.is_current()
    }

    /// Something was lost on the way from the backend: makes sure that this life goes on.
    pub(crate) fn verify(&self) {
        self.lease.losses.fetch_add(1, Ordering::Relaxed);
        self.lease.wake.notify_one();
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
        let (was_current, began) = (lease.is_current(), Instant::now());
        let losses = lease.losses.load(Ordering::Relaxed);
        let beat = match self.port.beat(&mine).await {
            Err(PortError::Fenced) => {
                lease.lapsed.store(true, Ordering::Relaxed);
                return self.reincarnate().await;
            }
            other => other?,
        };
        *lease.beaten() = began;
        lease.verified.store(losses, Ordering::Relaxed);
        self.clock.adjust(beat.now);
        if !was_current && lease.is_current() {
            self.hub.compare();
        }
        if lease.doubt.load(Ordering::Relaxed) {
            self.reincarnate().await?;
        }
        let dead: Vec<_> = beat.dead.into_iter().filter(|dead| *dead != mine).collect();
        if !dead.is_empty() && !lease.reaping.swap(true, Ordering::Relaxed) {
            tokio::spawn(reap(self.clone(), dead));
        }
        Ok(())
    }

    /// A new life. Everything is entered anew before the old life is let go, so that nobody is gone
    /// between; beats go on meanwhile.
    async fn reincarnate(self: &Arc<Self>) -> PortResult<()> {
        let lease = &self.lease;
        if lease.settling.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let (old, new) = (lease.incarnation(), Incarnation::of(&lease.node));
        lease.doubt.store(false, Ordering::Relaxed);
        if let Err(error) = self.port.begin(&new, Some(&old), &self.hub.known()).await {
            lease.doubt_later();
            lease.settled();
            return Err(error);
        }
        *lease.incarnation.write().expect("no panic while held") = new.clone();
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
        // Without an answer there is nothing to do: another sweep follows.
        if let Err(PortError::Fenced) = membership.port.sweep().await {
            membership.lease.doubt();
        }
    }
}
