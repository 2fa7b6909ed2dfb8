//! In front of the engine: which requests reach it, and what it calls its sessions.
//!
//! A session is shown to polling clients as `<node>-<sid>`, so that a balancer can find its node by
//! the id alone. The engine knows the bare `sid`; it is translated here, both ways.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
    header::{
        AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER,
        SEC_WEBSOCKET_KEY, SET_COOKIE,
    },
};
use serde_json::json;
use starling_kernel::id::NodeId;
use tokio::time::timeout;
use tower::ServiceExt;

use super::{
    Engine,
    query::{self, Ask, Refused},
};
use crate::{
    EdgeConfig, Origins,
    stream::Kill,
    transport::{Transport, Transports},
};

/// Headers that the engine or a handshake needs.
const KEPT: [HeaderName; 3] = [AUTHORIZATION, CONTENT_TYPE, SEC_WEBSOCKET_KEY];
/// Longest of their values: no token is longer.
const MAX_KEPT: usize = 8 * 1024;

/// Longest answer to a polling handshake.
const MAX_OPEN_PACKET: usize = 4096;

/// What stands in front of the engine.
pub(crate) struct Gate {
    pub(super) engine: Engine,
    pub(super) node: NodeId,
    pub(super) transports: Arc<Transports>,
    pub(super) allow_eio3: bool,
    pub(super) origins: Origins,
    pub(super) max_body: usize,
    pub(super) body_timeout: Duration,
    pub(super) draining: AtomicBool,
}

impl Gate {
    pub(super) fn new(
        engine: Engine,
        node: NodeId,
        transports: Arc<Transports>,
        config: &EdgeConfig,
        max_body: usize,
    ) -> Self {
        Self {
            engine,
            node,
            transports,
            allow_eio3: config.allow_eio3,
            origins: config.origins.clone(),
            max_body,
            body_timeout: config.body_timeout,
            draining: AtomicBool::new(false),
        }
    }

    /// From now on nobody new is let in.
    pub(crate) fn shut(&self) {
        self.draining.store(true, Ordering::Release);
    }

    async fn answer(&self, mut request: Request) -> Result<Response, Response> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let ask = query::parse(request.method(), &query, self.allow_eio3).map_err(refuse)?;
        self.check_origin(request.headers()).map_err(refuse)?;
        slim(&mut request, &query);
        let Some(shown) = ask.sid() else {
            return self.open(&ask, request).await;
        };
        let (sid, transport) = self
            .find(shown)
            .ok_or_else(|| refuse(Refused::UnknownSid))?;
        *request.uri_mut() = engine_uri(&query::with_sid(&query, sid));
        match ask {
            Ask::Upgrade(_) => Ok(self.upgrade(request, &transport).await),
            Ask::Post(_) => self.post(request, &transport).await,
            _ => self.poll(request, &transport, query::is_eio3(&query)).await,
        }
    }

    /// The session that is shown as `<node>-<sid>`, if it is one of ours and alive.
    fn find<'a>(&self, shown: &'a str) -> Option<(&'a str, Arc<Transport>)> {
        let sid = shown.strip_prefix(self.node.as_str())?.strip_prefix('-')?;
        Some((sid, self.transports.by_sid(sid)?))
    }

    /// A new session, unless this node is full or about to go: then another one will have it.
    async fn open(&self, ask: &Ask<'_>, request: Request) -> Result<Response, Response> {
        if self.draining.load(Ordering::Acquire) || self.transports.full() {
            return Err((StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response());
        }
        let mut response = match ask {
            Ask::OpenWebsocket => self.open_websocket(request).await,
            _ => self.open_polling(request).await?,
        };
        let cookie = format!(
            "starling_node={}; Path=/socket.io; HttpOnly; SameSite=Lax",
            self.node
        );
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        Ok(response)
    }

    async fn open_websocket(&self, mut request: Request) -> Response {
        let transport = self.transports.open_websocket(kill_of(&request));
        request.extensions_mut().insert(transport);
        self.ask_engine(request).await
    }

    async fn open_polling(&self, mut request: Request) -> Result<Response, Response> {
        let transport = self.transports.open_polling();
        request.extensions_mut().insert(transport.clone());
        let (mut parts, body) = self.ask_engine(request).await.into_parts();
        let body = to_bytes(body, MAX_OPEN_PACKET).await.map_err(internal)?;
        let packet = std::str::from_utf8(&body).unwrap_or_default();
        let Some((sid, packet)) = with_node(packet, &self.node) else {
            return Ok(Response::from_parts(parts, Body::from(body)));
        };
        self.transports.name(&transport, &sid);
        parts
            .headers
            .insert(CONTENT_LENGTH, HeaderValue::from(packet.len()));
        Ok(Response::from_parts(parts, Body::from(packet)))
    }

    async fn poll(
        &self,
        request: Request,
        transport: &Arc<Transport>,
        eio3: bool,
    ) -> Result<Response, Response> {
        let poll = transport.poll();
        let (parts, body) = self.ask_engine(request).await.into_parts();
        // The engine holds it in one piece already.
        let body = to_bytes(body, usize::MAX).await.map_err(internal)?;
        if let Some(poll) = poll
            && parts.status == StatusCode::OK
        {
            poll.answered(&body, eio3);
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    async fn upgrade(&self, request: Request, transport: &Arc<Transport>) -> Response {
        let kill = kill_of(&request);
        let response = self.ask_engine(request).await;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            transport.upgrade(kill);
        }
        response
    }

    /// The engine would wait for the body for ever.
    async fn post(
        &self,
        request: Request,
        transport: &Arc<Transport>,
    ) -> Result<Response, Response> {
        let (parts, body) = request.into_parts();
        let body = timeout(self.body_timeout, to_bytes(body, self.max_body)).await;
        let body = body.map_err(|_| StatusCode::REQUEST_TIMEOUT.into_response())?;
        let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
        let leaves = closes(&body);
        let request = Request::from_parts(parts, Body::from(body));
        let response = self.ask_engine(request).await;
        if leaves {
            transport.left();
        }
        Ok(response)
    }

    async fn ask_engine(&self, request: Request) -> Response {
        let Ok(mut response) = self.engine.clone().oneshot(request).await;
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// Browsers hide answers from pages that may not see them, but they open websockets for any.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let Some(origin) = headers.get(ORIGIN).map(HeaderValue::as_bytes) else {
            return Ok(());
        };
        let own = || {
            let origin = std::str::from_utf8(origin).ok()?;
            let host = headers.get(HOST)?.to_str().ok()?;
            Some(origin.split_once("://")?.1.eq_ignore_ascii_case(host))
        };
        if self.origins.allow(origin) || own() == Some(true) {
            Ok(())
        } else {
            Err(Refused::Forbidden)
        }
    }
}

/// The handler of `/socket.io/`.
pub(crate) async fn enter(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    gate.answer(request).await.unwrap_or_else(|refused| refused)
}

/// Whether the last packet of a body is the one by which a client ends its session.
fn closes(body: &[u8]) -> bool {
    body == b"1" || body.ends_with(b"\x1e1")
}

/// The request by which a client ends a polling session of its own accord.
pub(super) fn closing(sid: &str) -> Request {
    let mut request = Request::new(Body::from(Bytes::from_static(b"1")));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = engine_uri(&format!("EIO=4&transport=polling&sid={sid}"));
    request
}

fn engine_uri(query: &str) -> Uri {
    // The parts come from a valid URI, or from the engine itself.
    Uri::try_from(format!("/socket.io/?{query}")).unwrap_or_default()
}

/// The engine keeps the request of a session as long as the session itself, and for the connect
/// timeout where it entered no namespace, gone or not. So it is shown what it needs and no more, in
/// copies: what hyper read is one piece of memory with the whole head, kept by any part of it.
fn slim(request: &mut Request, query: &str) {
    *request.uri_mut() = engine_uri(&query::short(query));
    let headers = std::mem::take(request.headers_mut());
    for name in KEPT {
        let value = headers.get(&name).map(HeaderValue::as_bytes);
        if let Some(value) = value.filter(|value| value.len() <= MAX_KEPT)
            && let Ok(copy) = HeaderValue::from_bytes(value)
        {
            request.headers_mut().insert(name, copy);
        }
    }
}

/// Without the accept loop of ours, as in a test, there is nothing to end.
fn kill_of(request: &Request) -> Arc<Kill> {
    request
        .extensions()
        .get::<Arc<Kill>>()
        .cloned()
        .unwrap_or_default()
}

/// Puts the node before the `sid` of an open packet; gives the bare `sid` too. The packets of
/// Engine.IO 3 are preceded by their length.
fn with_node(packet: &str, node: &NodeId) -> Option<(String, String)> {
    const FIELD: &str = "\"sid\":\"";
    let (length, open) = match packet.split_once(':') {
        Some((length, open)) if length.bytes().all(|b| b.is_ascii_digit()) => (Some(length), open),
        _ => (None, packet),
    };
    let (before, rest) = open.split_once(FIELD)?;
    let (sid, after) = rest.split_once('"')?;
    let open = format!("{before}{FIELD}{node}-{sid}\"{after}");
    let packet = match length {
        Some(_) => format!("{}:{open}", open.chars().count()),
        None => open,
    };
    Some((sid.to_owned(), packet))
}

fn refuse(refused: Refused) -> Response {
    let status = match refused {
        Refused::Forbidden => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    };
    let body = json!({"code": refused as u8, "message": refused.text()});
    (status, axum::Json(body)).into_response()
}

fn internal(_: axum::Error) -> Response {
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_request_little_is_kept() {
        let mut request = Request::new(Body::empty());
        let query = format!("x={}&EIO=4&transport=polling", "x".repeat(3000));
        for (name, value) in [(AUTHORIZATION, "Bearer x"), (HOST, "a"), (ORIGIN, "b")] {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        slim(&mut request, &query);
        assert_eq!(request.uri(), "/socket.io/?EIO=4&transport=polling");
        assert_eq!(request.headers().len(), 1);
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer x");
        let long = HeaderValue::try_from("x".repeat(MAX_KEPT + 1)).unwrap();
        request.headers_mut().insert(AUTHORIZATION, long);
        slim(&mut request, "EIO=4&roomId=r");
        assert_eq!(request.uri(), "/socket.io/?EIO=4&roomId=r");
        assert!(request.headers().is_empty());
    }

    #[test]
    fn the_open_packet_shows_the_node() {
        let node = NodeId::parse("gw1").unwrap();
        let (sid, packet) = with_node(r#"0{"sid":"ab-_","upgrades":[]}"#, &node).unwrap();
        assert_eq!(sid, "ab-_");
        assert_eq!(packet, r#"0{"sid":"gw1-ab-_","upgrades":[]}"#);
        let (_, old) = with_node(r#"14:0{"sid":"abcd"}"#, &node).unwrap();
        assert_eq!(old, r#"19:0{"sid":"gw1-abcd"}"#);
        assert_eq!(with_node("", &node), None);
    }
}
