//! The client port, put together.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use ::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::{Json, Router, extract::State, middleware::map_response_with_state, response::Response};
use engineioxide::{DisconnectReason, Line};
use rand::{Rng, seq::SliceRandom};
use serde_json::{Value, json};
use starling_kernel::{dispatch::Dispatcher, id::NodeId, session::Tokens, workers::Workers};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep_until, timeout_at},
};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use tracing::info;

use crate::{
    ConfigError, EdgeConfig, Origins,
    listener::Listener,
    sign_in, site,
    socketio::{self, Gate},
};

/// Names the node that answered, on every response.
const NODE_HEADER: HeaderName = HeaderName::from_static("x-starling-node");
/// The part of a drain in which sessions are closed.
const CLOSING_PART: f64 = 0.8;
/// The part after which nobody is waited for any more.
const CLOSED_BY: f64 = 0.9;
/// Time in which the clients of closed sessions ask once more, and are sent elsewhere.
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// The client port of one gateway; clones are handles to the same.
#[derive(Clone)]
pub struct Edge {
    router: Router,
    gate: Arc<Gate>,
    listener: Arc<Listener>,
}

impl Edge {
    /// Builds everything behind the port. Call within the runtime that will serve it.
    pub fn new(
        config: EdgeConfig,
        dispatcher: Arc<Dispatcher>,
        tokens: Arc<dyn Tokens>,
        node: NodeId,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let text = dispatcher.services().limits.text_chars;
        let page = site::router().merge(sign_in::router(&config, text));
        let listener = Arc::new(Listener::new(&config));
        let cors = cors(&config);
        #[cfg(feature = "conformance")]
        let engine = socketio::conformance::engine(&config);
        let gate = socketio::build(config, dispatcher, tokens, &node);
        let gate = Arc::new(gate);
        let router = router(gate.clone(), page, cors, &node);
        #[cfg(feature = "conformance")]
        let router = router.layer(engine);
        Ok(Self {
            router,
            gate,
            listener,
        })
    }

    /// Serves clients until [`Edge::drain`] is through.
    pub async fn serve(self, listener: TcpListener, workers: Arc<Workers>) {
        let router = self.router.clone();
        self.listener.serve(listener, router, &workers).await;
    }

    /// Sends everybody elsewhere, within `time`.
    ///
    /// New sessions are refused at once. The open ones are ended below Socket.IO, so that their
    /// clients come back by themselves, spread evenly so that they do not all come at once. Returns
    /// when everybody is gone, or when the time is up.
    pub async fn drain(&self, time: Duration) {
        let start = Instant::now();
        self.gate.shut();
        if self.close_sessions(time.mul_f64(CLOSING_PART)).await {
            let last = start + time.mul_f64(CLOSED_BY);
            timeout_at(last, self.gate.lines().gone()).await.ok();
            sleep_until(last.min(Instant::now() + LAST_REQUESTS)).await;
        }
        self.listener.close(start + time).await;
    }

    /// Whether there were any.
    async fn close_sessions(&self, time: Duration) -> bool {
        let start = Instant::now();
        let lines = self.gate.lines();
        let mut sessions: Vec<Weak<Line>> = lines.all().iter().map(Arc::downgrade).collect();
        sessions.shuffle(&mut rand::rng());
        info!(sessions = sessions.len(), "draining");
        let slot = time.div_f64(sessions.len().max(1) as f64);
        for (number, session) in sessions.iter().enumerate() {
            let at = number as f64 + rand::rng().random_range(0.0..1.0);
            sleep_until(start + slot.mul_f64(at)).await;
            if let Some(session) = session.upgrade() {
                end(&session);
            }
        }
        // Those whose handshake was under way when the gate was shut.
        lines.all().iter().for_each(end);
        !sessions.is_empty()
    }
}

fn end(session: &Arc<Line>) {
    session.kill(DisconnectReason::ClosingServer);
}

fn router(gate: Arc<Gate>, page: Router<Arc<Gate>>, cors: CorsLayer, node: &NodeId) -> Router {
    // Node names are letters and digits.
    let node = HeaderValue::try_from(node.as_str()).expect("a node's name fits a header");
    Router::new()
        .merge(page)
        .route("/socket.io", axum::routing::any(socketio::enter))
        .route("/socket.io/", axum::routing::any(socketio::enter))
        .fallback(not_found)
        .with_state(gate)
        .layer(cors)
        .layer(map_response_with_state(node, sign))
}

async fn sign(State(node): State<HeaderValue>, mut response: Response) -> Response {
    response.headers_mut().insert(NODE_HEADER, node);
    response
}

async fn not_found() -> (StatusCode, Json<Value>) {
    let error = json!({"code": "not_found", "message": "Not found"});
    (
        StatusCode::NOT_FOUND,
        Json(json!({"ok": false, "error": error})),
    )
}

/// With credentials browsers do not accept `*`: the page's own origin is said instead. Pages may send
/// any header, as with the official server.
fn cors(config: &EdgeConfig) -> CorsLayer {
    let origins = match config.origins.clone() {
        Origins::Any if !config.credentials => AllowOrigin::any(),
        origins => AllowOrigin::predicate(move |origin, _| origins.allow(origin.as_bytes())),
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(config.credentials)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([NODE_HEADER])
        .max_age(Duration::from_secs(3600))
}
