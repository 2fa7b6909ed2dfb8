//! What this node's own connections listen to.
//!
//! A [`Channel`] is a topic that somebody here listens to. The hub subscribes the node to a topic
//! with its first listener and unsubscribes with its last. Stored messages reach each listener in
//! the order of the log, each once, without a gap: what is missing is read from the log.

mod admission;
mod catch_up;
mod channel;
mod followers;
mod heal;
mod latest;
mod listener;
mod outbox;
mod recent;
mod shards;
mod state;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::join;
use metrics::{Counter, counter};
use tokio::{sync::Semaphore, task::JoinHandle, time::Instant};
use tracing::{info, warn};

pub use admission::Admission;
pub use catch_up::EncodePart;
use channel::{Channel, Next};
pub(crate) use followers::Followers;
use latest::To;
use listener::Listener;
use outbox::Walk;

use crate::{
    envelope::{Draft, Envelope, Position},
    error::AppError,
    feature::Feature,
    membership::Membership,
    metric,
    ports::{Appended, Backend, Heard, Once, Parcel, PortResult},
    session::Session,
    time::Stamp,
    topic::Topic,
    workers::Workers,
};

/// Logs that are read at the same time after a reconnect.
const HEALING_AT_ONCE: usize = 32;

/// The node's own topics.
pub struct Hub {
    backend: Backend,
    channels: Mutex<HashMap<Topic, Arc<Channel>>>,
    followers: Followers,
    healing: Semaphore,
    /// To be published.
    latest: latest::Latest,
    /// Published, and to be handed to this node's listeners.
    newest: latest::Latest,
    recent: recent::Recent,
    /// Messages that are shown to somebody who missed more than the log holds.
    history: usize,
    hears: AtomicBool,
    published: Published,
}

/// Counters of [`metric::EVENTS_OUT`], kept: each is looked up once, when there is a recorder.
#[derive(Default)]
struct Published {
    stored: OnceLock<Counter>,
    live: OnceLock<Counter>,
    latest: OnceLock<Counter>,
}

fn count(kept: &OnceLock<Counter>, kind: &'static str) {
    kept.get_or_init(|| counter!(metric::EVENTS_OUT, "kind" => kind))
        .increment(1);
}

impl Hub {
    /// A hub over the backend; `history` messages are shown to somebody who missed more than the
    /// log holds. Nothing is heard before [`Hub::run`].
    pub fn new(backend: Backend, history: usize) -> Arc<Self> {
        Arc::new(Self {
            backend,
            channels: Mutex::default(),
            followers: Followers::default(),
            healing: Semaphore::new(HEALING_AT_ONCE),
            latest: latest::Latest::default(),
            newest: latest::Latest::default(),
            recent: recent::Recent::default(),
            history,
            hears: AtomicBool::new(false),
            published: Published::default(),
        })
    }

    pub(crate) fn follow_with(
        &self,
        features: Arc<Vec<Arc<dyn Feature>>>,
        events: HashSet<&'static str>,
    ) {
        self.followers.begin(features, events);
    }

    pub(crate) fn give_orders_to(&self, membership: Weak<Membership>) {
        let _ = self.followers.membership.set(membership);
    }

    /// Listens to `topics` for good, then starts to hear. Call once, before the first connection.
    ///
    /// The task that hears should live as long as the process: a node on which it has ended is deaf.
    pub async fn run(
        self: &Arc<Self>,
        topics: Vec<Topic>,
        workers: &Workers,
    ) -> PortResult<JoinHandle<()>> {
        let heard = self.backend.bus.listen();
        let partitions = self.backend.presence.partitions();
        let _ = self.followers.partitions.set(partitions);
        for topic in topics {
            let channel = self.channel(&topic);
            channel.pin(&self.backend).await?;
        }
        let workers = workers.all().to_vec();
        Ok(tokio::spawn(shards::listen(self.clone(), heard, workers)))
    }

    /// Whether the relay works, as far as is known: what others publish arrives here.
    pub fn hears(&self) -> bool {
        self.hears.load(Ordering::Relaxed)
    }

    /// Lets a connection listen to a topic. It hears nothing before the admission is opened, and
    /// nothing of what came after this call is lost then. Dropping the admission withdraws it.
    pub async fn admit(
        self: &Arc<Self>,
        session: &Arc<Session>,
        topic: &Topic,
    ) -> Result<Admission, AppError> {
        loop {
            let channel = self.channel(topic);
            match channel.admit(session, &self.backend).await {
                Ok(true) => {
                    return Ok(Admission::new(self.clone(), channel, session.clone(), None));
                }
                // It was closed just now; a new one takes its place.
                Ok(false) => tokio::task::yield_now().await,
                Err(error) => {
                    self.close_when_empty(channel);
                    return Err(error.into());
                }
            }
        }
    }

    /// [`Hub::admit`] or [`Hub::admit_again`], as it is listening or not: to be sent what there is, and to
    /// go on after it. `None` where it is being given that already.
    pub async fn admit_anyhow(
        self: &Arc<Self>,
        session: &Arc<Session>,
        topic: &Topic,
    ) -> Result<Option<Admission>, AppError> {
        match self.listens(session, topic) {
            true => Ok(self.admit_again(session, topic)),
            false => self.admit(session, topic).await.map(Some),
        }
    }

    /// Lets a listener wait once more, to be sent the history and to go on after it; `None` where it
    /// is not listening, or not up to date yet.
    pub fn admit_again(
        self: &Arc<Self>,
        session: &Arc<Session>,
        topic: &Topic,
    ) -> Option<Admission> {
        let channel = self.lock().get(topic).cloned()?;
        let at = channel.pause(&session.conn, Listener::is_live)?;
        Some(Admission::new(
            self.clone(),
            channel,
            session.clone(),
            Some(at),
        ))
    }

    /// The room that the connection was in is gone, and the user was let into the next one of that
    /// name: what it hears goes on there, after the newest that there is. `note` notes where it is.
    pub(crate) async fn begin_anew(
        self: &Arc<Self>,
        session: &Arc<Session>,
        topic: &Topic,
        created: Stamp,
        note: impl FnOnce(),
    ) -> PortResult<()> {
        let channel = self.lock().get(topic).cloned();
        let waiting = channel.and_then(|channel| {
            let at = channel.pause(&session.conn, |_| true)?;
            Some((channel, at))
        });
        let Some((channel, at)) = waiting else {
            note();
            return Ok(());
        };
        let (hub, session) = (self.clone(), session.clone());
        let admission = Admission::new(hub, channel.clone(), session.clone(), Some(at));
        let (page, notice) = heal::newest(self, &channel).await?;
        let page = page.of(created)?;
        note();
        if let Some(notice) = notice {
            session.send(&notice);
        }
        admission.open_after(page.end());
        Ok(())
    }

    /// The opposite of [`Hub::admit`].
    pub fn leave(self: &Arc<Self>, session: &Session, topic: &Topic) {
        let channel = self.lock().get(topic).cloned();
        if let Some(channel) = channel
            && channel.remove(&session.conn)
        {
            self.close_when_empty(channel);
        }
    }

    /// Stored: acknowledged means that nobody misses it. Delivered on receipt, here as elsewhere.
    pub async fn store(
        &self,
        topic: &Topic,
        draft: &Draft,
        once: Option<&Once>,
    ) -> Result<Appended, AppError> {
        let appended = self.backend.log.append(topic, draft, once).await?;
        self.note_given(topic, &appended.position);
        count(&self.published.stored, "stored");
        Ok(appended)
    }

    /// Live: at once to this node's listeners, then to other nodes. With the relay away it reaches
    /// only this node's. One that is the `newest_of` a key waits for its turn, here as on other nodes.
    pub async fn publish(self: &Arc<Self>, topic: &Topic, envelope: Envelope) {
        let envelope = Arc::new(envelope);
        let walk = self.hand_out(topic, &envelope);
        count(&self.published.live, "live");
        let parcel = Parcel::Message(envelope);
        let published = self.backend.bus.publish(topic, &parcel);
        if let ((), Err(error)) = join(walk.run(), published).await {
            warn!(%topic, %error, "a live message stays on this node");
        }
    }

    /// Latest: only the newest of each `key` matters; sent at most every 50 ms, dropped for the slow,
    /// and where 65,536 other keys wait already.
    pub fn publish_latest(self: &Arc<Self>, topic: &Topic, key: &str, mut envelope: Envelope) {
        envelope.volatile = true;
        latest::put(self, To::All, topic, key, Arc::new(envelope));
    }

    /// To this node's listeners: by this walk, or where it is the newest of a key when that has its turn. One
    /// that finds no place among those that wait is handed out now, as nothing older of it waits.
    fn hand_out(self: &Arc<Self>, topic: &Topic, envelope: &Arc<Envelope>) -> Walk {
        let waits = |key: &String| latest::put(self, To::Here, topic, key, envelope.clone());
        match envelope.newest_of.as_ref().is_some_and(waits) {
            true => Walk::default(),
            false => self.deliver(topic, envelope),
        }
    }

    /// To this node's listeners only; returns to how many. It is with them on return where they are few,
    /// else soon after.
    pub fn emit_local(&self, topic: &Topic, envelope: &Envelope) -> usize {
        let mut walk = Walk::default();
        let given = self.deliver_by(topic, &Arc::new(envelope.clone()), &mut walk);
        walk.start();
        given
    }

    /// To this node's listeners, by the walk that is returned.
    fn deliver(&self, topic: &Topic, envelope: &Arc<Envelope>) -> Walk {
        let mut walk = Walk::default();
        self.deliver_by(topic, envelope, &mut walk);
        walk
    }

    fn deliver_by(&self, topic: &Topic, envelope: &Arc<Envelope>, walk: &mut Walk) -> usize {
        let channel = self.lock().get(topic).cloned();
        channel.map_or(0, |channel| {
            channel.deliver_live(envelope, &self.followers, walk)
        })
    }

    /// This node's listeners on a topic.
    pub fn listeners(&self, topic: &Topic) -> Vec<Arc<Session>> {
        let channel = self.lock().get(topic).cloned();
        channel
            .map(|channel| channel.listeners())
            .unwrap_or_default()
    }

    /// Whether a connection was let in there, and has not left.
    pub fn listens(&self, session: &Session, topic: &Topic) -> bool {
        let channel = self.lock().get(topic).cloned();
        channel.is_some_and(|channel| channel.has(&session.conn))
    }

    /// Topics that have listeners here.
    pub fn topics(&self) -> Vec<Topic> {
        self.lock().keys().cloned().collect()
    }

    /// Somebody was told that a message is stored there.
    fn note_given(&self, topic: &Topic, at: &Position) {
        let channel = self.lock().get(topic).cloned();
        match channel {
            Some(channel) => channel.note_given(at),
            None => self.recent.note(topic, at.clone()),
        }
    }

    /// What was handed out here of logs and is remembered, for [`crate::ports::Known`].
    pub fn known(&self) -> Vec<(Topic, Position)> {
        let channels: Vec<_> = self.lock().values().cloned().collect();
        let known = |channel: Arc<Channel>| Some((channel.topic.clone(), channel.known()?));
        let mut all = self.recent.all();
        all.extend(channels.into_iter().filter_map(known));
        all
    }

    /// The newest of what is not remembered any more was noted then.
    pub(crate) fn forgotten(&self) -> Option<Instant> {
        self.recent.forgotten()
    }

    /// Forgets what is old. Not while the backend is away: what it has lost then is to be told yet.
    pub(crate) fn forget(&self) {
        self.recent.forget();
    }

    fn channel(&self, topic: &Topic) -> Arc<Channel> {
        let mut channels = self.lock();
        channels
            .entry(topic.clone())
            .or_insert_with(|| Arc::new(Channel::new(topic)))
            .clone()
    }

    fn close_when_empty(self: &Arc<Self>, channel: Arc<Channel>) {
        let hub = self.clone();
        tokio::spawn(async move {
            if channel.close_if_empty(&hub.backend).await {
                if let Some(at) = channel.known() {
                    hub.recent.note(&channel.topic, at);
                }
                let mut channels = hub.lock();
                if channels
                    .get(&channel.topic)
                    .is_some_and(|now| Arc::ptr_eq(now, &channel))
                {
                    channels.remove(&channel.topic);
                }
            }
        });
    }

    async fn hear(self: &Arc<Self>, heard: Heard) {
        match heard {
            Heard::Parcel {
                topic,
                position: None,
                parcel: Parcel::Message(envelope),
            } if envelope.newest_of.is_some() => self.hand_out(&topic, &envelope).run().await,
            Heard::Parcel {
                topic,
                position,
                parcel,
            } => {
                let Some(channel) = self.lock().get(&topic).cloned() else {
                    return;
                };
                let mut walk = Walk::default();
                let next = channel.take(position, parcel, &self.followers, &mut walk);
                self.go_on(&channel, next);
                walk.run().await;
            }
            Heard::Lost => self.compare(),
            Heard::Up(up) => {
                info!(up, "relay");
                self.hears.store(up, Ordering::Relaxed);
            }
            Heard::Ended => {}
        }
    }

    /// Messages may have been lost: reads all logs from where this node stands.
    pub fn compare(self: &Arc<Self>) {
        info!("comparing with the logs");
        self.compare_those(|_| true);
        self.followers.each(|feature| feature.lost());
    }

    /// The same for comings, goings and orders only.
    pub(crate) fn compare_presence(self: &Arc<Self>) {
        self.compare_those(|topic| matches!(topic, Topic::Presence(_)));
    }

    fn compare_those(self: &Arc<Self>, which: impl Fn(&Topic) -> bool) {
        let channels: Vec<_> = self.lock().values().cloned().collect();
        channels
            .into_iter()
            .filter(|channel| which(&channel.topic) && channel.hold())
            .for_each(|channel| self.heal(channel));
    }

    fn heal(self: &Arc<Self>, channel: Arc<Channel>) {
        tokio::spawn(heal::heal(self.clone(), channel));
    }

    fn go_on(self: &Arc<Self>, channel: &Arc<Channel>, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Heal => self.heal(channel.clone()),
            Next::Expect(position) => {
                tokio::spawn(heal::expect(self.clone(), channel.clone(), position));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Topic, Arc<Channel>>> {
        self.channels.lock().expect("no panic while held")
    }
}
