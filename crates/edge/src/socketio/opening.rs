//! What is kept of the request that opened a session, and what the engine is told of this server.

use std::{
    any::Any,
    sync::{Arc, Mutex},
    time::Duration,
};

use engineioxide::{Hooks, Line, Raw, Took, TransportType};
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use metrics::{Gauge, counter, gauge};
use starling_kernel::{
    limits::Limits,
    metric,
    rate::{Meter, Verdict},
    session::Handshake,
};

use super::{
    incoming::{self, Incoming},
    query,
};
use crate::stream::Stream;

/// Longest token that is kept.
const MAX_TOKEN: usize = 8 * 1024;

/// What is kept of the request that opened a session, for the namespaces that are entered on it.
pub(super) struct Opening {
    /// The token in its headers.
    pub(super) bearer: Option<Box<str>>,
    /// The room that its query names.
    pub(super) room: Option<Box<str>>,
    /// What its client sends is for.
    pub(super) incoming: Incoming,
    /// Of namespaces entered: leaving and entering anew gives no new allowance of anything.
    meter: Mutex<Meter>,
}

impl Opening {
    fn of(request: &Parts, limits: &Limits) -> Self {
        let room = query::room(request.uri.query().unwrap_or_default());
        Self {
            bearer: bearer(&request.headers).map(Into::into),
            room: room.map(|room| cut(room, Handshake::ROOM_BYTES + 1).into()),
            incoming: Incoming::default(),
            meter: Mutex::new(Meter::new(limits)),
        }
    }

    /// Whether yet another namespace may be entered.
    pub(super) fn may_enter(&self, limits: &Limits) -> bool {
        let mut meter = self.meter.lock().expect("no panic while held");
        match meter.take(1.0, limits) {
            Verdict::Pass | Verdict::PassIfUser => true,
            Verdict::Limited | Verdict::Close => false,
        }
    }
}

/// Cuts a text down to so many bytes.
pub(super) fn cut(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let fits = scheme.eq_ignore_ascii_case("bearer") && token.len() <= MAX_TOKEN;
    fits.then_some(token)
}

/// What the engine is told of this server, and what it tells of its sessions.
pub(super) struct Server {
    limits: Limits,
    polling: Gauge,
    websocket: Gauge,
}

impl Server {
    pub(super) fn new(limits: Limits) -> Self {
        let server = Self {
            limits,
            polling: gauge!(metric::CONNECTIONS, "transport" => "polling"),
            websocket: gauge!(metric::CONNECTIONS, "transport" => "websocket"),
        };
        // Seen from the start, not only from the first connection on.
        server.polling.increment(0);
        server.websocket.increment(0);
        server
    }

    fn connections(&self, transport: TransportType) -> &Gauge {
        match transport {
            TransportType::Polling => &self.polling,
            TransportType::Websocket => &self.websocket,
        }
    }
}

impl Hooks for Server {
    fn keep(&self, request: &Parts) -> Option<Box<dyn Any + Send + Sync>> {
        Some(Box::new(Opening::of(request, &self.limits)))
    }

    fn take_back(&self, upgraded: Upgraded) -> Result<Raw, Upgraded> {
        let parts = upgraded.downcast::<TokioIo<Stream>>()?;
        let read = parts.read_buf.to_vec();
        let (tcp, place) = parts.io.into_inner().into_parts();
        let guard: Box<dyn Any + Send> = Box::new(place);
        Ok(Raw {
            tcp,
            guard: Some(guard),
            read,
        })
    }

    fn text(&self, line: &Arc<Line>, text: &str) -> Took {
        incoming::text(line, text, &self.limits)
    }

    fn binary(&self, line: &Arc<Line>, data: &[u8]) -> Took {
        incoming::binary(line, data, &self.limits)
    }

    fn is_stuck(&self, line: &Line, patience: Duration) -> bool {
        incoming::is_stuck(line, patience)
    }

    fn opened(&self, transport: TransportType) {
        self.connections(transport).increment(1);
    }

    fn upgraded(&self) {
        self.polling.decrement(1);
        self.websocket.increment(1);
    }

    fn closed(&self, transport: TransportType) {
        self.connections(transport).decrement(1);
    }

    fn slow(&self) {
        counter!(metric::SLOW_CONSUMERS).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, header::HOST};

    #[test]
    fn of_a_request_a_token_and_a_room_are_kept() {
        let request = Request::builder()
            .uri("/socket.io/?EIO=4&roomId=a%3Ab&token=x")
            .header(HOST, "a")
            .header(AUTHORIZATION, "bearer  x.y.z ");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let kept = Opening::of(&parts, &Limits::default());
        assert_eq!(kept.bearer.as_deref(), Some("x.y.z"));
        assert_eq!(kept.room.as_deref(), Some("a:b"));
    }

    #[test]
    fn what_is_too_long_is_not_kept_and_a_room_too_long_stays_too_long() {
        let long = format!("Bearer {}", "x".repeat(MAX_TOKEN + 1));
        let request = Request::builder()
            .uri(format!("/?roomId={}", "%C3%BC".repeat(10_000)))
            .header(AUTHORIZATION, long);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let kept = Opening::of(&parts, &Limits::default());
        assert_eq!(kept.bearer, None);
        let room = kept.room.unwrap();
        assert!((Handshake::ROOM_BYTES..Handshake::ROOM_BYTES + 4).contains(&room.len()));
    }

    #[test]
    fn other_schemes_are_no_token() {
        for value in ["Basic eDp5", "Bearer", ""] {
            let headers = [(AUTHORIZATION, http::HeaderValue::from_static(value))];
            assert_eq!(bearer(&headers.into_iter().collect()), None, "{value}");
        }
    }
}
