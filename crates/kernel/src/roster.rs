//! What this node's connections hold in the cluster, renewed by leases.
//!
//! The node beats. If it could not renew its lease, or is in doubt whether a step reached the
//! backend, it takes a new incarnation, enters everything anew and retires the old one; whatever the
//! old one still held is reaped. So no failure leaves a ghost behind, and nobody is lost.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use metrics::counter;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::{
    hub::Hub,
    id::{ConnId, Incarnation, NodeId},
    metric,
    ports::{
        Entered, Entry, Holder, Leave, Member, PortError, PortResult, Presence, PresenceTimes,
    },
    time::Clock,
    topic::Topic,
};

/// Entries made at the same time when a node enters everything anew.
const ENTERING_AT_ONCE: usize = 64;

/// How often the members whose grace is over are looked for.
const SWEEP: Duration = Duration::from_millis(500);

struct Held {
    member: Member,
    private: bool,
}

/// The node's own part of presence.
pub struct Roster {
    port: Arc<dyn Presence>,
    hub: OnceLock<Arc<Hub>>,
    node: NodeId,
    times: PresenceTimes,
    clock: Arc<Clock>,
    incarnation: RwLock<Incarnation>,
    held: Mutex<HashMap<(ConnId, Topic), Held>>,
    /// A step may or may not have reached the backend.
    doubt: AtomicBool,
    ready: AtomicBool,
    retired: AtomicBool,
    /// One at a time: entering everything anew, and reaping.
    settling: AtomicBool,
    reaping: AtomicBool,
}

impl Roster {
    /// A roster that holds nothing yet.
    pub fn new(
        port: Arc<dyn Presence>,
        node: NodeId,
        times: PresenceTimes,
        clock: Arc<Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            incarnation: RwLock::new(Incarnation::of(&node)),
            port,
            hub: OnceLock::new(),
            node,
            times,
            clock,
            held: Mutex::default(),
            doubt: AtomicBool::new(false),
            ready: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            settling: AtomicBool::new(false),
            reaping: AtomicBool::new(false),
        })
    }

    /// Begins the lease, then renews it and sweeps for as long as the process lives. Returns once
    /// the lease has begun.
    ///
    /// After a new incarnation the hub compares with the logs: what cost the lease may have cost
    /// messages, or the logs themselves.
    pub async fn run(self: &Arc<Self>, hub: Arc<Hub>) -> PortResult<()> {
        let _ = self.hub.set(hub);
        let beat = self.port.beat(&self.incarnation()).await?;
        self.clock.adjust(beat.now);
        self.ready.store(true, Ordering::Relaxed);
        tokio::spawn(beats(self.clone()));
        tokio::spawn(sweeps(self.clone()));
        Ok(())
    }

    /// Whether the last beat came through: the node is a part of the cluster.
    pub fn ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Lets a connection hold `member` in `place` until it exits.
    pub async fn enter(
        &self,
        place: &Topic,
        member: &Member,
        conn: &ConnId,
        entry: &Entry,
    ) -> PortResult<Entered> {
        let holder = self.holder(conn);
        let result = self.port.enter(place, member, &holder, entry).await;
        self.note_doubt(&result);
        let entered = result?;
        let held = Held {
            member: member.clone(),
            private: entered.private,
        };
        self.lock().insert((conn.clone(), place.clone()), held);
        // It may have been made under a life that ended meanwhile, too late to be entered anew.
        if self.incarnation() != holder.incarnation {
            self.doubt.store(true, Ordering::Relaxed);
        }
        Ok(entered)
    }

    /// The opposite of [`Roster::enter`]; `true` where the member is gone with it. Cannot fail: what
    /// does not reach the backend now is reaped with this incarnation.
    pub async fn exit(&self, place: &Topic, conn: &ConnId, leave: Leave) -> bool {
        let Some(held) = self.lock().remove(&(conn.clone(), place.clone())) else {
            return false;
        };
        let holder = self.holder(conn);
        let result = self
            .port
            .exit(place, &held.member.user, &holder, leave)
            .await;
        self.note_doubt(&result);
        // It was not done, and nobody will do it again: only a new life lets it go.
        if let Err(PortError::NotSent(_)) = result {
            self.doubt.store(true, Ordering::Relaxed);
        }
        result.unwrap_or(false)
    }

    /// Ends this life, so that the survivors reap what it still holds without waiting for its lease.
    pub async fn retire(&self) -> PortResult<()> {
        self.retired.store(true, Ordering::Relaxed);
        self.port.retire(&self.incarnation()).await
    }

    /// Forgets what a connection held, without telling the backend: it was evicted there.
    pub fn forget(&self, place: &Topic, conn: &ConnId) {
        self.lock().remove(&(conn.clone(), place.clone()));
    }

    fn note_doubt<T>(&self, result: &PortResult<T>) {
        if let Err(PortError::Unknown(_) | PortError::Fenced) = result {
            self.doubt.store(true, Ordering::Relaxed);
        }
    }

    fn holder(&self, conn: &ConnId) -> Holder {
        Holder {
            incarnation: self.incarnation(),
            conn: conn.clone(),
        }
    }

    fn incarnation(&self) -> Incarnation {
        self.incarnation
            .read()
            .expect("no panic while held")
            .clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(ConnId, Topic), Held>> {
        self.held.lock().expect("no panic while held")
    }

    async fn beat(self: &Arc<Self>) -> PortResult<()> {
        let mine = self.incarnation();
        let beat = match self.port.beat(&mine).await {
            Err(PortError::Fenced) => return self.reincarnate().await,
            other => other?,
        };
        self.clock.adjust(beat.now);
        if self.doubt.load(Ordering::Relaxed) {
            self.reincarnate().await?;
        }
        let dead: Vec<_> = beat.dead.into_iter().filter(|dead| *dead != mine).collect();
        if !dead.is_empty() && !self.reaping.swap(true, Ordering::Relaxed) {
            tokio::spawn(reap(self.clone(), dead));
        }
        Ok(())
    }

    /// A new life. Everything is entered anew before the old life is let go, so that nobody is gone
    /// between; beats go on meanwhile.
    async fn reincarnate(self: &Arc<Self>) -> PortResult<()> {
        if self.settling.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let (old, new) = (self.incarnation(), Incarnation::of(&self.node));
        if let Err(error) = self.port.beat(&new).await {
            self.settling.store(false, Ordering::Relaxed);
            return Err(error);
        }
        *self.incarnation.write().expect("no panic while held") = new.clone();
        self.doubt.store(false, Ordering::Relaxed);
        counter!(metric::INCARNATIONS).increment(1);
        warn!(%old, %new, "taking a new incarnation");
        tokio::spawn(settle(self.clone(), old));
        Ok(())
    }

    async fn enter_all(&self) -> PortResult<()> {
        let keys: Vec<_> = self.lock().keys().cloned().collect();
        let (rooms, namespaces): (Vec<_>, Vec<_>) = keys
            .into_iter()
            .partition(|(_, place)| place.room_name().is_some());
        // Rooms are noted in the session that the namespace holds.
        for keys in [namespaces, rooms] {
            let results = stream::iter(keys).map(|(conn, place)| self.enter_again(conn, place));
            let results: Vec<_> = results.buffer_unordered(ENTERING_AT_ONCE).collect().await;
            results.into_iter().collect::<PortResult<()>>()?;
        }
        Ok(())
    }

    async fn enter_again(&self, conn: ConnId, place: Topic) -> PortResult<()> {
        let key = (conn, place);
        let (member, entry) = match self.lock().get(&key) {
            None => return Ok(()),
            Some(held) if key.1.room_name().is_some() => (
                held.member.clone(),
                Entry::Restore {
                    private: held.private,
                },
            ),
            Some(held) => (held.member.clone(), Entry::Open { announce: false }),
        };
        let holder = self.holder(&key.0);
        self.port.enter(&key.1, &member, &holder, &entry).await?;
        if let Topic::Room(namespace, room) = &key.1 {
            let online = Topic::Namespace(namespace);
            self.port
                .note_room(&online, &member.user, room, true)
                .await?;
        }
        // It may have left in the meantime, with the old incarnation or too early.
        if !self.lock().contains_key(&key) {
            self.port
                .exit(&key.1, &member.user, &holder, Leave::AfterGrace)
                .await?;
        }
        Ok(())
    }
}

/// Enters everything anew, then lets the old life go.
async fn settle(roster: Arc<Roster>, old: Incarnation) {
    let settled = async {
        roster.enter_all().await?;
        roster.port.retire(&old).await?;
        roster.port.reap(&old).await
    };
    if let Err(error) = settled.await {
        warn!(%error, "could not settle in the new incarnation");
        roster.doubt.store(true, Ordering::Relaxed);
    } else if let Some(hub) = roster.hub.get() {
        hub.compare();
    }
    roster.settling.store(false, Ordering::Relaxed);
}

/// What is not reaped now is still on the list of the next beat.
async fn reap(roster: Arc<Roster>, dead: Vec<Incarnation>) {
    for dead in dead {
        info!(incarnation = %dead, "reaping what a dead node held");
        if let Err(error) = roster.port.reap(&dead).await {
            warn!(%error, "could not reap");
        }
    }
    roster.reaping.store(false, Ordering::Relaxed);
}

async fn beats(roster: Arc<Roster>) {
    let mut tick = interval(roster.times.lease / 3);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if roster.retired.load(Ordering::Relaxed) {
            return;
        }
        let began = Instant::now();
        let result = roster.beat().await;
        let on_time = began.elapsed() < roster.times.lease;
        roster
            .ready
            .store(result.is_ok() && on_time, Ordering::Relaxed);
        if let Err(error) = result {
            warn!(%error, "no beat");
        }
    }
}

async fn sweeps(roster: Arc<Roster>) {
    let mut tick = interval(SWEEP);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        // Without an answer there is nothing to do: another sweep follows.
        let _ = roster.port.sweep().await;
    }
}
