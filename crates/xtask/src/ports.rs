//! Listening ports for local processes.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::TcpListener;

use anyhow::{Context, Result, bail};

/// Below every system's ephemeral range. A killed node has to find its port free again, and
/// the kernel gives ephemeral ports away to outgoing connections.
const RANGE: std::ops::Range<u16> = 4100..9900;

/// Ports that browsers refuse to talk to.
const REFUSED_BY_BROWSERS: [u16; 12] = [
    4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
];

/// A loopback port, held open until the process that is to use it starts: dropping lets go.
pub struct Reserved {
    port: u16,
    _held: TcpListener,
}

impl Reserved {
    /// The port's number.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Reserves a free port, a random one, so that clusters started together do not meet.
pub fn any() -> Result<Reserved> {
    let span = RANGE.end - RANGE.start;
    let first = (random() % u64::from(span)) as u16;
    (0..span)
        .map(|step| RANGE.start + (first + step) % span)
        .filter(|port| !REFUSED_BY_BROWSERS.contains(port))
        .find_map(|port| bind(port).ok())
        .context("no free port between 4100 and 9899")
}

/// Reserves this port; 0 means any.
pub fn this_or_any(port: u16) -> Result<Reserved> {
    if port == 0 {
        return any();
    }
    match bind(port) {
        Ok(reserved) => Ok(reserved),
        Err(error) => {
            bail!("port {port} cannot be used ({error}); choose another with --port, 0 for any")
        }
    }
}

fn bind(port: u16) -> std::io::Result<Reserved> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    Ok(Reserved {
        port,
        _held: listener,
    })
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_is_not_given_twice() {
        let one = any().unwrap();
        assert!(this_or_any(one.port()).is_err());
    }

    #[test]
    fn a_port_is_free_again_when_it_is_let_go() {
        let port = any().unwrap().port();
        assert!(this_or_any(port).is_ok());
    }
}
