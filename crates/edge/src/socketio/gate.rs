//! In front of the engine: which requests reach it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use engineioxide::Lines;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{HOST, ORIGIN, RETRY_AFTER, SET_COOKIE},
};
use serde_json::json;
use starling_kernel::id::NodeId;
use tower::ServiceExt;

use super::{Engine, query};
use crate::{EdgeConfig, Origins};

/// The number and the text by which the official server refuses an origin.
const FORBIDDEN: u8 = 4;
/// Sessions that may be kept for each TCP connection that may be open: polling ones have none most of
/// the time, and socketioxide keeps those that entered no namespace until the connect timeout.
const SESSIONS_PER_CONNECTION: usize = 2;

/// What stands in front of the engine.
pub(crate) struct Gate {
    engine: Engine,
    lines: Arc<Lines>,
    origins: Origins,
    /// Tells a balancer the node, for clients whose session's id it does not see.
    cookie: HeaderValue,
    most: usize,
    draining: AtomicBool,
}

impl Gate {
    pub(super) fn new(
        engine: Engine,
        lines: Arc<Lines>,
        node: &NodeId,
        config: &EdgeConfig,
    ) -> Self {
        let cookie = format!("starling_node={node}; Path=/socket.io; HttpOnly; SameSite=Lax");
        Self {
            engine,
            lines,
            origins: config.origins.clone(),
            // Node names are letters and digits.
            cookie: HeaderValue::try_from(cookie).expect("a node's name fits a header"),
            most: config.max_connections as usize * SESSIONS_PER_CONNECTION,
            draining: AtomicBool::new(false),
        }
    }

    /// The sessions of this node.
    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    /// From now on nobody new is let in.
    pub(crate) fn shut(&self) {
        self.draining.store(true, Ordering::Release);
    }

    async fn answer(&self, request: Request) -> Response {
        if !self.may_come_from(request.headers()) {
            let body = json!({"code": FORBIDDEN, "message": "Forbidden"});
            return (StatusCode::FORBIDDEN, axum::Json(body)).into_response();
        }
        let opens = !query::has_sid(request.uri().query().unwrap_or_default());
        if opens && self.is_full() {
            return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response();
        }
        let Ok(mut response) = self.engine.clone().oneshot(request).await;
        if opens && !response.status().is_client_error() {
            let cookie = self.cookie.clone();
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        response
    }

    /// This node is full or about to go: another one will have the session.
    fn is_full(&self) -> bool {
        self.draining.load(Ordering::Acquire) || self.lines.kept() >= self.most
    }

    /// Browsers hide answers from pages that may not see them, but they open websockets for any.
    fn may_come_from(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN).map(HeaderValue::as_bytes) else {
            return true;
        };
        let own = || {
            let origin = std::str::from_utf8(origin).ok()?;
            let host = headers.get(HOST)?.to_str().ok()?;
            Some(origin.split_once("://")?.1.eq_ignore_ascii_case(host))
        };
        self.origins.allow(origin) || own() == Some(true)
    }
}

/// The handler of `/socket.io/`.
pub(crate) async fn enter(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    gate.answer(request).await
}
