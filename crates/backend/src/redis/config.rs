use std::time::Duration;

use fred::types::config::{Config, ServerConfig};
use starling_kernel::ports::PresenceTimes;

/// Where Redis is, and how it is used. The same on every node, apart from the address.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `redis://` or `rediss://[user:password@]host[:port][/db]`;
    /// `redis-sentinel://host:port?sentinelServiceName=name&node=host2:port`;
    /// `redis-cluster://host:port?node=host2:port`. With an `s` after `redis`: over TLS.
    pub url: String,
    /// Before every key and channel, so that installations can share a Redis.
    pub prefix: String,
    /// Into how many partitions rooms and users are spread. All nodes must agree, and it cannot be
    /// changed while data is there. `None`: 1, and 16 for a Redis Cluster.
    pub partitions: Option<u16>,
    /// Entries that a log keeps; the oldest are trimmed, in blocks of about a hundred.
    pub history: usize,
    /// Grace and lease.
    pub times: PresenceTimes,
    /// After this a command fails; whether it was carried out is then unknown.
    pub command_timeout: Duration,
    /// How long the first connection may take before starting fails. Later ones are retried forever.
    pub connect_timeout: Duration,
    /// Commands on their way at once; more wait for their turn, up to the command timeout. Beats do
    /// not count.
    pub in_flight: usize,
}

/// Why there is no backend.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The configuration cannot be right.
    #[error("redis configuration: {0}")]
    Config(String),
    /// Redis did not answer in time.
    #[error("cannot reach redis at {address} within {within:?}: {error}")]
    Unreachable {
        /// Without credentials.
        address: String,
        /// The configured time.
        within: Duration,
        /// The last failure.
        error: String,
    },
    /// Other nodes have spread their data differently.
    #[error("redis holds data in {found} partitions, but {wanted} are configured")]
    Partitions {
        /// What the nodes before agreed on.
        found: u16,
        /// What this one wants.
        wanted: u16,
    },
}

impl RedisConfig {
    /// Defaults for the Redis at `url`.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            prefix: "starling".to_owned(),
            partitions: None,
            history: 1_000,
            times: PresenceTimes::default(),
            command_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(10),
            in_flight: 8_192,
        }
    }

    /// Whether this can work, as far as can be told without Redis.
    pub fn check(&self) -> Result<(), ConnectError> {
        self.client_config()?;
        let millisecond = Duration::from_millis(1);
        let rules = [
            (
                !self.prefix.is_empty()
                    && self
                        .prefix
                        .bytes()
                        .all(|b| b.is_ascii_graphic() && !b"{}".contains(&b)),
                "prefix must be printable ASCII without braces",
            ),
            (
                self.partitions.is_none_or(|n| (1..=256).contains(&n)),
                "partitions must be 1 to 256",
            ),
            (self.history > 0, "history must be at least 1"),
            (self.in_flight > 0, "in_flight must be at least 1"),
            (self.times.lease >= 3 * millisecond, "lease is too short"),
            (self.times.grace >= millisecond, "grace is too short"),
            (
                self.command_timeout >= millisecond && self.connect_timeout >= millisecond,
                "timeouts must be at least a millisecond",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(ConnectError::Config((*rule).to_owned())),
            None => Ok(()),
        }
    }

    pub(super) fn client_config(&self) -> Result<Config, ConnectError> {
        // Never with the URL in the text: it may hold a password.
        let known = ["redis", "rediss"].iter().any(|scheme| {
            let kinds = ["", "-sentinel", "-cluster"];
            kinds
                .iter()
                .any(|kind| self.url.starts_with(&format!("{scheme}{kind}://")))
        });
        if !known {
            let hint = "the URL must begin with redis://, rediss://, redis-sentinel:// or redis-cluster://";
            return Err(ConnectError::Config(hint.to_owned()));
        }
        Config::from_url(&self.url)
            .map_err(|error| ConnectError::Config(error.details().to_owned()))
    }

    pub(super) fn unreachable(&self, error: &str) -> ConnectError {
        let client = self.client_config();
        ConnectError::Unreachable {
            address: client.map_or_else(|_| String::new(), |client| address(&client.server)),
            within: self.connect_timeout,
            error: error.to_owned(),
        }
    }

    pub(super) fn partitions_or_default(&self, config: &Config) -> u16 {
        let default = if config.server.is_clustered() { 16 } else { 1 };
        self.partitions.unwrap_or(default)
    }
}

/// The servers of a configuration, for people, without credentials.
fn address(server: &ServerConfig) -> String {
    let hosts = server.hosts();
    let hosts: Vec<_> = hosts.iter().map(|server| server.to_string()).collect();
    hosts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(url: &str) -> u16 {
        let config = RedisConfig::new(url);
        config.check().unwrap();
        config.partitions_or_default(&config.client_config().unwrap())
    }

    #[test]
    fn the_url_tells_the_kind() {
        assert_eq!(partitions("redis://127.0.0.1"), 1);
        assert_eq!(partitions("rediss://user:secret@127.0.0.1:6380/2"), 1);
        assert_eq!(
            partitions("redis-cluster://127.0.0.1:7000?node=127.0.0.1:7001"),
            16
        );
        let sentinel = "redis-sentinel://127.0.0.1:26379?sentinelServiceName=main";
        assert_eq!(partitions(sentinel), 1);
    }

    #[test]
    fn a_wrong_configuration_is_said_without_the_password() {
        for url in [
            "",
            "http://127.0.0.1",
            "redis://user:secret@:x",
            "redis-sentinel://h:1",
        ] {
            let error = RedisConfig::new(url).check().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let mut config = RedisConfig::new("redis://127.0.0.1");
        config.prefix = "a{b}".into();
        assert!(config.check().is_err());
        config.prefix = "a:b".into();
        config.check().unwrap();
        config.partitions = Some(0);
        assert!(config.check().is_err());
    }
}
