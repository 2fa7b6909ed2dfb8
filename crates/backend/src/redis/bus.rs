use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientInterface, ClientLike, ClusterInterface, PubsubInterface},
    types::{Message, Value, config::Server},
    util::redis_keyslot,
};
use metrics::counter;
use starling_kernel::{
    ports::{Bus, Heard, Parcel, PortError, PortResult},
    topic::Topic,
};
use tokio::{
    sync::{
        Notify,
        broadcast::{self, error::RecvError},
        mpsc, watch,
    },
    time::{Instant, sleep, timeout},
};
use tracing::{debug, warn};

use super::{
    RedisNode,
    keys::Keys,
    link::{Link, failure, no_answer},
    wire,
};
use crate::{
    ear::{CAPACITY, Ear},
    metric,
};

/// Channels that one command subscribes again after a reconnect.
const CHUNK: usize = 500;

/// Topics whose subscribing and unsubscribing may wait for each other by chance.
const LANES: usize = 64;

/// How long subscribing waits where the connection is a new one, for the others to be subscribed.
const RESTORING: Duration = Duration::from_secs(2);

/// Pause before subscribing anew is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// Names one connection to one server: after a reconnect it is another.
type ConnectionId = (Option<Server>, i64);

/// What a node listens to and how.
pub(super) struct Relay {
    pub(super) link: Arc<Link>,
    keys: Keys,
    /// Marks what this node publishes, so that it does not hear it.
    origin: String,
    pub(super) canary: String,
    pub(super) canary_heard: Notify,
    pub(super) ear: Ear,
    heard: Mutex<Option<mpsc::Receiver<Heard>>>,
    /// What is to be subscribed, on whichever connection.
    channels: Mutex<HashSet<String>>,
    /// The connection on which all of `channels` have been subscribed.
    restored: watch::Sender<Option<ConnectionId>>,
    /// Subscribing and unsubscribing one topic are never under way at once.
    lanes: Vec<tokio::sync::Mutex<()>>,
    hasher: RandomState,
    pub(super) up: AtomicBool,
}

impl Relay {
    pub(super) fn new(link: Arc<Link>, keys: Keys, origin: &str) -> Self {
        let (ear, heard) = Ear::new(CAPACITY);
        let canary = keys.canary(origin);
        Self {
            link,
            keys,
            origin: origin.to_owned(),
            channels: Mutex::new(HashSet::from([canary.clone()])),
            canary,
            canary_heard: Notify::new(),
            ear,
            heard: Mutex::new(Some(heard)),
            restored: watch::Sender::new(None),
            lanes: (0..LANES).map(|_| tokio::sync::Mutex::default()).collect(),
            hasher: RandomState::new(),
            up: AtomicBool::new(false),
        }
    }

    fn channels(&self) -> MutexGuard<'_, HashSet<String>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lane(&self, channel: &str) -> &tokio::sync::Mutex<()> {
        &self.lanes[self.hasher.hash_one(channel) as usize % LANES]
    }

    async fn subscribe(&self, channel: String) -> PortResult<()> {
        let _turn = self.lane(&channel).lock().await;
        let new = self.channels().insert(channel.clone());
        let result = self.subscribe_now(&channel).await;
        if result.is_err() && new {
            self.channels().remove(&channel);
        }
        result
    }

    /// fred reports success as soon as the command is written. Asking the same connection for its id
    /// is what tells that Redis has read it, and on which connection.
    async fn subscribe_now(&self, channel: &str) -> PortResult<()> {
        let subscriber = &self.link.subscriber;
        if !subscriber.is_connected() {
            return Err(no_answer());
        }
        subscriber.subscribe(channel).await.map_err(failure)?;
        let asked = self.connection_id().await.map_err(failure)?;
        let mut restored = self.restored.subscribe();
        let this_one = restored.wait_for(|on| on.as_ref() == Some(&asked));
        if let Ok(Ok(_)) = timeout(RESTORING, this_one).await {
            return Ok(());
        }
        if self.connection_id().await.is_ok_and(|now| now == asked) {
            // A Redis Cluster was rearranged under our feet: all subscriptions have to move.
            self.link.restart_subscriber();
        }
        let text = "the relay was reconnected meanwhile";
        Err(PortError::Unknown(text.to_owned()))
    }

    async fn unsubscribe(&self, channel: &str) -> PortResult<()> {
        let _turn = self.lane(channel).lock().await;
        self.channels().remove(channel);
        if !self.link.subscriber.is_connected() {
            // The next connection will not be subscribed to it.
            return Ok(());
        }
        let result = self.link.subscriber.unsubscribe(channel).await;
        result.map_err(failure)
    }

    /// The connection on which subscriptions are.
    async fn connection_id(&self) -> Result<ConnectionId, Error> {
        let subscriber = &self.link.subscriber;
        let Some(server) = home(subscriber) else {
            return Ok((None, subscriber.client_id().await?));
        };
        let id = subscriber.with_cluster_node(&server).client_id().await?;
        Ok((Some(server), id))
    }

    /// Subscribes everything on a new connection.
    pub(super) async fn restore_once(&self) -> Result<(), Error> {
        let before = self.connection_id().await?;
        let channels: Vec<_> = self.channels().iter().cloned().collect();
        for chunk in channels.chunks(CHUNK) {
            self.link.subscriber.subscribe(chunk.to_vec()).await?;
        }
        let after = self.connection_id().await?;
        if before != after {
            return Err(Error::new_canceled());
        }
        debug!(channels = channels.len(), "subscribed anew");
        self.restored.send_replace(Some(after));
        Ok(())
    }

    fn hear_message(&self, message: Message) {
        if *message.channel == *self.canary {
            return self.canary_heard.notify_one();
        }
        if !self.channels().contains(&*message.channel) {
            // Unsubscribed, but Redis has not got round to it.
            return;
        }
        let topic = self.keys.topic(&message.channel);
        let received = payload(message.value).and_then(|body| wire::decode(&body));
        let (Some(topic), Some(received)) = (topic, received) else {
            return counter!(metric::GARBAGE).increment(1);
        };
        if received.origin.as_deref() != Some(&self.origin) {
            self.ear.tell(Heard::Parcel {
                topic,
                position: received.position,
                parcel: received.parcel,
            });
        }
    }

    async fn publish(&self, topic: &Topic, parcel: &Parcel) -> PortResult<()> {
        let _turn = self.link.turn().await?;
        let body = Value::Bytes(wire::encode(parcel, &self.origin).into());
        let began = Instant::now();
        let channel = self.keys.channel(topic);
        let result: Result<i64, Error> = self.link.commands.publish(channel, body).await;
        self.link.published.live(began.elapsed());
        result.map(drop).map_err(failure)
    }
}

/// In a Redis Cluster fred keeps a client's subscriptions on the server that holds the slot of the
/// client's name.
fn home(client: &Client) -> Option<Server> {
    let slot = redis_keyslot(client.id().as_bytes());
    let cluster = client.cached_cluster_state()?;
    cluster.get_server(slot).cloned()
}

fn payload(value: Value) -> Option<Bytes> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        Value::String(text) => Some(text.into_inner()),
        _ => None,
    }
}

/// Hands on what arrives, for as long as the node lives. Not to be constrained: fred reads thousands of
/// messages before others have their turn, and so many have to be handed on when it is ours.
pub(super) async fn hear(relay: Arc<Relay>, mut messages: broadcast::Receiver<Message>) {
    loop {
        match messages.recv().await {
            Ok(message) => relay.hear_message(message),
            Err(RecvError::Lagged(missed)) => {
                warn!(missed, "fell behind the relay");
                relay.ear.tell(Heard::Lost);
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Subscribes everything again after each reconnect; then, and not before, tells of the loss.
pub(super) async fn restore(relay: Arc<Relay>, mut reconnects: broadcast::Receiver<Server>) {
    while !matches!(reconnects.recv().await, Err(RecvError::Closed)) {
        // The servers of a Redis Cluster reconnect one by one: once for all that did.
        while reconnects.try_recv().is_ok() {}
        while let Err(error) = relay.restore_once().await {
            debug!(%error, "cannot subscribe anew yet");
            sleep(RETRY).await;
        }
        counter!(metric::RECONNECTS).increment(1);
        relay.ear.tell(Heard::Lost);
    }
}

#[async_trait]
impl Bus for RedisNode {
    async fn subscribe(&self, topic: &Topic) -> PortResult<()> {
        self.relay.subscribe(self.keys.channel(topic)).await
    }

    async fn unsubscribe(&self, topic: &Topic) -> PortResult<()> {
        self.relay.unsubscribe(&self.keys.channel(topic)).await
    }

    async fn publish(&self, topic: &Topic, parcel: &Parcel) -> PortResult<()> {
        self.relay.publish(topic, parcel).await
    }

    fn listen(&self) -> Option<mpsc::Receiver<Heard>> {
        let mut heard = self
            .relay
            .heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        heard.take()
    }
}
