//! What the server that stands around the engine sets, beyond the published interface.

use std::{any::Any, cell::RefCell, sync::Arc, time::Duration};

use http::request::Parts;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{Line, Lines, TransportType};

/// Limits and times beside those of [`crate::config::EngineIoConfig`].
#[derive(Clone)]
pub struct Settings {
    /// Stands before each session's id in URLs (`<node>-<id>`), so that a balancer finds the node.
    pub node: Option<Box<str>>,
    /// Whether clients of Engine.IO 3 are let in.
    pub eio3: bool,
    /// Bytes that may wait for a client. With as many it gets nothing more, so that one message beyond
    /// them is the most there ever is.
    pub max_waiting: usize,
    /// Frames that a websocket message may come in.
    pub fragments: usize,
    /// Time for the body of a POST.
    pub body_timeout: Duration,
    /// Who takes nothing for so long, though something waits, is too slow, and so is who takes less
    /// than `min_drain` bytes in half of it. A session that is not polled for so long is over as well.
    pub write_timeout: Duration,
    /// See `write_timeout`.
    pub min_drain: usize,
    /// A connection that was written to within this time has what follows gathered until the time is
    /// over, and written at once. Zero: never.
    pub gather: Duration,
    /// Whether messages on websockets are compressed (RFC 7692) for clients that offer it; `None`: never.
    pub deflate: Option<Deflate>,
    /// What the server knows of requests and connections.
    pub hooks: Arc<dyn Hooks>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node: None,
            eio3: cfg!(feature = "v3"),
            max_waiting: 1 << 20,
            fragments: 1024,
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(20),
            min_drain: 64 * 1024,
            gather: Duration::from_millis(2),
            deflate: None,
            hooks: Arc::new(NoHooks),
        }
    }
}

/// How messages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// Bytes that a message has at least which is compressed. With less than 1,024 here, 1,024.
    pub threshold: usize,
}

impl Default for Deflate {
    fn default() -> Self {
        Self { threshold: 1024 }
    }
}

/// What a server knows of its requests and connections. Every method may be left as it is.
pub trait Hooks: Send + Sync + 'static {
    /// What is kept of the request that opens a session ([`crate::Line::kept`]). The request itself is
    /// not: what hyper reads is one piece of memory, kept whole by any part of it.
    fn keep(&self, _request: &Parts) -> Option<Box<dyn Any + Send + Sync>> {
        None
    }

    /// Takes the TCP stream back from the HTTP server.
    fn take_back(&self, upgraded: Upgraded) -> Result<Raw, Upgraded> {
        let parts = upgraded.downcast::<TokioIo<TcpStream>>()?;
        Ok(Raw {
            tcp: parts.io.into_inner(),
            guard: None,
            read: parts.read_buf.to_vec(),
        })
    }

    /// A text message came. The session's handler is told of it where nobody takes it.
    fn text(&self, _line: &Arc<Line>, _text: &str) -> Took {
        Took::No
    }

    /// The same of a binary one.
    fn binary(&self, _line: &Arc<Line>, _data: &[u8]) -> Took {
        Took::No
    }

    /// Whether a websocket message was taken that is no packet: for tests of the websocket itself.
    #[cfg(test)]
    fn raw(&self, _line: &Arc<Line>, _is_text: bool, _data: &[u8]) -> bool {
        false
    }

    /// Whether a message is incomplete for so long, in the eyes of who takes messages: some belong
    /// together. Asked at each ping; the session ends then.
    fn is_stuck(&self, _line: &Line, _patience: Duration) -> bool {
        false
    }

    /// A session has begun over this transport.
    fn opened(&self, _transport: TransportType) {}

    /// One goes over from polling to a websocket.
    fn upgraded(&self) {}

    /// One that was on this transport is over.
    fn closed(&self, _transport: TransportType) {}

    /// One is ended because it is too slow.
    fn slow(&self) {}
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Took {
    /// It was taken.
    Yes,
    /// It is for the session's handler.
    No,
    /// It is none that a client may send: the session ends.
    Wrong,
}

struct NoHooks;
impl Hooks for NoHooks {}

/// A TCP stream that carries a websocket from now on.
pub struct Raw {
    /// The stream itself.
    pub tcp: TcpStream,
    /// Dropped when the stream is closed.
    pub guard: Option<Box<dyn Any + Send>>,
    /// What has been read of it already. In memory of its own: a slice of the HTTP server's buffer, even
    /// an empty one, would keep all of that.
    pub read: Vec<u8>,
}

thread_local! {
    static ATTACHED: RefCell<Option<(Settings, Option<Arc<Lines>>)>> = const { RefCell::new(None) };
}

/// Builds an engine with these settings, and gives its sessions beside what was built. The published
/// interface has no place for either. Of several engines that are built the first one takes them.
///
/// # Panics
///
/// When nothing was built.
pub fn attach<T>(settings: Settings, build: impl FnOnce() -> T) -> (T, Arc<Lines>) {
    ATTACHED.set(Some((settings, None)));
    let built = build();
    let lines = ATTACHED.take().and_then(|(_, lines)| lines);
    (built, lines.expect("an engine was built"))
}

/// The settings of the engine that is being built, and the place for its sessions.
pub(crate) fn attached(make: impl FnOnce(Settings) -> Arc<Lines>) -> Arc<Lines> {
    ATTACHED.with_borrow_mut(|attached| match attached {
        Some((settings, place @ None)) => place.insert(make(settings.clone())).clone(),
        _ => make(Settings::default()),
    })
}
