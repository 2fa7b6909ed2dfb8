//! A cluster of many nodes in one process, for tests: the real dispatcher, hub, roster and features
//! on the embedded backend, with faults on demand. Time is paused: nothing here sleeps for real.

mod client;
mod faults;

use std::sync::Arc;

use starling_backend::memory::Store;
use starling_features::{FeaturesConfig, NAMESPACES};
use starling_kernel::{
    dispatch::Dispatcher,
    envelope::{Draft, Position},
    error::AppError,
    feature::Services,
    hub::Hub,
    id::{NodeId, UserId},
    limits::Limits,
    membership::Membership,
    ports::{Backend, PortResult, PresenceTimes},
    session::{Claims, Handshake, Identity, TokenError, Tokens},
    time::Clock,
    topic::{Namespace, Topic},
    workers::Workers,
};

use tokio::{runtime::Handle, task::JoinHandle};

pub use client::{Client, HeldUp};
pub use faults::Faults;

/// Nodes that share a store.
pub struct Cluster {
    /// What they share.
    pub store: Store,
    /// `gw1`, `gw2`, …
    pub nodes: Vec<Node>,
}

/// One gateway, without its doors.
pub struct Node {
    /// What its clients reach.
    pub dispatcher: Arc<Dispatcher>,
    /// What goes wrong between it and the store.
    pub faults: Arc<Faults>,
    /// What hears; ends only when the relay ended for good.
    pub listening: JoinHandle<()>,
}

impl Cluster {
    /// `n` nodes with the features' defaults.
    pub async fn start(n: usize) -> Self {
        Self::with(n, &FeaturesConfig::default()).await
    }

    /// `n` nodes.
    pub async fn with(n: usize, features: &FeaturesConfig) -> Self {
        let store = Store::new(PresenceTimes::default());
        let mut nodes = Vec::new();
        for i in 1..=n {
            let node = NodeId::parse(&format!("gw{i}")).expect("a node name");
            let times = PresenceTimes::default();
            let started = Node::start(store.node(&node), node, times, features).await;
            nodes.push(started.expect("a lease"));
        }
        Self { store, nodes }
    }

    /// Connects a user with a token to a namespace of node `n` (from 0).
    pub async fn enter(&self, n: usize, namespace: Namespace, user: &str) -> Client {
        let (node, said) = (&self.nodes[n], Handshake::default());
        let connected = node.connect_to(namespace, said, claims(user)).await;
        connected.expect("a connection")
    }

    /// Connects a user with a token to node `n` (from 0).
    pub async fn connect(&self, n: usize, user: &str) -> Client {
        self.nodes[n].connect(claims(user)).await
    }
}

/// What a good token of `user` says.
pub fn claims(user: &str) -> Claims {
    let user_id = UserId::parse(user).expect("a user id");
    Claims {
        identity: Identity {
            user: user_id,
            username: user.to_uppercase(),
        },
        guest: false,
        admin: false,
        rooms: Vec::new(),
        expires: None,
    }
}

impl Node {
    /// A node on any backend, whose times these are too. Fails where its lease cannot begin.
    pub async fn start(
        backend: Backend,
        node: NodeId,
        times: PresenceTimes,
        features: &FeaturesConfig,
    ) -> PortResult<Self> {
        let faults = Arc::new(Faults::default());
        let backend = faults.between(backend);
        let clock = Arc::new(Clock::default());
        let limits = Limits::default();
        let hub = Hub::new(backend.clone(), limits.history);
        let membership =
            Membership::new(&backend, hub.clone(), node, times, clock.clone(), &limits);
        membership.run().await?;
        let services = Arc::new(Services {
            backend: backend.clone(),
            hub: hub.clone(),
            membership,
            limits,
            clock,
            tokens: Arc::new(NameIsToken),
        });
        let all = starling_features::all(features, &services);
        let dispatcher = Arc::new(Dispatcher::new(all, services));
        let presence = (0..backend.presence.partitions()).map(Topic::Presence);
        let namespaces = NAMESPACES.iter().map(|ns| Topic::Namespace(ns));
        let topics = presence.chain(namespaces);
        let workers = Workers::with([Handle::current()]);
        let listening = hub.run(topics.collect(), &workers).await?;
        Ok(Self {
            dispatcher,
            faults,
            listening,
        })
    }

    /// Connects with these claims.
    pub async fn connect(&self, claims: Claims) -> Client {
        let connected = self.connect_to("/", Handshake::default(), claims).await;
        connected.expect("a connection")
    }

    /// Connects to a namespace; fails where a feature refuses it.
    pub async fn connect_to(
        &self,
        namespace: Namespace,
        handshake: Handshake,
        claims: Claims,
    ) -> Result<Client, AppError> {
        Client::connect(self.dispatcher.clone(), namespace, handshake, claims).await
    }

    /// Says something to a topic, if it is a room to the one that is there now.
    pub async fn say(&self, topic: &Topic, text: &str) -> Result<Position, AppError> {
        let services = self.dispatcher.services();
        let there = services.backend.log.latest(topic, 0).await?;
        let said = serde_json::json!({"roomName": topic.room_name(), "text": text});
        let draft = Draft::new("room-message", &said)?.to_room(there.created);
        Ok(services.hub.store(topic, &draft, None).await?.position)
    }

    /// Whom the cluster holds in a place, as this node is told: the first hundred.
    pub async fn members(&self, place: &Topic) -> PortResult<Vec<String>> {
        let presence = &self.dispatcher.services().backend.presence;
        let members = presence.members(place, 100).await?.list.into_iter();
        Ok(members.map(|(member, _)| member.user.to_string()).collect())
    }
}

/// `verify("alice")` is alice.
struct NameIsToken;

impl Tokens for NameIsToken {
    fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.is_empty() {
            Err(TokenError::Invalid)
        } else {
            Ok(claims(token))
        }
    }
}
