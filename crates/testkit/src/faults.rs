//! What goes wrong between a node and the backend.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use starling_kernel::{
    envelope::{Draft, Position},
    id::{ConnId, Incarnation, RoomName, UserId},
    ports::*,
    time::Stamp,
    topic::Topic,
};
use tokio::sync::{mpsc, watch};

/// Switches of a node's faults.
#[derive(Default)]
pub struct Faults {
    cut: AtomicBool,
    refuse: AtomicBool,
    lives_ended: AtomicUsize,
    lose: AtomicUsize,
    /// Whether the relay is behind: what it brings is kept until it is not.
    lag: watch::Sender<bool>,
    heard: Mutex<Option<mpsc::Sender<Heard>>>,
}

impl Faults {
    /// Nothing passes any more in either direction: the node is dead for the others.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// From now on (`true`) the backend refuses everything but beats, and does nothing of it.
    pub fn refuse(&self, refuse: bool) {
        self.refuse.store(refuse, Ordering::Relaxed);
    }

    /// Lives that the node has ended.
    pub fn lives_ended(&self) -> usize {
        self.lives_ended.load(Ordering::Relaxed)
    }

    /// Passes again; what was missed is missed.
    pub async fn mend(&self) {
        self.cut.store(false, Ordering::Relaxed);
        self.tell(Heard::Lost).await;
    }

    /// The node is told this.
    pub async fn tell(&self, heard: Heard) {
        let ear = self.heard.lock().expect("no panic while held").clone();
        if let Some(ear) = ear {
            let _ = ear.send(heard).await;
        }
    }

    /// Whether the relay is behind: what it brings arrives when it no longer is.
    pub fn lag(&self, behind: bool) {
        self.lag.send_replace(behind);
    }

    /// The node misses the next `n` parcels.
    pub fn lose(&self, n: usize) {
        self.lose.store(n, Ordering::Relaxed);
    }

    pub(crate) fn between(self: &Arc<Self>, backend: Backend) -> Backend {
        let faulty = Arc::new(Faulty {
            faults: self.clone(),
            inner: backend,
        });
        Backend {
            bus: faulty.clone(),
            log: faulty.clone(),
            presence: faulty.clone(),
            rooms: faulty.clone(),
            limiter: faulty,
        }
    }

    fn check(&self) -> PortResult<()> {
        if self.refuse.load(Ordering::Relaxed) {
            return Err(PortError::NotSent("refused".into()));
        }
        self.check_wire()
    }

    fn check_wire(&self) -> PortResult<()> {
        match self.cut.load(Ordering::Relaxed) {
            true => Err(PortError::Unknown("cut".into())),
            false => Ok(()),
        }
    }

    fn loses(&self, heard: &Heard) -> bool {
        let parcel = matches!(heard, Heard::Parcel { .. });
        let lose = || {
            self.lose
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
        };
        self.cut.load(Ordering::Relaxed) || (parcel && lose().is_ok())
    }
}

struct Faulty {
    faults: Arc<Faults>,
    inner: Backend,
}

#[async_trait]
impl Bus for Faulty {
    async fn subscribe(&self, topic: &Topic) -> PortResult<()> {
        self.faults.check()?;
        self.inner.bus.subscribe(topic).await
    }

    async fn unsubscribe(&self, topic: &Topic) -> PortResult<()> {
        self.faults.check()?;
        self.inner.bus.unsubscribe(topic).await
    }

    async fn publish(&self, topic: &Topic, parcel: &Parcel) -> PortResult<()> {
        self.faults.check()?;
        self.inner.bus.publish(topic, parcel).await
    }

    fn listen(&self) -> Option<mpsc::Receiver<Heard>> {
        let mut inner = self.inner.bus.listen()?;
        let (sender, receiver) = mpsc::channel(65_536);
        *self.faults.heard.lock().expect("no panic while held") = Some(sender.clone());
        let faults = self.faults.clone();
        let mut lag = self.faults.lag.subscribe();
        tokio::spawn(async move {
            while let Some(heard) = inner.recv().await {
                let _ = lag.wait_for(|behind| !behind).await;
                if !faults.loses(&heard) && sender.send(heard).await.is_err() {
                    break;
                }
            }
        });
        Some(receiver)
    }
}

#[async_trait]
impl Log for Faulty {
    async fn append(
        &self,
        topic: &Topic,
        draft: &Draft,
        once: Option<&Once>,
    ) -> PortResult<Appended> {
        self.faults.check()?;
        self.inner.log.append(topic, draft, once).await
    }

    async fn after(&self, topic: &Topic, after: u64, limit: usize) -> PortResult<Page> {
        self.faults.check()?;
        self.inner.log.after(topic, after, limit).await
    }

    async fn latest(&self, topic: &Topic, limit: usize) -> PortResult<Page> {
        self.faults.check()?;
        self.inner.log.latest(topic, limit).await
    }

    async fn renew(&self, topic: &Topic, known: &Position) -> PortResult<()> {
        self.faults.check()?;
        self.inner.log.renew(topic, known).await
    }
}

#[async_trait]
impl Presence for Faulty {
    async fn enter(
        &self,
        place: &Topic,
        member: &Member,
        holder: &Holder,
        entry: &Entry,
        most: usize,
    ) -> PortResult<Entered> {
        self.faults.check()?;
        let entered = self
            .inner
            .presence
            .enter(place, member, holder, entry, most)
            .await;
        // Answers take their time: others get their turn between a step and its answer.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        entered
    }

    async fn exit(
        &self,
        place: &Topic,
        user: &UserId,
        holder: &Holder,
        leave: Leave,
    ) -> PortResult<bool> {
        self.faults.check()?;
        self.inner.presence.exit(place, user, holder, leave).await
    }

    async fn evict(&self, place: &Topic, user: &UserId) -> PortResult<Stamp> {
        self.faults.check()?;
        self.inner.presence.evict(place, user).await
    }

    async fn order(&self, order: &Order) -> PortResult<()> {
        self.faults.check()?;
        self.inner.presence.order(order).await
    }

    async fn set_status(
        &self,
        place: &Topic,
        user: &UserId,
        conn: &ConnId,
        status: Status,
    ) -> PortResult<Option<Member>> {
        self.faults.check()?;
        self.inner
            .presence
            .set_status(place, user, conn, status)
            .await
    }

    async fn members(&self, place: &Topic, limit: usize) -> PortResult<Members> {
        self.faults.check()?;
        self.inner.presence.members(place, limit).await
    }

    async fn whereabouts(&self, namespace: &Topic, user: &UserId) -> PortResult<Whereabouts> {
        self.faults.check()?;
        self.inner.presence.whereabouts(namespace, user).await
    }

    async fn begin(
        &self,
        incarnation: &Incarnation,
        former: Option<&Incarnation>,
        known: &[(Topic, Position)],
    ) -> PortResult<()> {
        self.faults.check()?;
        self.inner.presence.begin(incarnation, former, known).await
    }

    async fn beat(&self, incarnation: &Incarnation) -> PortResult<Beat> {
        self.faults.check_wire()?;
        self.inner.presence.beat(incarnation).await
    }

    async fn retire(&self, incarnation: &Incarnation) -> PortResult<()> {
        self.faults.check_wire()?;
        self.faults.lives_ended.fetch_add(1, Ordering::Relaxed);
        self.inner.presence.retire(incarnation).await
    }

    async fn reap(&self, incarnation: &Incarnation) -> PortResult<()> {
        self.faults.check()?;
        self.inner.presence.reap(incarnation).await
    }

    async fn sweep(&self) -> PortResult<usize> {
        self.faults.check()?;
        self.inner.presence.sweep().await
    }

    fn partitions(&self) -> u16 {
        self.inner.presence.partitions()
    }
}

#[async_trait]
impl Rooms for Faulty {
    async fn room(&self, name: &RoomName, user: &UserId) -> PortResult<Option<Room>> {
        self.faults.check()?;
        self.inner.rooms.room(name, user).await
    }

    async fn list(&self, user: &UserId, limit: usize) -> PortResult<(Vec<Room>, u64)> {
        self.faults.check()?;
        self.inner.rooms.list(user, limit).await
    }

    async fn grant(&self, name: &RoomName, user: &UserId, granted: bool) -> PortResult<()> {
        self.faults.check()?;
        self.inner.rooms.grant(name, user, granted).await
    }

    async fn secret(&self, name: &str, candidate: &str) -> PortResult<String> {
        self.faults.check()?;
        self.inner.rooms.secret(name, candidate).await
    }
}

#[async_trait]
impl Limiter for Faulty {
    async fn take(&self, key: &str, n: u32, rate: Rate) -> PortResult<Option<Duration>> {
        self.faults.check()?;
        self.inner.limiter.take(key, n, rate).await
    }
}
