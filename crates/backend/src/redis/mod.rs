//! The backend for many nodes: Redis standalone, behind Sentinel, or as a Cluster.
//!
//! * `keys` and `lua/`: where things are, and the steps that change them, one script each.
//! * `wire`: what is stored and travels.
//! * `link`: connections; `pace`: what waits for them; `watch`: whether they work; `bus`, `log`, `presence`, `rooms`,
//!   `limiter`, `records`, `tallies`: the ports.
//!
//! Needs Redis 6.2 or later.

mod bus;
mod config;
mod keys;
mod limiter;
mod link;
mod log;
mod pace;
mod presence;
mod records;
mod rooms;
mod script;
mod tallies;
mod user_rooms;
mod watch;
mod wire;

use std::sync::{Arc, Mutex, atomic::AtomicU64};

use fred::interfaces::EventInterface;
use starling_kernel::{
    id::{self, NodeId},
    ports::{Backend, Heard, PresenceTimes},
    topic::Namespace,
};
use tokio::task::{AbortHandle, JoinSet, coop::unconstrained};
use tracing::{error, info};

pub use self::config::{ConnectError, RedisConfig};
use self::{bus::Relay, keys::Keys, link::Link, script::Args};
use crate::{ear::Ear, metric};

/// One node's handle; implements all ports, each in the file of its name.
struct RedisNode {
    link: Arc<Link>,
    relay: Arc<Relay>,
    keys: Keys,
    times: PresenceTimes,
    history: usize,
    /// The life that this node has begun last.
    begun: Mutex<Option<presence::Begun>>,
    /// For each partition, as heard with sweeps: should a copy take over that is older, there may be
    /// things given until then that no node can tell of.
    untold: Box<[AtomicU64]>,
    /// Below this nothing is stored any more, by partition, as of the last sweep.
    lowest: Box<[AtomicU64]>,
    tasks: AbortHandle,
}

/// Connects a node. Fails where Redis cannot be reached now; afterwards it reconnects forever.
/// `namespaces` are those of this build.
pub async fn connect(
    config: RedisConfig,
    node: &NodeId,
    namespaces: &'static [Namespace],
) -> Result<Backend, ConnectError> {
    config.check()?;
    metric::begin_redis();
    let client = config.client_config()?;
    let partitions = config.partitions_or_default(&client);
    let keys = Keys::new(&config.prefix, partitions, namespaces);
    let link = Arc::new(Link::new(&config, client)?);
    let relay = Arc::new(Relay::new(link.clone(), keys.clone(), &id::random(12)));
    let tasks = match start(&relay, &keys, &config).await {
        Ok(tasks) => tasks,
        Err(error) => {
            link.quit().await;
            return Err(error);
        }
    };
    info!(%node, partitions, "connected to redis");
    let by_partition = || (0..partitions).map(|_| AtomicU64::default()).collect();
    let node = Arc::new(RedisNode {
        link,
        relay,
        keys,
        times: config.times,
        history: config.history,
        begun: Mutex::default(),
        untold: by_partition(),
        lowest: by_partition(),
        tasks,
    });
    Ok(Backend {
        bus: node.clone(),
        log: node.clone(),
        presence: node.clone(),
        rooms: node.clone(),
        limiter: node.clone(),
        records: node.clone(),
        tallies: node,
    })
}

/// Connects, and starts what runs for as long as the node lives. Where any of it ends nevertheless,
/// the node is told that it is deaf.
async fn start(
    relay: &Arc<Relay>,
    keys: &Keys,
    config: &RedisConfig,
) -> Result<AbortHandle, ConnectError> {
    let link = &relay.link;
    // Before anything can arrive on them.
    let messages = link.subscriber.message_rx();
    let mut reconnects = link.subscriber.reconnect_rx();
    let (commands, subscriber) = tokio::try_join!(
        link::connect(&link.commands, config),
        link::connect(&link.subscriber, config)
    )?;
    agree_on_partitions(link, keys, config).await?;
    // The first connection is not a reconnect.
    while reconnects.try_recv().is_ok() {}
    let subscribed = relay.restore_once().await;
    subscribed.map_err(|error| config.unreachable(&error.to_string()))?;
    let mut tasks = JoinSet::new();
    tasks.spawn(link.clone().keep(commands, subscriber));
    tasks.spawn(unconstrained(bus::hear(relay.clone(), messages)));
    tasks.spawn(bus::restore(relay.clone(), reconnects));
    tasks.spawn(watch::watch(relay.clone()));
    Ok(tokio::spawn(guard(tasks, relay.ear.clone())).abort_handle())
}

/// Waits for what must not end. Aborted, it aborts all.
async fn guard(mut tasks: JoinSet<()>, ear: Ear) {
    let ended = tasks.join_next().await;
    error!(
        ?ended,
        "a task that keeps the connection to redis has ended"
    );
    ear.tell_surely(Heard::Ended).await;
}

async fn agree_on_partitions(
    link: &Link,
    keys: &Keys,
    config: &RedisConfig,
) -> Result<(), ConnectError> {
    let wanted = keys.partitions();
    let args = Args::default().text("partitions", wanted);
    let found: Result<u16, _> = link.run(&script::LAYOUT, keys.nodes(), args).await;
    match found {
        Ok(found) if found == wanted => Ok(()),
        Ok(found) => Err(ConnectError::Partitions { found, wanted }),
        Err(error) => Err(config.unreachable(&error.to_string())),
    }
}

impl Drop for RedisNode {
    /// A dropped node hears nothing more and lets its connections go.
    fn drop(&mut self) {
        self.tasks.abort();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let link = self.link.clone();
            runtime.spawn(async move { link.quit().await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_or_fails_makes_the_node_deaf_for_good() {
        for fails in [false, true] {
            let (ear, mut heard) = Ear::new(8);
            let mut tasks = JoinSet::new();
            tasks.spawn(std::future::pending());
            tasks.spawn(async move { assert!(!fails, "on purpose") });
            guard(tasks, ear).await;
            assert_eq!(heard.recv().await, Some(Heard::Ended));
            assert_eq!(heard.recv().await, None);
        }
    }
}
