//! The two connections to Redis: one for commands, one to hear.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fred::{
    clients::Client,
    error::{Error, ErrorKind},
    interfaces::ClientLike,
    types::{
        Builder, ClusterHash, ConnectHandle, CustomCommand, FromValue, RespVersion, Value,
        config::{
            Config, ConnectionConfig, PerformanceConfig, ReconnectPolicy, TcpConfig,
            UnresponsiveConfig,
        },
        scripts::Script,
    },
    util::redis_keyslot,
};
use futures_util::FutureExt;
use starling_kernel::ports::{PortError, PortResult};
use tokio::{
    sync::{Notify, SemaphorePermit, broadcast},
    time::{Instant, sleep, timeout},
};
use tracing::warn;

use super::{
    config::{ConnectError, RedisConfig},
    pace::Pace,
    script::Args,
};
use crate::metric::Published;

/// Unacknowledged data or silence after a command for this long ends a connection.
const UNRESPONSIVE: Duration = Duration::from_secs(4);

/// Messages that may wait between fred and us; more are lost, which is told. They are emptied at once
/// into a longer channel.
const BURST: usize = 8_192;

/// The same for what fred tells of itself.
const EVENTS: usize = 64;

/// Delays between attempts to reconnect: these, doubling, with jitter.
const RECONNECT: (u32, u32) = (50, 2_000);

/// Reads on their way at once in a lane, and lanes. With a member list of 200 taking Redis 0.2 ms, a
/// beat behind them is 6 ms late.
const READS: usize = 32;
const LANES: usize = 16;

/// Words with which Redis begins the refusal of a command that it did not begin.
const REFUSALS: [&str; 10] = [
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOAUTH",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
];

/// Pause before a connection whose task ended is begun anew.
const RESTART: Duration = Duration::from_millis(500);

/// Both connections, and what guards them.
pub(super) struct Link {
    pub(super) commands: Client,
    pub(super) subscriber: Client,
    /// Whether commands are answered, as [`super::watch`] sees it: while they are not, they fail at
    /// once instead of piling up.
    answers: AtomicBool,
    turns: Pace,
    /// Those of reads, in lanes by slot: a server of a Redis Cluster that does not answer holds up
    /// its own only.
    reads: Vec<Pace>,
    /// To begin the connection for commands, or the one that hears, anew.
    restart: [Notify; 2],
    /// How long publishing takes.
    pub(super) published: Published,
}

impl Link {
    pub(super) fn new(config: &RedisConfig, client: Config) -> Result<Self, ConnectError> {
        let mut hearing = client.clone();
        // With RESP3 a connection that listens can still be asked who it is.
        hearing.version = RespVersion::RESP3;
        let subscriber = build(config, hearing)?;
        // fred's setting is for all of its eight channels, and this size takes 1.5 MB in each.
        let messages = broadcast::channel(BURST).0;
        subscriber
            .inner()
            .notifications
            .pubsub
            .store(Arc::new(messages));
        Ok(Self {
            commands: build(config, client)?,
            subscriber,
            answers: AtomicBool::new(true),
            turns: Pace::new(config.in_flight, config.command_timeout),
            reads: (0..LANES)
                .map(|_| Pace::new(READS, config.command_timeout))
                .collect(),
            restart: Default::default(),
            published: Published::default(),
        })
    }

    pub(super) fn set_answers(&self, answers: bool) {
        self.answers.store(answers, Ordering::Relaxed);
    }

    /// Runs a script. Tried once: the outcome of a failure is unknown, and a second try might do
    /// it twice.
    pub(super) async fn run<R: FromValue>(
        &self,
        script: &Script,
        key: String,
        args: Args,
    ) -> PortResult<R> {
        let _turn = self.turn().await?;
        self.run_now(script, key, args).await
    }

    /// Runs a script that reads much. Few of them are on their way at once: what comes after them
    /// on the same connection would wait for all of their answers.
    pub(super) async fn read<R: FromValue>(
        &self,
        script: &Script,
        key: String,
        args: Args,
    ) -> PortResult<R> {
        self.check_answers()?;
        let lane = usize::from(redis_keyslot(key.as_bytes())) % LANES;
        let _turn = self.reads[lane].turn().await?;
        self.run(script, key, args).await
    }

    /// Runs a script that may neither wait nor be refused, whatever else is on its way: one that
    /// the node's life depends on.
    pub(super) async fn run_now<R: FromValue>(
        &self,
        script: &Script,
        key: String,
        args: Args,
    ) -> PortResult<R> {
        self.check_connected()?;
        let result = self.evaluate(script, key, args).await;
        result.and_then(Value::convert).map_err(failure)
    }

    /// By way of fred's custom commands, because it sends each of its own `EVALSHA` in a packet of
    /// its own.
    async fn evaluate(&self, script: &Script, key: String, args: Args) -> Result<Value, Error> {
        let slot = ClusterHash::Custom(redis_keyslot(key.as_bytes()));
        let rest: Vec<Value> = [1.into(), key.into()]
            .into_iter()
            .chain(args.into_values())
            .collect();
        let send = |name: &'static str, first: Value| {
            let command = CustomCommand::new_static(name, slot.clone(), false);
            let all = [first].into_iter().chain(rest.iter().cloned()).collect();
            self.commands.custom(command, all)
        };
        match send("EVALSHA", script.sha1().clone().into()).await {
            // Redis was restarted, or has never seen it; nothing was done yet. This also loads it.
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                send("EVAL", script.lua().cloned().unwrap_or_default().into()).await
            }
            result => result,
        }
    }

    /// Lets a command pass when its turn has come, or fails at once where Redis does not answer.
    pub(super) async fn turn(&self) -> PortResult<SemaphorePermit<'_>> {
        self.check_answers()?;
        let turn = self.turns.turn().await?;
        self.check_answers()?;
        Ok(turn)
    }

    fn check_answers(&self) -> PortResult<()> {
        match self.answers.load(Ordering::Relaxed) {
            true => self.check_connected(),
            false => Err(no_answer()),
        }
    }

    fn check_connected(&self) -> PortResult<()> {
        match self.commands.is_connected() {
            true => Ok(()),
            false => Err(no_answer()),
        }
    }

    /// Begins the connection for commands anew.
    pub(super) fn restart_commands(&self) {
        self.restart[0].notify_one();
    }

    /// Begins the connection that hears anew.
    pub(super) fn restart_subscriber(&self) {
        self.restart[1].notify_one();
    }

    /// Keeps both connections, forever.
    pub(super) async fn keep(self: Arc<Self>, commands: ConnectHandle, subscriber: ConnectHandle) {
        let [restart_commands, restart_subscriber] = &self.restart;
        tokio::join!(
            keep_connected(&self.commands, commands, restart_commands),
            keep_connected(&self.subscriber, subscriber, restart_subscriber),
        );
    }

    /// Ends both connections.
    pub(super) async fn quit(&self) {
        let _ = tokio::join!(self.commands.quit(), self.subscriber.quit());
    }
}

pub(super) fn no_answer() -> PortError {
    PortError::NotSent("redis does not answer".to_owned())
}

/// What a command's failure means.
pub(super) fn failure(error: Error) -> PortError {
    if !matches!(
        error.kind(),
        ErrorKind::IO | ErrorKind::Timeout | ErrorKind::Canceled
    ) {
        warn!(%error, "redis refused a command");
    }
    let text = error.to_string();
    match was_refused(&error) {
        true => PortError::NotSent(text),
        false => PortError::Unknown(text),
    }
}

/// Whether nothing was done. A script fails with one of these words at its first write, if at all.
fn was_refused(error: &Error) -> bool {
    let word = error.details().split(' ').next().unwrap_or_default();
    REFUSALS.contains(&word) || *error.kind() == ErrorKind::Backpressure
}

fn build(config: &RedisConfig, client: Config) -> Result<Client, ConnectError> {
    let mut policy = ReconnectPolicy::new_exponential(0, RECONNECT.0, RECONNECT.1, 2);
    policy.set_jitter(RECONNECT.0);
    Builder::from_config(client)
        .set_policy(policy)
        .set_performance_config(PerformanceConfig {
            default_command_timeout: config.command_timeout,
            broadcast_channel_capacity: EVENTS,
            ..PerformanceConfig::default()
        })
        .set_connection_config(ConnectionConfig {
            connection_timeout: config.command_timeout,
            internal_command_timeout: config.command_timeout,
            max_command_attempts: 1,
            // fred queues its own order to reconnect in the same buffer, and dies where that is
            // full. Our turns run out long before.
            max_command_buffer_len: config.in_flight * 4 + 1_024,
            unresponsive: UnresponsiveConfig {
                max_timeout: Some(UNRESPONSIVE),
                interval: Duration::from_secs(1),
            },
            tcp: TcpConfig {
                nodelay: Some(true),
                // fred cannot tell while it goes on writing.
                user_timeout: Some(UNRESPONSIVE),
                ..TcpConfig::default()
            },
            auto_client_setname: true,
            ..ConnectionConfig::default()
        })
        .build()
        .map_err(|error| ConnectError::Config(error.details().to_owned()))
}

/// Connects for the first time; tries again until the configured time is over.
pub(super) async fn connect(
    client: &Client,
    config: &RedisConfig,
) -> Result<ConnectHandle, ConnectError> {
    let deadline = Instant::now() + config.connect_timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let error = match timeout(left, client.init()).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        if Instant::now() + RESTART >= deadline {
            return Err(config.unreachable(&error));
        }
        sleep(RESTART).await;
    }
}

/// fred reconnects by itself, but its task can end on an error that it does not expect, and in a
/// Redis Cluster it cannot be made to give up a connection that only seems to be alive. So its task
/// is begun anew where it ended, and ended where it is of no use.
async fn keep_connected(client: &Client, mut connection: ConnectHandle, restart: &Notify) {
    loop {
        let ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = restart.notified() => None,
        };
        warn!(
            client = client.id(),
            ?ended,
            "beginning the connection to redis anew"
        );
        connection.abort();
        sleep(RESTART).await;
        // Whoever asked for it meanwhile gets what is begun now.
        let _ = restart.notified().now_or_never();
        // fred goes on counting what waited in the buffer of the task that ended, and would wait for it
        // before it sends anything, for good.
        client.inner().counters.take_cmd_buffer_len();
        connection = client.connect();
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use fred::interfaces::{ClientInterface, MetricsInterface};

    use super::*;

    #[tokio::test]
    async fn what_waited_when_a_connection_was_given_up_does_not_hold_up_the_next_one() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", silent.local_addr().unwrap());
        let config = RedisConfig::new(&url);
        let client = build(&config, config.client_config().unwrap()).unwrap();
        let connection = client.connect();
        let restart = Notify::new();
        let wait = async {
            let asking = client.clone();
            let sent = tokio::spawn(async move {
                let asked = (0..3).map(|_| asking.client_id::<i64>());
                futures_util::future::join_all(asked).await
            });
            while client.command_queue_len() < 3 {
                tokio::task::yield_now().await;
            }
            restart.notify_one();
            for refused in sent.await.unwrap() {
                assert!(refused.is_err());
            }
            while client.command_queue_len() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = keep_connected(&client, connection, &restart) => {}
            waited = timeout(Duration::from_secs(10), wait) => waited.unwrap(),
        }
    }
}
