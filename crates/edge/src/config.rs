//! What an installation can choose about its doors.

use std::time::Duration;

/// Defaults are the contract's. What limits clients stands in the kernel's `Limits`.
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    /// Whether a client without a token is let in, as a guest with a public id of its own.
    pub guests: bool,
    /// Whether clients of Engine.IO 3 (Socket.IO 2) are let in.
    pub allow_eio3: bool,
    /// Pages of which origins may connect.
    pub origins: Origins,
    /// Whether a browser may send its cookies and HTTP credentials from those pages.
    pub credentials: bool,
    /// Time between two pings.
    pub ping_interval: Duration,
    /// A client that does not answer a ping for this long is gone.
    pub ping_timeout: Duration,
    /// A transport without a namespace is closed after this.
    pub connect_timeout: Duration,
    /// Packets that wait for a client to read; one more closes its connection.
    pub send_queue: usize,
    /// Open TCP connections; more are closed as soon as they come.
    pub max_connections: u32,
    /// Time for a request's headers, and the longest that a connection may idle between two
    /// requests: above the 15 s after which nginx gives up an idle connection itself.
    pub header_timeout: Duration,
    /// Time for a request's body.
    pub body_timeout: Duration,
    /// A connection on which nothing could be written for this long is closed.
    pub write_timeout: Duration,
}

/// Pages of which origins may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Of all.
    Any,
    /// Of these, written as browsers do (`https://app.example`), and of the gateway's own.
    List(Vec<String>),
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            guests: false,
            allow_eio3: false,
            origins: Origins::Any,
            credentials: false,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(45),
            send_queue: 4096,
            max_connections: 65_536,
            header_timeout: Duration::from_secs(20),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(20),
        }
    }
}
