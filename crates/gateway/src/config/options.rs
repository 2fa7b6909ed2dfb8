//! What operators can say: as a flag, in the environment, or in the TOML file; in this order.

use std::{any::TypeId, net::SocketAddr, path::PathBuf};

use clap::{Args, builder::ValueRange};
use serde::Deserialize;

/// A switch can be said without a value, and with one (`--guest=false`) against the file; everything
/// else needs a value.
fn values<T: 'static>() -> ValueRange {
    if TypeId::of::<T>() == TypeId::of::<bool>() {
        (0..=1).into()
    } else {
        ValueRange::SINGLE
    }
}

/// A group of options that can be said in all three places. Nothing said is `None`: the default
/// belongs to whoever uses the value.
macro_rules! options {
    ($(#[$doc:meta])* $name:ident { $($(#[$help:meta])* $field:ident: $type:ty = $flag:literal, $env:literal;)* }) => {
        $(#[$doc])*
        #[derive(Args, Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $name {
            $($(#[$help])* #[arg(
                id = $flag, long = $flag, env = $env, hide_env_values = true,
                num_args = values::<$type>(), default_missing_value = "true",
            )] pub(crate) $field: Option<$type>,)*
        }

        impl $name {
            /// Fills what is not said here from `other`.
            fn or(self, other: Self) -> Self {
                Self { $($field: self.$field.or(other.$field),)* }
            }
        }
    };
}

options! {
    /// The node itself.
    NodeOptions {
        /// Name of this gateway, [a-z0-9]{1,16}, unique in the cluster [default: random]
        name: String = "node", "STARLING_NODE";
        /// Address for clients [default: 127.0.0.1:3000]
        listen: SocketAddr = "listen", "STARLING_LISTEN";
        /// Address for operators: metrics, health; keep it private [default: 127.0.0.1:9100]
        admin_listen: SocketAddr = "admin-listen", "STARLING_ADMIN_LISTEN";
        /// Threads for connections and rooms, 1 to 64 [default: half of the cores]
        workers: usize = "workers", "STARLING_WORKERS";
        /// Time over which connections are closed at SIGTERM, in ms [default: 10000]
        drain_ms: u64 = "drain-ms", "STARLING_DRAIN_MS";
        /// Filter for the log, e.g. info,starling_edge=debug [default: info]
        log: String = "log", "STARLING_LOG";
        /// text or json [default: text]
        log_format: LogFormat = "log-format", "STARLING_LOG_FORMAT";
    }
}

options! {
    /// Redis or Valkey.
    RedisOptions {
        /// redis://, rediss://, redis-sentinel:// or redis-cluster://; without it the embedded backend, for one node
        url: String = "redis-url", "STARLING_REDIS_URL";
        /// First part of all keys and channels [default: starling]
        prefix: String = "redis-prefix", "STARLING_REDIS_PREFIX";
        /// Parts that rooms and users are spread over, the same on all nodes [default: 1, Redis Cluster: 16]
        partitions: u16 = "redis-partitions", "STARLING_REDIS_PARTITIONS";
        /// Messages kept per room [default: 1000]
        history: usize = "history", "STARLING_HISTORY";
    }
}

options! {
    /// Who may connect.
    AuthOptions {
        /// Secret for HS256 tokens, at least 32 bytes
        jwt_secret: String = "jwt-secret", "STARLING_JWT_SECRET";
        /// PEM file with the public key for tokens; needs --jwt-algorithm
        jwt_public_key: PathBuf = "jwt-public-key", "STARLING_JWT_PUBLIC_KEY";
        /// Algorithm of the public key: RS256, ES256 or EdDSA
        jwt_algorithm: String = "jwt-algorithm", "STARLING_JWT_ALGORITHM";
        /// JWKS file with the public keys for tokens
        jwt_jwks: PathBuf = "jwt-jwks", "STARLING_JWT_JWKS";
        /// Required issuer of tokens
        jwt_issuer: String = "jwt-issuer", "STARLING_JWT_ISSUER";
        /// Required audience of tokens
        jwt_audience: String = "jwt-audience", "STARLING_JWT_AUDIENCE";
        /// Let clients without a token in, as guests; for development
        guest: bool = "guest", "STARLING_GUEST";
        /// Keys of the server API, name:key, comma-separated
        api_keys: CommaList = "api-keys", "STARLING_API_KEYS";
    }
}

options! {
    /// Socket.IO and HTTP.
    HttpOptions {
        /// Origins that browsers may connect from, comma-separated; * for all [default: none but our own]
        cors_origins: CommaList = "cors-origins", "STARLING_CORS_ORIGINS";
        /// Let pages of those origins send cookies and HTTP credentials [default: false]
        cors_credentials: bool = "cors-credentials", "STARLING_CORS_CREDENTIALS";
        /// Engine.IO ping interval in ms [default: 25000]
        ping_interval_ms: u64 = "ping-interval-ms", "STARLING_PING_INTERVAL_MS";
        /// Engine.IO ping timeout in ms [default: 60000]
        ping_timeout_ms: u64 = "ping-timeout-ms", "STARLING_PING_TIMEOUT_MS";
        /// Time for a client to enter a namespace, in ms [default: 45000]
        connect_timeout_ms: u64 = "connect-timeout-ms", "STARLING_CONNECT_TIMEOUT_MS";
        /// Accept Engine.IO 3 clients [default: false]
        allow_eio3: bool = "allow-eio3", "STARLING_ALLOW_EIO3";
        /// Compress messages of 1 KiB or more for clients that offer it (permessage-deflate) [default: false]
        compression: bool = "compression", "STARLING_COMPRESSION";
        /// Open connections; more are refused [default: 65536]
        max_connections: u32 = "max-connections", "STARLING_MAX_CONNECTIONS";
        /// Of those, from one address; not with a proxy in front [default: no limit]
        max_connections_per_address: u32 = "max-connections-per-address", "STARLING_MAX_CONNECTIONS_PER_ADDRESS";
        /// Connections that wait for their first request [default: 16384]
        max_handshakes: u32 = "max-handshakes", "STARLING_MAX_HANDSHAKES";
    }
}

options! {
    /// Limits of clients.
    LimitOptions {
        /// Bytes of a packet [default: 262144]
        max_packet: usize = "max-packet", "STARLING_MAX_PACKET";
        /// Characters of a message's text [default: 4096]
        max_text: usize = "max-text", "STARLING_MAX_TEXT";
        /// Rooms of a user, on all connections together [default: 64]
        max_rooms: usize = "max-rooms", "STARLING_MAX_ROOMS";
        /// Binary attachments of an event [default: 10]
        max_attachments: usize = "max-attachments", "STARLING_MAX_ATTACHMENTS";
        /// Nesting of a JSON payload [default: 32]
        max_json_depth: usize = "max-json-depth", "STARLING_MAX_JSON_DEPTH";
        /// Events per second and connection, sustained [default: 100]
        events_per_second: u32 = "events-per-second", "STARLING_EVENTS_PER_SECOND";
        /// Events at once and connection [default: 200]
        events_burst: u32 = "events-burst", "STARLING_EVENTS_BURST";
        /// Events per second and user over all nodes [default: 400]
        user_events_per_second: u32 = "user-events-per-second", "STARLING_USER_EVENTS_PER_SECOND";
    }
}

options! {
    /// Presence.
    PresenceOptions {
        /// How long a user stays after the last connection was lost, in ms [default: 5000]
        grace_ms: u64 = "grace-ms", "STARLING_GRACE_MS";
        /// How long a silent node is believed alive, in ms [default: 3000]
        lease_ms: u64 = "lease-ms", "STARLING_LEASE_MS";
        /// Who hears of presence: everyone, rooms (those who share one), or auto: everyone up to 1,000 users online [default: auto]
        scope: Scope = "presence-scope", "STARLING_PRESENCE_SCOPE";
    }
}

options! {
    /// Rooms.
    RoomOptions {
        /// Every room needs a grant, not only the private ones [default: false]
        require_grant: bool = "rooms-require-grant", "STARLING_ROOMS_REQUIRE_GRANT";
        /// Members beyond which single comings and goings are not announced [default: 250]
        large: u64 = "rooms-large", "STARLING_ROOMS_LARGE";
    }
}

/// Everything, as sections of the TOML file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) node: NodeOptions,
    #[command(flatten)]
    pub(crate) redis: RedisOptions,
    #[command(flatten)]
    pub(crate) auth: AuthOptions,
    #[command(flatten)]
    pub(crate) http: HttpOptions,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
    #[command(flatten)]
    pub(crate) presence: PresenceOptions,
    #[command(flatten)]
    pub(crate) rooms: RoomOptions,
}

impl Options {
    /// Fills what is not said here from `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            node: self.node.or(other.node),
            redis: self.redis.or(other.redis),
            auth: self.auth.or(other.auth),
            http: self.http.or(other.http),
            limits: self.limits.or(other.limits),
            presence: self.presence.or(other.presence),
            rooms: self.rooms.or(other.rooms),
        }
    }
}

/// Who hears of presence.
#[derive(Clone, Copy, Debug, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    Auto,
    Everyone,
    Rooms,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// `a,b` on the command line and in the environment, `["a", "b"]` in the file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub(crate) struct CommaList(pub(crate) Vec<String>);

impl std::str::FromStr for CommaList {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        Ok(Self(items.map(str::to_owned).collect()))
    }
}
