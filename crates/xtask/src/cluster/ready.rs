//! Asking a local process whether it is ready.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_millis(500);

/// How to tell that a process is ready.
#[derive(Clone, Copy)]
pub(super) enum Probe {
    /// Redis answers PING.
    Redis(u16),
    /// The gateway's operator port says ready.
    Gateway(u16),
    /// Something accepts connections.
    Port(u16),
}

impl Probe {
    /// Whether it is ready now.
    pub(super) fn answers(self) -> bool {
        match self {
            Self::Redis(port) => ask(port, "PING\r\n").is_some_and(|a| a.starts_with("+PONG")),
            Self::Gateway(port) => ask(port, READY).is_some_and(|a| a.starts_with("HTTP/1.1 200")),
            Self::Port(port) => connect(port).is_some(),
        }
    }
}

const READY: &str = "GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn connect(port: u16) -> Option<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PATIENCE).ok()
}

/// Sends a request; returns the first bytes of the answer.
fn ask(port: u16, request: &str) -> Option<String> {
    let mut stream = connect(port)?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = [0; 64];
    let n = stream.read(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer[..n]).into_owned())
}
