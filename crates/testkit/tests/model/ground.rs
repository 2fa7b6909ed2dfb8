//! What the nodes stand on: the embedded backend in paused time, or a Redis of their own in real time.

use std::time::Duration;

use starling_backend::{
    memory::{Snapshot, Store},
    redis::{self, RedisConfig},
};
use starling_features::{FeaturesConfig, NAMESPACES};
use starling_kernel::{
    id::NodeId,
    ports::{Backend, PresenceTimes},
};
use starling_testkit::Node;
use tokio::time::sleep;

use crate::{data, server::Server};

/// A gateway that cannot start is started again so often.
const TRIES: usize = 20;

/// Short, but long enough for a busy machine.
const REDIS_TIMES: PresenceTimes = PresenceTimes {
    grace: Duration::from_millis(700),
    lease: Duration::from_millis(1_500),
};

/// Without any data on disk but what a replica would have.
const REPLICA: &[&str] = &["--save", "", "--appendonly", "no"];

pub(crate) enum Ground {
    Memory(Store, Option<Box<Snapshot>>),
    Redis(Server),
}

/// How long it takes until everything has come to rest.
pub(crate) struct Quiet {
    /// So long is waited anyway, ...
    pub(crate) least: Duration,
    /// ... and so long for the last view to agree.
    pub(crate) most: Duration,
}

impl Ground {
    pub(crate) fn memory() -> Self {
        Self::Memory(Store::new(PresenceTimes::default()), None)
    }

    pub(crate) fn redis() -> Self {
        Self::Redis(Server::start(&[]))
    }

    pub(crate) async fn node(&self, name: &str) -> Node {
        let name = NodeId::parse(name).unwrap();
        for _ in 0..TRIES {
            let started = async {
                let (backend, times) = self.backend(&name).await.ok()?;
                let features = FeaturesConfig::default();
                Node::start(backend, name.clone(), times, &features)
                    .await
                    .ok()
            };
            match started.await {
                Some(node) => return node,
                None => sleep(Duration::from_millis(200)).await,
            }
        }
        panic!("no node could be started");
    }

    async fn backend(
        &self,
        name: &NodeId,
    ) -> Result<(Backend, PresenceTimes), redis::ConnectError> {
        match self {
            Self::Memory(store, _) => Ok((store.node(name), PresenceTimes::default())),
            Self::Redis(server) => {
                let mut config = RedisConfig::new(&server.url());
                config.times = REDIS_TIMES;
                let backend = redis::connect(config, name, NAMESPACES).await?;
                Ok((backend, REDIS_TIMES))
            }
        }
    }

    /// Longer than all leases, graces, pauses and pages together; on Redis time is real, so what
    /// takes longer by chance is waited for instead.
    pub(crate) fn quiet(&self) -> Quiet {
        let seconds = |least, most| Quiet {
            least: Duration::from_secs(least),
            most: Duration::from_secs(most),
        };
        match self {
            Self::Memory(..) => seconds(90, 90),
            Self::Redis(..) => seconds(4, 40),
        }
    }

    /// How long the pauses between steps are at most, in milliseconds.
    pub(crate) fn pauses(&self) -> [u64; 3] {
        match self {
            Self::Memory(..) => [5, 100, 1_500],
            Self::Redis(..) => [5, 50, 500],
        }
    }

    /// A replica takes over after this, which has everything until now and nothing that comes.
    pub(crate) fn fall_behind(&mut self) {
        match self {
            Self::Memory(store, snapshot) => *snapshot = Some(Box::new(store.snapshot())),
            Self::Redis(server) => assert_eq!(server.cli(&["SAVE"]), "OK"),
        }
    }

    pub(crate) fn fail_over(&mut self) {
        match self {
            Self::Memory(store, snapshot) => store.rewind(&snapshot.take().unwrap()),
            Self::Redis(server) => server.restart_with(REPLICA),
        }
    }

    pub(crate) fn wipe(&self) {
        match self {
            Self::Memory(store, _) => store.wipe(),
            Self::Redis(server) => assert_eq!(server.cli(&["FLUSHALL"]), "OK"),
        }
    }

    /// Something that happens to a real server only.
    pub(crate) fn trouble(&self, what: u8) {
        let Self::Redis(server) = self else { return };
        let command: &[&str] = match what {
            0 => &["CLIENT", "KILL", "TYPE", "pubsub"],
            1 => &["CLIENT", "KILL", "TYPE", "normal"],
            _ => &["CLIENT", "PAUSE", "2500"],
        };
        server.cli(command);
    }

    /// What is held although nobody is there.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        match self {
            Self::Memory(store, _) => store.leftovers(),
            Self::Redis(server) => data::eval(&[server.port], data::KEYS, "starling:"),
        }
    }
}
