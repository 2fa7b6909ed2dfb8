//! What goes wrong between a node and the backend.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rand::{Rng, SeedableRng, rngs::StdRng};
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
    dead: AtomicBool,
    /// What becomes of steps, once so many more have passed.
    fails: Mutex<Option<(usize, Fate)>>,
    /// How often steps fail by chance.
    flaky: Mutex<Option<(StdRng, f64)>>,
    lives_ended: AtomicUsize,
    public_reads: AtomicUsize,
    lose: AtomicUsize,
    /// Whether the relay is behind: what it brings is kept until it is not.
    lag: watch::Sender<bool>,
    heard: Mutex<Option<mpsc::Sender<Heard>>>,
    /// Who was let into which room, by when it was created.
    let_in: Mutex<HashSet<(UserId, Topic, Stamp)>>,
}

impl Faults {
    /// How the backend may fail from some step on.
    pub const FROM_A_STEP_ON: [fn(&Self, usize); 2] = [Self::refuse_after, Self::unanswered_after];

    /// Nothing passes any more in either direction: the node is dead for the others.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// As if the process had been killed: what it is at will never end.
    pub fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.cut();
    }

    /// Whether nothing passes.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// From now on (`true`) the backend refuses everything but beats, and does nothing of it.
    pub fn refuse(&self, refuse: bool) {
        self.fail(refuse.then_some((0, Fate::Refused)));
    }

    /// The same once the next `steps` have passed. [`Faults::refuse`] ends it.
    pub fn refuse_after(&self, steps: usize) {
        self.fail(Some((steps, Fate::Refused)));
    }

    /// Once the next `steps` have passed the backend does what it is asked, and no answer comes, but
    /// of beats. [`Faults::refuse`] ends it.
    pub fn unanswered_after(&self, steps: usize) {
        self.fail(Some((steps, Fate::Unanswered)));
    }

    fn fail(&self, fails: Option<(usize, Fate)>) {
        *self.fails.lock().expect("no panic while held") = fails;
    }

    /// From now on each step fails with this probability: refused, or without an answer, whether it
    /// was done or not. The same seed makes the same choices. 0 ends it.
    pub fn flaky(&self, seed: u64, rate: f64) {
        *self.flaky.lock().expect("no panic while held") =
            (rate > 0.0).then(|| (StdRng::seed_from_u64(seed), rate));
    }

    /// Lives that the node has ended.
    pub fn lives_ended(&self) -> usize {
        self.lives_ended.load(Ordering::Relaxed)
    }

    /// Whether the user was ever let into the room that was created then, through this node.
    pub fn has_let_in(&self, user: &UserId, room: &Topic, created: Stamp) -> bool {
        let let_in = self.let_in.lock().expect("no panic while held");
        let_in.contains(&(user.clone(), room.clone(), created))
    }

    /// How often the node has read the public rooms.
    pub fn public_reads(&self) -> usize {
        self.public_reads.load(Ordering::Relaxed)
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
            limiter: faulty.clone(),
            records: faulty.clone(),
            tallies: faulty,
        }
    }

    fn fate(&self, urgent: bool) -> Fate {
        if self.dead.load(Ordering::Relaxed) {
            return Fate::Never;
        }
        if self.cut.load(Ordering::Relaxed) {
            return Fate::Lost;
        }
        if let (Some((left, fate)), false) = (
            self.fails.lock().expect("no panic while held").as_mut(),
            urgent,
        ) {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => return *fate,
            }
        }
        let mut flaky = self.flaky.lock().expect("no panic while held");
        let Some((random, rate)) = flaky.as_mut() else {
            return Fate::Done;
        };
        if !random.random_bool(*rate) {
            return Fate::Done;
        }
        match random.random_range(0..3) {
            0 => Fate::Refused,
            1 => Fate::Lost,
            _ => Fate::Unanswered,
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

/// What becomes of a step.
#[derive(Clone, Copy)]
enum Fate {
    Done,
    /// Done, but the answer does not come.
    Unanswered,
    /// Nothing says that it was not done.
    Lost,
    Refused,
    /// There is nobody any more who would wait for it.
    Never,
}

struct Faulty {
    faults: Arc<Faults>,
    inner: Backend,
}

impl Faulty {
    async fn step<T>(&self, step: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        self.meet(self.faults.fate(false), step).await
    }

    /// A beat, which is let through where others are refused.
    async fn urgent<T>(&self, step: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        self.meet(self.faults.fate(true), step).await
    }

    async fn meet<T>(
        &self,
        fate: Fate,
        step: impl Future<Output = PortResult<T>>,
    ) -> PortResult<T> {
        let unknown = || PortError::Unknown("no answer".into());
        let result = match fate {
            Fate::Done => step.await,
            Fate::Unanswered => step.await.and(Err(unknown())),
            Fate::Lost => return Err(unknown()),
            Fate::Refused => return Err(PortError::NotSent("refused".into())),
            Fate::Never => return std::future::pending().await,
        };
        // Answers take their time: others get their turn between a step and its answer.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        result
    }
}

#[async_trait]
impl Bus for Faulty {
    async fn subscribe(&self, topic: &Topic) -> PortResult<()> {
        self.step(self.inner.bus.subscribe(topic)).await
    }

    async fn unsubscribe(&self, topic: &Topic) -> PortResult<()> {
        self.step(self.inner.bus.unsubscribe(topic)).await
    }

    async fn publish(&self, topic: &Topic, parcel: &Parcel) -> PortResult<()> {
        self.step(self.inner.bus.publish(topic, parcel)).await
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
        self.step(self.inner.log.append(topic, draft, once)).await
    }

    async fn after(&self, topic: &Topic, after: u64, limit: usize) -> PortResult<Page> {
        self.step(self.inner.log.after(topic, after, limit)).await
    }

    async fn latest(&self, topic: &Topic, limit: usize) -> PortResult<Page> {
        self.step(self.inner.log.latest(topic, limit)).await
    }

    async fn renew(&self, topic: &Topic, known: &Position) -> PortResult<()> {
        self.step(self.inner.log.renew(topic, known)).await
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
        let enter = async {
            let presence = &self.inner.presence;
            let entered = presence.enter(place, member, holder, entry, most).await?;
            let mut let_in = self.faults.let_in.lock().expect("no panic while held");
            let_in.insert((member.user.clone(), place.clone(), entered.created));
            Ok(entered)
        };
        self.step(enter).await
    }

    async fn exit(
        &self,
        place: &Topic,
        user: &UserId,
        holder: &Holder,
        leave: Leave,
    ) -> PortResult<bool> {
        self.step(self.inner.presence.exit(place, user, holder, leave))
            .await
    }

    async fn evict(&self, place: &Topic, user: &UserId, rooms: &[RoomName]) -> PortResult<()> {
        self.step(self.inner.presence.evict(place, user, rooms))
            .await
    }

    async fn set_status(
        &self,
        place: &Topic,
        user: &UserId,
        conn: &ConnId,
        status: Status,
    ) -> PortResult<Option<Member>> {
        let set = self.inner.presence.set_status(place, user, conn, status);
        self.step(set).await
    }

    async fn members(&self, place: &Topic, limit: usize) -> PortResult<Members> {
        self.step(self.inner.presence.members(place, limit)).await
    }

    async fn whereabouts(&self, namespace: &Topic, user: &UserId) -> PortResult<Whereabouts> {
        self.step(self.inner.presence.whereabouts(namespace, user))
            .await
    }

    async fn begin(
        &self,
        incarnation: &Incarnation,
        former: Option<&Incarnation>,
        known: &Known,
    ) -> PortResult<()> {
        self.urgent(self.inner.presence.begin(incarnation, former, known))
            .await
    }

    async fn beat(&self, incarnation: &Incarnation) -> PortResult<Beat> {
        self.urgent(self.inner.presence.beat(incarnation)).await
    }

    async fn retire(&self, incarnation: &Incarnation) -> PortResult<()> {
        self.faults.lives_ended.fetch_add(1, Ordering::Relaxed);
        self.urgent(self.inner.presence.retire(incarnation)).await
    }

    async fn reap(&self, incarnation: &Incarnation) -> PortResult<()> {
        self.step(self.inner.presence.reap(incarnation)).await
    }

    async fn sweep(&self) -> PortResult<Swept> {
        self.step(self.inner.presence.sweep()).await
    }

    fn partitions(&self) -> u16 {
        self.inner.presence.partitions()
    }
}

#[async_trait]
impl Rooms for Faulty {
    async fn room(&self, name: &RoomName, user: &UserId) -> PortResult<Option<Room>> {
        self.step(self.inner.rooms.room(name, user)).await
    }

    async fn public(&self, limit: usize) -> PortResult<Listing> {
        self.faults.public_reads.fetch_add(1, Ordering::Relaxed);
        self.step(self.inner.rooms.public(limit)).await
    }

    async fn private(
        &self,
        user: &UserId,
        vouched: &[String],
        limit: usize,
    ) -> PortResult<Listing> {
        self.step(self.inner.rooms.private(user, vouched, limit))
            .await
    }

    async fn grant(&self, name: &RoomName, user: &UserId, granted: bool) -> PortResult<()> {
        self.step(self.inner.rooms.grant(name, user, granted)).await
    }

    async fn secret(&self, name: &str, candidate: &str) -> PortResult<String> {
        self.step(self.inner.rooms.secret(name, candidate)).await
    }
}

#[async_trait]
impl Limiter for Faulty {
    async fn take(&self, key: &str, n: u32, rate: Rate) -> PortResult<Option<Duration>> {
        self.step(self.inner.limiter.take(key, n, rate)).await
    }
}

#[async_trait]
impl Records for Faulty {
    async fn record(&self, name: &Topic) -> PortResult<Option<Record>> {
        self.step(self.inner.records.record(name)).await
    }

    async fn swap(
        &self,
        name: &Topic,
        expected: u64,
        next: Option<&str>,
        keep: Duration,
        tell: &[Told<'_>],
    ) -> PortResult<Swapped> {
        let records = &self.inner.records;
        self.step(records.swap(name, expected, next, keep, tell))
            .await
    }
}

#[async_trait]
impl Tallies for Faulty {
    async fn open(
        &self,
        topic: &Topic,
        data: &str,
        choices: u32,
        keep: Duration,
    ) -> PortResult<bool> {
        self.step(self.inner.tallies.open(topic, data, choices, keep))
            .await
    }

    async fn cast(
        &self,
        topic: &Topic,
        member: &UserId,
        choice: u32,
        tell: &TellCounts,
    ) -> PortResult<Cast> {
        self.step(self.inner.tallies.cast(topic, member, choice, tell))
            .await
    }

    async fn close(&self, topic: &Topic, tell: &TellCounts) -> PortResult<Option<bool>> {
        self.step(self.inner.tallies.close(topic, tell)).await
    }

    async fn tally(&self, topic: &Topic, member: Option<&UserId>) -> PortResult<Option<Tally>> {
        self.step(self.inner.tallies.tally(topic, member)).await
    }
}
