//! An engine whose handler notes what happens, and clients that ask its service.
// No test uses all of it.
#![allow(dead_code)]

mod hooks;
mod websocket;

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use engineioxide::{
    DisconnectReason, Line, Lines, Settings, Socket, Str, attach,
    config::EngineIoConfig,
    handler::EngineIoHandler,
    service::{EngineIoService, NotFoundService},
};
use futures_util::FutureExt;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use tower_service::Service;

use hooks::Counts;
pub(crate) use websocket::{Client, Got};

/// Between the packets of a body.
pub(crate) const SEPARATOR: char = '\u{1e}';

type Call = dyn Fn(&Socket<()>, u64) + Send + Sync;

struct AtConnect(Box<Call>);

impl std::fmt::Debug for AtConnect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AtConnect")
    }
}

type Answer = dyn Fn(&Socket<()>, &str) + Send + Sync;

struct AtMessage(Box<Answer>);

impl std::fmt::Debug for AtMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AtMessage")
    }
}

/// Notes what happens, and sends everything back if it is to.
#[derive(Debug, Default)]
pub(crate) struct Handler {
    echoes: bool,
    /// Nobody may connect.
    panics: AtomicBool,
    at_connect: OnceLock<AtConnect>,
    at_message: OnceLock<AtMessage>,
    connected: AtomicU64,
    ends: Mutex<Vec<DisconnectReason>>,
    heard: Mutex<Vec<String>>,
    last: Mutex<Weak<Socket<()>>>,
}

impl EngineIoHandler for Handler {
    type Data = ();

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<()>>) {
        assert!(!self.panics.load(Ordering::SeqCst), "as the test wants it");
        if let Some(call) = self.at_connect.get() {
            (call.0)(&socket, self.connected.fetch_add(1, Ordering::SeqCst));
        }
        *self.last.lock().expect("no panic while held") = Arc::downgrade(&socket);
    }

    fn on_disconnect(&self, socket: Arc<Socket<()>>, reason: DisconnectReason) {
        let early = socket.closed().now_or_never().is_some();
        assert!(!early, "who waits for the end is told when the handler was");
        self.ends.lock().expect("no panic while held").push(reason);
    }

    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<Socket<()>>) {
        assert_ne!(message.as_str(), "panic", "as the test wants it");
        let heard = message.as_str().to_owned();
        self.heard.lock().expect("no panic while held").push(heard);
        if let Some(answer) = self.at_message.get() {
            (answer.0)(&socket, message.as_str());
        }
        if self.echoes {
            socket.emit(message).ok();
        }
    }

    fn on_binary(self: &Arc<Self>, data: Bytes, socket: Arc<Socket<()>>) {
        let heard = format!("{:?}", data.to_vec());
        self.heard.lock().expect("no panic while held").push(heard);
        if self.echoes {
            socket.emit_binary(data).ok();
        }
    }
}

/// A service and its engine.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) service: EngineIoService<Handler, NotFoundService>,
    pub(crate) handler: Arc<Handler>,
    pub(crate) lines: Arc<Lines>,
    pub(crate) counts: Arc<Counts>,
    version: u8,
}

impl Server {
    /// Sends everything back.
    pub(crate) fn echo() -> Self {
        Self::build(true, |_, _| {})
    }

    /// Says nothing by itself.
    pub(crate) fn new() -> Self {
        Self::with(|_, _| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut EngineIoConfig, &mut Settings)) -> Self {
        Self::build(false, change)
    }

    fn build(echoes: bool, change: impl FnOnce(&mut EngineIoConfig, &mut Settings)) -> Self {
        let (mut config, mut settings) = (EngineIoConfig::default(), Settings::default());
        let counts = Arc::<Counts>::default();
        settings.eio3 = true;
        settings.hooks = counts.clone();
        change(&mut config, &mut settings);
        let handler = Arc::new(Handler {
            echoes,
            ..Handler::default()
        });
        let build = || EngineIoService::with_config_inner(NotFoundService, handler.clone(), config);
        let (service, lines) = attach(settings, build);
        Self {
            service,
            handler,
            lines,
            counts,
            version: 4,
        }
    }

    /// The same, whose clients speak Engine.IO 3.
    pub(crate) fn version_3(mut self) -> Self {
        self.version = 3;
        self
    }

    /// Called for each session, with its number.
    pub(crate) fn at_connect(&self, call: impl Fn(&Socket<()>, u64) + Send + Sync + 'static) {
        let call = AtConnect(Box::new(call));
        self.handler.at_connect.set(call).expect("said once");
    }

    /// Called for each text that came, where it is handled.
    pub(crate) fn at_message(&self, answer: impl Fn(&Socket<()>, &str) + Send + Sync + 'static) {
        let answer = AtMessage(Box::new(answer));
        self.handler.at_message.set(answer).expect("said once");
    }

    /// From now on the handler panics where it is told of a session.
    pub(crate) fn panic_at_connect(&self) {
        self.handler.panics.store(true, Ordering::SeqCst);
    }

    /// Why sessions ended, as the handler was told.
    pub(crate) fn ends(&self) -> Vec<DisconnectReason> {
        let ends = self.handler.ends.lock();
        ends.expect("no panic while held").clone()
    }

    /// How many ends the handler was told of.
    pub(crate) fn ended(&self) -> usize {
        self.ends().len()
    }

    /// What clients sent.
    pub(crate) fn heard(&self) -> Vec<String> {
        let heard = self.handler.heard.lock();
        heard.expect("no panic while held").clone()
    }

    /// The session that was opened last.
    pub(crate) fn socket(&self) -> Arc<Socket<()>> {
        let last = self.handler.last.lock().expect("no panic while held");
        last.upgrade().expect("a session")
    }

    /// The same, while it lasts.
    pub(crate) fn line(&self) -> Arc<Line> {
        self.lines.get(self.socket().id).expect("it is open")
    }

    /// A new session; its id in URLs.
    pub(crate) async fn open(&self) -> String {
        let (status, body) = self.ask(Method::GET, "", "").await;
        assert_eq!(status, StatusCode::OK);
        let sid = body.split('"').nth(3).expect("an open packet");
        sid.to_owned()
    }

    /// A session on a websocket, whose open packet was read.
    pub(crate) async fn dial(&self) -> Client {
        let mut client = self.websocket("", 64 * 1024);
        let open = client.text().await;
        assert!(open.starts_with("0{"), "{open}");
        client
    }

    /// The session of a client whose open packet is read now; without gathering from here on.
    pub(crate) async fn socket_after(&self, client: &mut Client) -> Arc<Line> {
        client.text().await;
        tokio::time::advance(Duration::from_secs(1)).await;
        self.line()
    }

    /// A websocket over a stream that takes so many bytes before they are read.
    pub(crate) fn websocket(&self, query: &str, buffer: usize) -> Client {
        let version = self.version;
        let uri = format!("/engine.io/?EIO={version}&transport=websocket{query}");
        let request = Request::builder().uri(uri).body(()).expect("a request");
        let (ours, theirs) = tokio::io::duplex(buffer);
        let serving = Service::call(&mut self.service.clone(), (theirs, request));
        Client::new(ours, tokio::spawn(serving))
    }

    /// A websocket that is about to take over, and was told that it may.
    pub(crate) async fn probe(&self, sid: &str) -> Client {
        let mut client = self.websocket(&format!("&sid={sid}"), 64 * 1024);
        client.send("2probe").await;
        assert_eq!(client.text().await, "3probe");
        client
    }

    pub(crate) async fn poll(&self, sid: &str) -> (StatusCode, String) {
        self.ask(Method::GET, &format!("&sid={sid}"), "").await
    }

    /// The packets that a poll brings.
    pub(crate) async fn packets(&self, sid: &str) -> Vec<String> {
        let (status, body) = self.poll(sid).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body.split(SEPARATOR).map(str::to_owned).collect()
    }

    pub(crate) async fn post(&self, sid: &str, body: &str) -> (StatusCode, String) {
        self.ask(Method::POST, &format!("&sid={sid}"), body).await
    }

    /// A POST whose body never ends.
    pub(crate) async fn post_without_end(&self, sid: &str) -> StatusCode {
        let uri = format!("/engine.io/?EIO=4&transport=polling&sid={sid}");
        let body = StreamBody::new(futures_util::stream::pending::<
            Result<http_body::Frame<Bytes>, Infallible>,
        >());
        let request = Request::post(uri).body(body).expect("a request");
        let answer = Service::call(&mut self.service.clone(), request).await;
        answer.expect("an answer").status()
    }

    async fn ask(&self, method: Method, sid: &str, body: &str) -> (StatusCode, String) {
        let version = self.version;
        let request = Request::builder()
            .method(method)
            .uri(format!("/engine.io/?EIO={version}&transport=polling{sid}"))
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
            .expect("a request");
        let answer = Service::call(&mut self.service.clone(), request).await;
        let (parts, body) = answer.expect("an answer").into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        (parts.status, String::from_utf8_lossy(&body).into_owned())
    }
}

/// Waits until it is so, ten seconds at most.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), wait).await;
    waited.expect("it is so in time");
}

/// Lets whoever can do something do it; time stands still.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Does the first part of it, up to where it has to wait.
pub(crate) async fn begin<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    let first = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    assert!(first.is_pending(), "it has to wait");
    future
}
