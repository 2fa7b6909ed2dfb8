//! From what operators say to what the parts need: parsed and checked before a port is bound.

#[cfg(test)]
mod docs;
mod options;

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZero,
    path::Path,
    thread::available_parallelism,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use starling_backend::redis::RedisConfig;
use starling_edge::{
    EdgeConfig, Origins, SignIn,
    jwt::{JwtConfig, KeyConfig},
};
use starling_features::{FeaturesConfig, PresenceScope};
use starling_kernel::{
    id::{NodeId, random},
    limits::Limits,
    ports::PresenceTimes,
};

use options::{AuthOptions, NodeOptions, PresenceOptions, RedisOptions, Scope};
pub(crate) use options::{LogFormat, Options};

/// A shorter secret can be guessed offline from one token.
const SECRET_BYTES: usize = 32;

/// More threads than that only wait for each other.
const MOST_WORKERS: usize = 64;

/// How a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// For others.
    Serve,
    /// For whoever sits at this machine: loopback, guests, embedded backend, a key of its own.
    Dev,
}

/// A checked configuration.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) node: NodeId,
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    pub(crate) workers: usize,
    pub(crate) drain: Duration,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    /// `None`: the embedded backend.
    pub(crate) redis: Option<RedisConfig>,
    pub(crate) times: PresenceTimes,
    pub(crate) history: usize,
    /// `None`: guests only.
    pub(crate) jwt: Option<JwtConfig>,
    pub(crate) edge: EdgeConfig,
    pub(crate) features: FeaturesConfig,
    pub(crate) limits: Limits,
}

/// Reads the file and fills `said` from it.
pub(crate) fn with_file(said: Options, file: Option<&Path>) -> Result<Options> {
    let Some(file) = file else { return Ok(said) };
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let options = toml::from_str(&text).with_context(|| format!("in {}", file.display()))?;
    Ok(said.or(options))
}

impl Config {
    /// Checks everything; the error says what to change.
    pub(crate) fn new(mut options: Options, mode: Mode) -> Result<Self> {
        if mode == Mode::Dev {
            apply_dev(&mut options)?;
        }
        let times = presence_times(&options.presence)?;
        let limits = limits(&options)?;
        let history = options.redis.history.unwrap_or(1_000);
        ensure!(
            (100..=100_000).contains(&history),
            "--history must be 100 to 100000"
        );
        let jwt = jwt(&options.auth)?;
        let guest = options.auth.guest.unwrap_or(false);
        if jwt.is_none() && !guest {
            bail!(
                "nobody could connect: set STARLING_JWT_SECRET (or --jwt-public-key, --jwt-jwks), \
                 or --guest to let everybody in, or use `starling dev`"
            );
        }
        check_api_keys(&options.auth)?;
        Ok(Self {
            node: node_id(&options.node)?,
            listen: options
                .node
                .listen
                .unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 3000))),
            admin_listen: admin_listen(&options.node),
            workers: workers(&options.node)?,
            drain: drain(&options.node)?,
            log: options.node.log.clone().unwrap_or_else(|| "info".into()),
            log_format: options.node.log_format.unwrap_or_default(),
            redis: redis(&options.redis, times, history)?,
            times,
            history,
            jwt,
            edge: EdgeConfig {
                sign_in: sign_in(&options.auth, mode),
                ..edge(&options, guest)?
            },
            features: features(&options),
            limits,
        })
    }
}

/// Where operators' requests are answered.
pub(crate) fn admin_listen(options: &NodeOptions) -> SocketAddr {
    options
        .admin_listen
        .unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 9100)))
}

fn apply_dev(options: &mut Options) -> Result<()> {
    let loopback = |address: Option<SocketAddr>| address.is_none_or(|a| a.ip().is_loopback());
    ensure!(
        loopback(options.node.listen) && loopback(options.node.admin_listen),
        "`starling dev` lets everybody in, so it listens on loopback only; use `starling serve` for others"
    );
    options.redis = RedisOptions {
        history: options.redis.history,
        ..RedisOptions::default()
    };
    options.auth.guest = Some(true);
    options.auth.jwt_secret.get_or_insert_with(|| random(48));
    options.node.name.get_or_insert_with(|| "dev".into());
    options.node.drain_ms.get_or_insert(0);
    Ok(())
}

fn node_id(options: &NodeOptions) -> Result<NodeId> {
    let name = options
        .name
        .clone()
        .unwrap_or_else(|| format!("n{}", random(8).to_lowercase()));
    NodeId::parse(&name).with_context(|| format!("--node {name:?} must match [a-z0-9]{{1,16}}"))
}

fn workers(options: &NodeOptions) -> Result<usize> {
    let workers = options.workers.unwrap_or_else(half_of_the_cores);
    ensure!(
        (1..=MOST_WORKERS).contains(&workers),
        "--workers must be 1 to {MOST_WORKERS}"
    );
    Ok(workers)
}

/// A message costs more where it passes from one thread to another, and Redis, a balancer and other nodes
/// want cores as well.
fn half_of_the_cores() -> usize {
    let cores = available_parallelism().map_or(1, NonZero::get);
    (cores / 2).clamp(1, MOST_WORKERS)
}

fn drain(options: &NodeOptions) -> Result<Duration> {
    let drain = Duration::from_millis(options.drain_ms.unwrap_or(10_000));
    ensure!(
        drain <= Duration::from_secs(15),
        "--drain-ms may be 15000 at most: a node exits within 20 s"
    );
    Ok(drain)
}

fn presence_times(options: &PresenceOptions) -> Result<PresenceTimes> {
    let standard = PresenceTimes::default();
    let or = |ms: Option<u64>, default| ms.map_or(default, Duration::from_millis);
    let times = PresenceTimes {
        grace: or(options.grace_ms, standard.grace),
        lease: or(options.lease_ms, standard.lease),
    };
    let second = Duration::from_secs(1);
    ensure!(
        (second..=600 * second).contains(&times.grace),
        "--grace-ms must be 1000 to 600000"
    );
    ensure!(
        (second..=60 * second).contains(&times.lease),
        "--lease-ms must be 1000 to 60000"
    );
    Ok(times)
}

fn redis(
    options: &RedisOptions,
    times: PresenceTimes,
    history: usize,
) -> Result<Option<RedisConfig>> {
    let Some(url) = &options.url else {
        return Ok(None);
    };
    let mut config = RedisConfig {
        times,
        history,
        ..RedisConfig::new(url)
    };
    if let Some(prefix) = &options.prefix {
        config.prefix.clone_from(prefix);
    }
    config.partitions = options.partitions;
    config.check().context("--redis-url")?;
    Ok(Some(config))
}

fn jwt(options: &AuthOptions) -> Result<Option<JwtConfig>> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let key = match (
        &options.jwt_secret,
        &options.jwt_public_key,
        &options.jwt_jwks,
    ) {
        (None, None, None) => return Ok(None),
        (Some(secret), None, None) => {
            ensure!(
                secret.len() >= SECRET_BYTES,
                "--jwt-secret must have at least {SECRET_BYTES} bytes"
            );
            KeyConfig::Hs256(secret.clone())
        }
        (None, Some(path), None) => public_key(options.jwt_algorithm.as_deref(), read(path)?)?,
        (None, None, Some(path)) => KeyConfig::Jwks(read(path)?),
        _ => bail!("--jwt-secret, --jwt-public-key and --jwt-jwks exclude each other"),
    };
    let (issuer, audience) = (options.jwt_issuer.clone(), options.jwt_audience.clone());
    Ok(Some(JwtConfig {
        key,
        issuer,
        audience,
    }))
}

/// By a name alone only at the developer's own machine, whatever else is said.
fn sign_in(options: &AuthOptions, mode: Mode) -> Option<SignIn> {
    let secret = options.jwt_secret.clone().filter(|_| mode == Mode::Dev)?;
    Some(SignIn {
        secret,
        issuer: options.jwt_issuer.clone(),
        audience: options.jwt_audience.clone(),
    })
}

fn public_key(algorithm: Option<&str>, pem: String) -> Result<KeyConfig> {
    Ok(match algorithm {
        Some("RS256") => KeyConfig::Rs256(pem),
        Some("ES256") => KeyConfig::Es256(pem),
        Some("EdDSA") => KeyConfig::EdDsa(pem),
        _ => bail!("--jwt-public-key needs --jwt-algorithm RS256, ES256 or EdDSA"),
    })
}

fn check_api_keys(options: &AuthOptions) -> Result<()> {
    for (n, key) in options.api_keys.iter().flat_map(|list| &list.0).enumerate() {
        let good = key
            .split_once(':')
            .is_some_and(|(name, key)| !name.is_empty() && key.len() >= 16);
        ensure!(
            good,
            "entry {} of --api-keys must be name:key, with a key of 16 bytes or more",
            n + 1
        );
    }
    Ok(())
}

fn limits(options: &Options) -> Result<Limits> {
    let (said, standard) = (&options.limits, Limits::default());
    let limits = Limits {
        packet_bytes: said.max_packet.unwrap_or(standard.packet_bytes),
        text_chars: said.max_text.unwrap_or(standard.text_chars),
        rooms_per_user: said.max_rooms.unwrap_or(standard.rooms_per_user),
        attachments: said.max_attachments.unwrap_or(standard.attachments),
        json_depth: said.max_json_depth.unwrap_or(standard.json_depth),
        events_per_second: said.events_per_second.unwrap_or(standard.events_per_second),
        events_burst: said.events_burst.unwrap_or(standard.events_burst),
        user_events_per_second: said
            .user_events_per_second
            .unwrap_or(standard.user_events_per_second),
        large_room: options.rooms.large.unwrap_or(standard.large_room),
        ..standard
    };
    let range = |what: &str, value: usize, least: usize, most: usize| {
        ensure!(
            (least..=most).contains(&value),
            "--{what} must be {least} to {most}"
        );
        Ok(())
    };
    range("max-packet", limits.packet_bytes, 1_024, 16 << 20)?;
    range("max-text", limits.text_chars, 1, limits.packet_bytes)?;
    range("max-rooms", limits.rooms_per_user, 1, 10_000)?;
    range("max-attachments", limits.attachments, 0, 1_000)?;
    range("max-json-depth", limits.json_depth, 4, 100)?;
    range(
        "events-per-second",
        limits.events_per_second as usize,
        1,
        1_000_000,
    )?;
    range("events-burst", limits.events_burst as usize, 1, 1_000_000)?;
    range(
        "user-events-per-second",
        limits.user_events_per_second as usize,
        50,
        1_000_000,
    )?;
    Ok(limits)
}

fn edge(options: &Options, guests: bool) -> Result<EdgeConfig> {
    let (said, standard) = (&options.http, EdgeConfig::default());
    let range = |what: &str, ms: Option<u64>, default: Duration| {
        let ms = ms.map_or(default, Duration::from_millis);
        let fits = (Duration::from_millis(100)..=Duration::from_secs(600)).contains(&ms);
        ensure!(fits, "--{what} must be 100 to 600000");
        Ok(ms)
    };
    let config = EdgeConfig {
        guests,
        origins: origins(said.cors_origins.as_ref()),
        credentials: said.cors_credentials.unwrap_or(standard.credentials),
        ping_interval: range(
            "ping-interval-ms",
            said.ping_interval_ms,
            standard.ping_interval,
        )?,
        ping_timeout: range(
            "ping-timeout-ms",
            said.ping_timeout_ms,
            standard.ping_timeout,
        )?,
        connect_timeout: range(
            "connect-timeout-ms",
            said.connect_timeout_ms,
            standard.connect_timeout,
        )?,
        allow_eio3: said.allow_eio3.unwrap_or(standard.allow_eio3),
        compression: said.compression.unwrap_or(standard.compression),
        max_connections: said.max_connections.unwrap_or(standard.max_connections),
        max_connections_per_address: said.max_connections_per_address,
        max_handshakes: said.max_handshakes.unwrap_or(standard.max_handshakes),
        ..standard
    };
    config.check()?;
    Ok(config)
}

/// Without a word about it, only our own pages.
fn origins(said: Option<&options::CommaList>) -> Origins {
    match said {
        Some(list) if list.0.iter().any(|origin| origin == "*") => Origins::Any,
        Some(list) => Origins::List(list.0.clone()),
        None => Origins::List(Vec::new()),
    }
}

fn features(options: &Options) -> FeaturesConfig {
    FeaturesConfig {
        require_grant: options.rooms.require_grant.unwrap_or(false),
        presence_scope: match options.presence.scope {
            Some(Scope::Rooms) => PresenceScope::Rooms,
            Some(Scope::Everyone) => PresenceScope::Everyone,
            Some(Scope::Auto) | None => PresenceScope::Auto,
        },
    }
}

#[cfg(test)]
mod tests;
