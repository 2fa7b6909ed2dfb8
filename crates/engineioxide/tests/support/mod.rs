//! An engine that sends everything back, and a client that asks its service.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use engineioxide::{
    DisconnectReason, Lines, Settings, Socket, Str, attach,
    config::EngineIoConfig,
    handler::EngineIoHandler,
    service::{EngineIoService, NotFoundService},
};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tower_service::Service;

/// Sends everything back, and counts ends.
#[derive(Debug, Default)]
pub struct Echo {
    ended: AtomicUsize,
}

impl EngineIoHandler for Echo {
    type Data = ();

    fn on_connect(self: Arc<Self>, _socket: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _socket: Arc<Socket<()>>, _reason: DisconnectReason) {
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<Socket<()>>) {
        socket.emit(message).ok();
    }

    fn on_binary(self: &Arc<Self>, data: Bytes, socket: Arc<Socket<()>>) {
        socket.emit_binary(data).ok();
    }
}

/// A service and its engine.
#[derive(Clone)]
pub struct Server {
    service: EngineIoService<Echo, NotFoundService>,
    handler: Arc<Echo>,
    pub lines: Arc<Lines>,
}

impl Server {
    pub fn new() -> Self {
        let handler = Arc::new(Echo::default());
        let build = || {
            let config = EngineIoConfig::builder().build();
            EngineIoService::with_config_inner(NotFoundService, handler.clone(), config)
        };
        let (service, lines) = attach(Settings::default(), build);
        Self {
            service,
            handler,
            lines,
        }
    }

    /// How many ends the handler was told of.
    pub fn ended(&self) -> usize {
        self.handler.ended.load(Ordering::SeqCst)
    }

    /// A new session; its id in URLs.
    pub async fn open(&self) -> String {
        let (status, body) = self.ask(Method::GET, "", "").await;
        assert_eq!(status, StatusCode::OK);
        let sid = body.split('"').nth(3).expect("an open packet");
        sid.to_owned()
    }

    pub async fn poll(&self, sid: &str) -> (StatusCode, String) {
        self.ask(Method::GET, &format!("&sid={sid}"), "").await
    }

    pub async fn post(&self, sid: &str, body: &'static str) -> (StatusCode, String) {
        self.ask(Method::POST, &format!("&sid={sid}"), body).await
    }

    async fn ask(&self, method: Method, sid: &str, body: &'static str) -> (StatusCode, String) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/engine.io/?EIO=4&transport=polling{sid}"))
            .body(Full::new(Bytes::from_static(body.as_bytes())))
            .expect("a request");
        let answer = Service::call(&mut self.service.clone(), request).await;
        let (parts, body) = answer.expect("an answer").into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        (parts.status, String::from_utf8_lossy(&body).into_owned())
    }
}

/// Waits until it is so, ten seconds at most.
pub async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), wait).await;
    waited.expect("it is so in time");
}
