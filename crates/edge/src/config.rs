//! What an installation can choose about its doors.

use std::time::Duration;

use crate::SignIn;

/// Defaults are the contract's. What limits clients stands in the kernel's `Limits`.
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    /// Whether a client without a token is let in, as a guest with a public id of its own.
    pub guests: bool,
    /// For development only: whoever names themselves gets a token.
    pub sign_in: Option<SignIn>,
    /// Whether clients of Engine.IO 3 (Socket.IO 2) are let in.
    pub allow_eio3: bool,
    /// Whether messages of 1 KiB or more are compressed on the websockets of clients that offer it.
    pub compression: bool,
    /// Pages of which origins may connect.
    pub origins: Origins,
    /// Whether a browser may send its cookies and HTTP credentials from those pages.
    pub credentials: bool,
    /// Time between two pings.
    pub ping_interval: Duration,
    /// A client that does not answer a ping for this long is gone.
    pub ping_timeout: Duration,
    /// A session without a namespace is closed after this. socketioxide keeps one that left before it
    /// entered any for as long, but hardly anything is left of it.
    pub connect_timeout: Duration,
    /// Packets that wait for a client to read; one more closes its connection.
    pub send_queue: usize,
    /// Open TCP connections; more are closed as soon as they come. Sessions, of which polling ones have
    /// no connection most of the time, may be twice as many; more are answered 503.
    pub max_connections: u32,
    /// Of those, from one IPv4 address or one /64 of IPv6. `None`, no limit, where a proxy or balancer is in
    /// front: all come from its address.
    pub max_connections_per_address: Option<u32>,
    /// Connections that may wait for the headers of their first request: with one more, the one that has
    /// waited longest is closed. Well below `max_connections`, so that those that send none, or slowly,
    /// cannot have all places; far above what comes within a moment after a restart.
    pub max_handshakes: u32,
    /// Time for a request's headers, and the longest that a connection may idle between two
    /// requests: above the 15 s after which nginx gives up an idle connection itself.
    pub header_timeout: Duration,
    /// Time for a request's body.
    pub body_timeout: Duration,
    /// A connection on which nothing could be written for this long is closed, and so is a polling
    /// session that was not polled for this long, or a quarter longer.
    pub write_timeout: Duration,
}

/// Pages of which origins may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Of all.
    Any,
    /// Of these, written as browsers do (`https://app.example`, `capacitor://localhost`, `null`) in
    /// whatever case, and of the gateway's own.
    List(Vec<String>),
}

impl Origins {
    /// Whether pages of this origin may connect, as far as the list goes.
    pub(crate) fn allow(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::List(list) => list
                .iter()
                .any(|one| one.as_bytes().eq_ignore_ascii_case(origin)),
        }
    }
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A browser would never send this as an origin.
    #[error(
        "`{0}` is no origin: write it like `https://app.example`, `http://localhost:5173` or `null`"
    )]
    Origin(String),
    /// A limit or time that would let nobody in.
    #[error("`{0}` must not be zero")]
    Zero(&'static str),
}

impl EdgeConfig {
    /// Says what is wrong, before a port is bound.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Origins::List(origins) = &self.origins
            && let Some(wrong) = origins.iter().find(|origin| !is_origin(origin))
        {
            return Err(ConfigError::Origin(wrong.clone()));
        }
        let zeros = [
            ("ping_interval", self.ping_interval.is_zero()),
            ("ping_timeout", self.ping_timeout.is_zero()),
            ("connect_timeout", self.connect_timeout.is_zero()),
            ("send_queue", self.send_queue == 0),
            ("max_connections", self.max_connections == 0),
            (
                "max_connections_per_address",
                self.max_connections_per_address == Some(0),
            ),
            ("max_handshakes", self.max_handshakes == 0),
            ("header_timeout", self.header_timeout.is_zero()),
            ("body_timeout", self.body_timeout.is_zero()),
            ("write_timeout", self.write_timeout.is_zero()),
        ];
        match zeros.into_iter().find(|(_, zero)| *zero) {
            Some((name, _)) => Err(ConfigError::Zero(name)),
            None => Ok(()),
        }
    }
}

/// Scheme, host and port, nothing after them, and no port that browsers leave out. Applications of
/// other kinds have schemes of their own; what has no origin is `null`.
fn is_origin(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let Some((scheme, host)) = text.split_once("://") else {
        return text == "null";
    };
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let left_out = match scheme {
        "http" => host.ends_with(":80"),
        "https" => host.ends_with(":443"),
        _ => false,
    };
    let host_fits = host
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"/?#*@\\".contains(&b));
    named && host_fits && !left_out && (!host.is_empty() || scheme == "file")
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            guests: false,
            sign_in: None,
            allow_eio3: false,
            compression: false,
            origins: Origins::Any,
            credentials: false,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(45),
            send_queue: 4096,
            max_connections: 65_536,
            max_connections_per_address: None,
            max_handshakes: 16_384,
            header_timeout: Duration::from_secs(20),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_that_no_browser_sends_is_found_before_the_start() {
        let with = |origin: &str| EdgeConfig {
            origins: Origins::List(vec![origin.into()]),
            ..EdgeConfig::default()
        };
        for good in [
            "https://a.example",
            "HTTPS://A.example",
            "http://localhost:5173",
            "http://[::1]:8080",
            "capacitor://localhost",
            "tauri://localhost",
            "chrome-extension://abcdefgh",
            "file://",
            "null",
        ] {
            assert_eq!(with(good).check(), Ok(()), "{good}");
        }
        for bad in [
            "a.example",
            "*",
            "https://a.example/",
            "https://*.example",
            "https://",
            "https://a.example:443",
            "http://a.example:80",
            "https://ä.example",
            "://a",
            "",
        ] {
            assert_eq!(with(bad).check(), Err(ConfigError::Origin(bad.into())));
        }
    }

    #[test]
    fn zeros_are_found_before_the_start() {
        let config = EdgeConfig {
            send_queue: 0,
            ..EdgeConfig::default()
        };
        assert_eq!(config.check(), Err(ConfigError::Zero("send_queue")));
    }
}
