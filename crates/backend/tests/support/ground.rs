//! Where a case runs: a cluster of nodes on one backend.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use starling_backend::{
    memory,
    redis::{self, RedisConfig},
};
use starling_kernel::{
    envelope::{Draft, Position},
    id::{ConnId, Incarnation, NodeId, RoomName, UserId},
    ports::{
        Appended, Backend, Entered, Entry, Heard, Holder, Known, Leave, Member, Once, Parcel,
        PortResult, PresenceTimes, Transition,
    },
    topic::{Namespace, Topic},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::{
    data,
    server::{Cluster, Server},
};

/// Short, but long enough for a busy machine.
pub(crate) const TIMES: PresenceTimes = PresenceTimes {
    grace: Duration::from_millis(600),
    lease: Duration::from_millis(1_500),
};

/// Entries that logs keep here.
pub(crate) const HISTORY: usize = 50;

/// A backend that is this case's own.
pub(crate) struct Ground {
    kind: Kind,
    lag: Duration,
}

enum Kind {
    Memory(memory::Store, Mutex<Option<Box<memory::Snapshot>>>),
    Redis(RedisConfig, Servers),
}

/// Runs a script of the test's own on all servers; returns what they say, line by line.
type Servers = Box<dyn Fn(&str) -> Vec<String> + Send + Sync>;

/// The namespaces of the cases.
const NAMESPACES: &[Namespace] = &["/", "/chat"];

impl Ground {
    pub(crate) fn memory() -> Self {
        let kind = Kind::Memory(
            memory::Store::with_history(TIMES, HISTORY),
            Mutex::default(),
        );
        Self {
            kind,
            lag: Duration::from_millis(50),
        }
    }

    pub(crate) fn redis(server: &Server) -> Self {
        let port = server.port;
        let run = move |script: &str| data::eval(&[port], script, "starling:");
        Self::on(&server.url(), "starling", 50, Box::new(run))
    }

    /// With a configuration of the test's own.
    pub(crate) fn configured(config: RedisConfig) -> Self {
        let nowhere = |_: &str| panic!("not here");
        Self {
            kind: Kind::Redis(config, Box::new(nowhere)),
            lag: Duration::from_millis(50),
        }
    }

    pub(crate) fn cluster(cluster: &Arc<Cluster>, case: &str) -> Self {
        let prefix = case.replace("::", "-");
        let (cluster, url) = (cluster.clone(), cluster.url());
        let keys = format!("{prefix}:");
        let run = move |script: &str| {
            let ports: Vec<_> = cluster.servers.iter().map(|server| server.port).collect();
            data::eval(&ports, script, &keys)
        };
        // Its servers hand it on among themselves.
        Self::on(&url, &prefix, 400, Box::new(run))
    }

    fn on(url: &str, prefix: &str, lag_ms: u64, servers: Servers) -> Self {
        let mut config = RedisConfig::new(url);
        config.prefix = prefix.to_owned();
        config.times = TIMES;
        config.history = HISTORY;
        Self {
            kind: Kind::Redis(config, servers),
            lag: Duration::from_millis(lag_ms),
        }
    }

    /// A node that listens, and has begun its life.
    pub(crate) async fn node(&self, name: &str) -> Node {
        let node = self.unborn(name).await;
        let presence = &node.backend.presence;
        let known = Known::default();
        presence.begin(&node.life, None, &known).await.unwrap();
        node.beat().await;
        node
    }

    /// A node that listens, and has not begun its life.
    pub(crate) async fn unborn(&self, name: &str) -> Node {
        let id = NodeId::parse(name).unwrap();
        let backend = match &self.kind {
            Kind::Memory(store, _) => store.node(&id),
            Kind::Redis(config, _) => redis::connect(config.clone(), &id, NAMESPACES)
                .await
                .unwrap(),
        };
        Node {
            heard: backend.bus.listen().unwrap(),
            life: Incarnation::of(&id),
            id,
            backend,
            lag: self.lag,
        }
    }

    /// All data is gone.
    pub(crate) async fn wipe(&self) {
        match &self.kind {
            Kind::Memory(store, _) => store.wipe(),
            Kind::Redis(_, servers) => drop(servers(data::WIPE)),
        }
    }

    /// Remembers all data, for [`Ground::fail_over`].
    pub(crate) async fn snapshot(&self) {
        match &self.kind {
            Kind::Memory(store, snapshot) => {
                *snapshot.lock().unwrap() = Some(Box::new(store.snapshot()))
            }
            Kind::Redis(_, servers) => drop(servers(data::SNAPSHOT)),
        }
    }

    /// Another server takes over, which knows nothing of what came after the snapshot.
    pub(crate) async fn fail_over(&self) {
        match &self.kind {
            Kind::Memory(store, snapshot) => {
                store.rewind(snapshot.lock().unwrap().as_ref().unwrap());
            }
            Kind::Redis(_, servers) => drop(servers(&data::FAIL_OVER.replace("@", ""))),
        }
    }

    /// As [`Ground::fail_over`], but the server that keeps the leases stays as it is, where that is
    /// another one than those that keep the rest.
    pub(crate) async fn fail_over_partitions(&self) {
        match &self.kind {
            Kind::Memory(..) => self.fail_over().await,
            Kind::Redis(_, servers) => drop(servers(&data::FAIL_OVER.replace("@", "{p"))),
        }
    }

    /// What is stored for good, without what the nodes themselves and their logs need.
    pub(crate) async fn keys(&self) -> Vec<String> {
        match &self.kind {
            Kind::Memory(..) => Vec::new(),
            Kind::Redis(_, servers) => servers(data::KEYS),
        }
    }
}

/// One node, as a gateway would use it.
pub(crate) struct Node {
    id: NodeId,
    pub(crate) backend: Backend,
    pub(crate) life: Incarnation,
    pub(crate) heard: mpsc::Receiver<Heard>,
    /// How long what was published may be on its way.
    lag: Duration,
}

impl Node {
    /// Begins a new life after this one, as a node does that is fenced.
    pub(crate) async fn begin_anew(&mut self, known: &[(Topic, Position)]) {
        self.try_to_begin_anew(known).await.unwrap();
    }

    pub(crate) async fn try_to_begin_anew(
        &mut self,
        known: &[(Topic, Position)],
    ) -> PortResult<()> {
        let known = Known {
            places: known.to_vec(),
            forgotten: None,
        };
        self.try_to_begin_with(&known).await
    }

    pub(crate) async fn try_to_begin_with(&mut self, known: &Known) -> PortResult<()> {
        let next = Incarnation::of(&self.id);
        let presence = &self.backend.presence;
        presence.begin(&next, Some(&self.life), known).await?;
        self.life = next;
        Ok(())
    }

    pub(crate) fn holder(&self, conn: &str) -> Holder {
        Holder {
            incarnation: self.life.clone(),
            conn: ConnId::trusted(conn),
        }
    }

    pub(crate) async fn enter(
        &self,
        place: &Topic,
        user: &str,
        conn: &str,
        entry: Entry,
    ) -> PortResult<Entered> {
        let presence = &self.backend.presence;
        presence
            .enter(place, &member(user), &self.holder(conn), &entry, usize::MAX)
            .await
    }

    pub(crate) async fn create(&self, place: &Topic, user: &str, conn: &str) {
        let entry = Entry::Create { private: false };
        self.enter(place, user, conn, entry).await.unwrap();
    }

    pub(crate) async fn join(&self, place: &Topic, user: &str, conn: &str) -> Entered {
        let entry = Entry::Join { granted: false };
        self.enter(place, user, conn, entry).await.unwrap()
    }

    /// Enters a namespace.
    pub(crate) async fn register(&self, namespace: &Topic, user: &str, conn: &str) -> Entered {
        let entry = Entry::Open { announce: false };
        self.enter(namespace, user, conn, entry).await.unwrap()
    }

    pub(crate) async fn exit(&self, place: &Topic, user: &str, conn: &str, leave: Leave) -> bool {
        let presence = &self.backend.presence;
        let (user, holder) = (UserId::trusted(user), self.holder(conn));
        presence.exit(place, &user, &holder, leave).await.unwrap()
    }

    pub(crate) async fn say(&self, topic: &Topic, text: &str) -> Position {
        self.append(topic, text, None).await.unwrap().position
    }

    /// Says something in the room that is there now.
    pub(crate) async fn append(
        &self,
        topic: &Topic,
        text: &str,
        once: Option<&Once>,
    ) -> PortResult<Appended> {
        let log = &self.backend.log;
        let draft = draft(text).to_room(log.latest(topic, 0).await?.created);
        log.append(topic, &draft, once).await
    }

    /// The cases do not want to hear what was published before.
    pub(crate) async fn subscribe(&self, topic: &Topic) {
        sleep(self.lag).await;
        self.backend.bus.subscribe(topic).await.unwrap();
    }

    /// Follows the transitions of all namespaces.
    pub(crate) async fn follow_presence(&self) {
        for n in 0..self.backend.presence.partitions() {
            self.subscribe(&Topic::Presence(n)).await;
        }
    }

    pub(crate) async fn names(&self, place: &Topic) -> Vec<String> {
        let members = self.backend.presence.members(place, 100).await.unwrap();
        let names = members.list.iter().map(|(m, _)| m.user.to_string());
        names.collect()
    }

    pub(crate) async fn total(&self, place: &Topic) -> u64 {
        let presence = &self.backend.presence;
        presence.members(place, 0).await.unwrap().total
    }

    /// The rooms of a user, by name.
    pub(crate) async fn rooms_of(&self, user: &str) -> Vec<String> {
        let presence = &self.backend.presence;
        let found = presence.whereabouts(&ROOT, &UserId::trusted(user)).await;
        let rooms = found.unwrap().rooms;
        rooms.iter().map(ToString::to_string).collect()
    }

    /// The next parcel.
    pub(crate) async fn hears(&mut self) -> (Topic, Option<Position>, Parcel) {
        loop {
            match timeout(Duration::from_secs(10), self.heard.recv()).await {
                Ok(Some(Heard::Parcel {
                    topic,
                    position,
                    parcel,
                })) => return (topic, position, parcel),
                Ok(Some(_)) => {}
                other => panic!("nothing was heard: {other:?}"),
            }
        }
    }

    pub(crate) async fn hears_message(&mut self) -> (Position, String) {
        match self.hears().await {
            (_, Some(position), Parcel::Message(envelope)) => {
                (position, envelope.as_str().to_owned())
            }
            other => panic!("not a stored message: {other:?}"),
        }
    }

    pub(crate) async fn hears_transition(&mut self) -> Transition {
        match self.hears().await {
            (_, _, Parcel::Transition(transition)) => transition,
            other => panic!("not a transition: {other:?}"),
        }
    }

    /// That nothing is on its way: what was sent before is here by now.
    pub(crate) async fn hears_nothing(&mut self) {
        sleep(self.lag * 3).await;
        while let Ok(heard) = self.heard.try_recv() {
            assert!(!matches!(heard, Heard::Parcel { .. }), "{heard:?}");
        }
    }

    /// Sweeps until `condition` holds.
    pub(crate) async fn sweep_until<F: Future<Output = bool>>(
        &self,
        mut condition: impl FnMut() -> F,
    ) -> usize {
        let (give_up, mut swept) = (Instant::now() + Duration::from_secs(20), 0);
        while !condition().await {
            assert!(Instant::now() < give_up, "it never happened");
            swept += self.backend.presence.sweep().await.unwrap().removed;
            sleep(Duration::from_millis(50)).await;
        }
        swept
    }

    /// Sweeps for a while; returns how many members went.
    pub(crate) async fn sweep_for(&self, time: Duration) -> usize {
        let (end, mut swept) = (Instant::now() + time, 0);
        while Instant::now() < end {
            swept += self.backend.presence.sweep().await.unwrap().removed;
            sleep(Duration::from_millis(50)).await;
        }
        swept
    }

    /// Beats for a while, as a living node does.
    pub(crate) async fn beat_for(&self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.beat().await;
            sleep(TIMES.lease / 3).await;
        }
    }

    /// Reaps to the end; one call may leave something to the next.
    pub(crate) async fn reap(&self, dead: &Incarnation) {
        loop {
            self.backend.presence.reap(dead).await.unwrap();
            if !self.beat().await.contains(dead) {
                return;
            }
        }
    }

    pub(crate) async fn beat(&self) -> Vec<Incarnation> {
        let presence = &self.backend.presence;
        presence.beat(&self.life).await.unwrap().dead
    }
}

/// A Redis that is new sweeps nothing at first; after this it is in its steady state.
pub(crate) async fn settle(node: &Node) {
    node.sweep_for(TIMES.lease + TIMES.grace + Duration::from_millis(200))
        .await;
}

pub(crate) fn member(user: &str) -> Member {
    Member {
        user: UserId::trusted(user),
        username: format!("The {user}"),
        status: Default::default(),
    }
}

pub(crate) fn draft(text: &str) -> Draft {
    Draft::new("room-message", &serde_json::json!({ "text": text })).unwrap()
}

pub(crate) fn room(name: &str) -> Topic {
    Topic::room(&RoomName::trusted(name))
}

pub(crate) const ROOT: Topic = Topic::Namespace("/");
pub(crate) const CHAT: Topic = Topic::Namespace("/chat");
