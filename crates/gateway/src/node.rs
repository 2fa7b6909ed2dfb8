//! One node: wired, run, drained.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use starling_backend::{memory, redis};
use starling_edge::{
    Edge,
    jwt::{Jwt, NoTokens},
};
use starling_features as features;
use starling_kernel::{
    dispatch::Dispatcher, feature::Services, hub::Hub, id::NodeId, membership::Membership,
    ports::Backend, session::Tokens, time::Clock, topic::Topic, workers::Workers,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tracing::{info, warn};

use crate::{
    admin::Admin,
    config::{Config, Mode},
    telemetry::{self, Exporter},
    workers,
};

/// What is left of the 20 s to the exit after the longest drain.
const LAST_STEPS: Duration = Duration::from_secs(3);

/// Runs a gateway until it is told to stop, and drains it.
pub(crate) fn run(config: Config, mode: Mode) -> Result<()> {
    telemetry::log(&config.log, config.log_format)?;
    let others = workers::start(config.workers - 1)?;
    workers::runtime()?.block_on(async {
        let workers = Arc::new(Workers::with(others));
        serve(config, mode, workers).await
    })
}

async fn serve(config: Config, mode: Mode, workers: Arc<Workers>) -> Result<()> {
    let mut stop = StopSignals::new()?;
    let exporter = Exporter::install()?;
    let tokens = tokens(&config)?;
    let backend = backend(&config).await?;
    let clock = Arc::new(Clock::default());
    let hub = Hub::new(backend.clone(), config.limits.history);
    let membership = Membership::new(
        &backend,
        hub.clone(),
        config.node.clone(),
        config.times,
        clock.clone(),
        &config.limits,
    );
    let lease = membership.run().await;
    lease.context("cannot begin this node's lease")?;
    let services = Arc::new(Services {
        backend: backend.clone(),
        hub: hub.clone(),
        membership: membership.clone(),
        limits: config.limits.clone(),
        clock,
        tokens: tokens.clone(),
    });
    let dispatcher = Arc::new(Dispatcher::new(
        features::all(&config.features, &services),
        services,
    ));
    let listening = hub
        .run(own_topics(&backend), &workers)
        .await
        .context("cannot listen to the relay")?;

    let draining = Arc::new(AtomicBool::new(false));
    let admin = bind(config.admin_listen).await?;
    let clients = bind(config.listen).await?;
    announce(&config, &clients, mode)?;
    let answer = Admin {
        exporter,
        membership: membership.clone(),
        hub,
        draining: draining.clone(),
    };
    let operators = tokio::spawn(answer.serve(admin));
    let edge = Edge::new(config.edge, dispatcher, tokens, config.node)?;
    let door = tokio::spawn(edge.clone().serve(clients, workers));

    let lived = tokio::select! {
        () = stop.wait() => Ok(()),
        failed = failure(listening, operators, door) => failed,
    };
    if lived.is_ok() {
        info!(seconds = config.drain.as_secs(), "draining");
        draining.store(true, Ordering::Relaxed);
        tokio::select! {
            () = edge.drain(config.drain) => {}
            () = stop.wait() => warn!("told to stop twice: not draining"),
        }
    }
    // What is left is handed to the survivors now instead of when the lease ends.
    let _ = tokio::time::timeout(LAST_STEPS, membership.retire()).await;
    info!("bye");
    lived
}

/// Waits for the end of a task that should live as long as the process: without it the node would
/// live on, deaf or out of reach.
async fn failure<O, D>(
    listening: JoinHandle<()>,
    operators: JoinHandle<O>,
    door: JoinHandle<D>,
) -> Result<()> {
    tokio::select! {
        ended = listening => bail!("nothing can be heard of other nodes any more ({ended:?})"),
        _ = operators => bail!("the operators' port has failed"),
        _ = door => bail!("the clients' port has failed"),
    }
}

/// The official protocol suites' tokens are no tokens.
fn anyone() -> Option<Arc<dyn Tokens>> {
    #[cfg(feature = "conformance")]
    return Some(Arc::new(starling_edge::conformance::Anyone));
    #[cfg(not(feature = "conformance"))]
    None
}

/// What every node listens to, whoever is connected to it.
fn own_topics(backend: &Backend) -> Vec<Topic> {
    let presence = (0..backend.presence.partitions()).map(Topic::Presence);
    let namespaces = features::NAMESPACES.iter().map(|ns| Topic::Namespace(ns));
    presence.chain(namespaces).collect()
}

/// The one place that chooses the backend.
async fn backend(config: &Config) -> Result<Backend> {
    match &config.redis {
        Some(redis) => redis::connect(redis.clone(), &config.node, features::NAMESPACES)
            .await
            .context("Redis"),
        None => {
            info!(
                "no Redis URL: using the embedded in-memory backend, good for this one node only"
            );
            Ok(embedded(config, &config.node))
        }
    }
}

fn embedded(config: &Config, node: &NodeId) -> Backend {
    memory::Store::with_history(config.times, config.history).node(node)
}

/// How tokens are verified.
pub(crate) fn tokens(config: &Config) -> Result<Arc<dyn Tokens>> {
    if let Some(anyone) = anyone() {
        return Ok(anyone);
    }
    Ok(match &config.jwt {
        Some(jwt) => Arc::new(Jwt::new(jwt.clone()).context("the key for tokens")?),
        None => Arc::new(NoTokens),
    })
}

async fn bind(address: std::net::SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

fn announce(config: &Config, clients: &TcpListener, mode: Mode) -> Result<()> {
    let address = clients.local_addr()?;
    info!(node = %config.node, clients = %address, operators = %config.admin_listen, "ready");
    if mode == Mode::Dev {
        info!("open http://{address} in a browser");
    } else if config.edge.guests {
        warn!("guest mode: everybody may connect, as whoever they like");
    }
    Ok(())
}

/// SIGTERM and SIGINT.
struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn new() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn a_node_ends_with_an_error_when_it_goes_deaf_or_loses_a_port() {
        let lives = || tokio::spawn(pending::<()>());
        let ends = || tokio::spawn(async {});
        let fails = || tokio::spawn(async { panic!("on purpose") });
        for (listening, operators, door) in [
            (ends(), lives(), lives()),
            (fails(), lives(), lives()),
            (lives(), ends(), lives()),
            (lives(), lives(), fails()),
        ] {
            assert!(failure(listening, operators, door).await.is_err());
        }
    }
}
