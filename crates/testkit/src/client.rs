//! A client without a network.

use std::{
    sync::{
        Arc, Mutex as StdMutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Map, Value};
use starling_kernel::{
    dispatch::Dispatcher,
    envelope::Envelope,
    error::AppError,
    limits::Limits,
    payload::Payload,
    session::{Claims, Handshake, Peer, SendError, Session},
    topic::Namespace,
};
use tokio::{
    sync::{Mutex, mpsc},
    task::yield_now,
    time::timeout,
};

/// How long an expected event may take, in paused time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection of a user to a node.
pub struct Client {
    /// As the node sees it.
    pub session: Arc<Session>,
    dispatcher: Arc<Dispatcher>,
    peer: Arc<Inbox>,
    received: Mutex<mpsc::UnboundedReceiver<Envelope>>,
}

/// Takes what is sent, up to a capacity that a test can lower to be slow.
struct Inbox {
    sender: mpsc::UnboundedSender<Envelope>,
    room: AtomicUsize,
    /// Bytes that are said to be untaken.
    backlog: AtomicUsize,
    disconnected: AtomicBool,
    killed: AtomicBool,
    /// Locked where a test holds up who writes to it.
    gate: StdMutex<()>,
    at_gate: AtomicUsize,
}

/// Whoever writes to a client is held up until this is dropped.
pub struct HeldUp<'a> {
    inbox: &'a Inbox,
    _gate: MutexGuard<'a, ()>,
}

impl HeldUp<'_> {
    /// Waits until somebody writes to it.
    pub async fn reached(&self) {
        while self.inbox.at_gate.load(Ordering::SeqCst) == 0 {
            yield_now().await;
        }
    }
}

impl Peer for Inbox {
    fn send(&self, envelope: &Envelope) -> Result<(), SendError> {
        self.at_gate.fetch_add(1, Ordering::SeqCst);
        drop(self.gate.lock());
        self.at_gate.fetch_sub(1, Ordering::SeqCst);
        let room = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        room.map_err(|_| SendError::Full)?;
        self.sender
            .send(envelope.clone())
            .map_err(|_| SendError::Closed)
    }

    fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }

    fn closed(&self) -> bool {
        self.sender.is_closed()
    }

    fn disconnect(&self) {
        self.disconnected.store(true, Ordering::Relaxed);
    }

    fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
    }
}

impl Client {
    /// The error is that of the feature that refuses it.
    pub(crate) async fn connect(
        dispatcher: Arc<Dispatcher>,
        namespace: Namespace,
        handshake: Handshake,
        claims: Claims,
    ) -> Result<Self, AppError> {
        let (sender, received) = mpsc::unbounded_channel();
        let peer = Arc::new(Inbox {
            sender,
            room: AtomicUsize::new(usize::MAX),
            backlog: AtomicUsize::new(0),
            disconnected: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            gate: StdMutex::default(),
            at_gate: AtomicUsize::default(),
        });
        let session = Arc::new(Session::new(
            namespace,
            claims,
            handshake,
            peer.clone(),
            &Limits::default(),
        ));
        dispatcher.connect(&session).await?;
        Ok(Self {
            session,
            dispatcher,
            peer,
            received: Mutex::new(received),
        })
    }

    /// Sends an event and returns its acknowledgement.
    pub async fn call(&self, event: &str, data: Value) -> Result<Map<String, Value>, AppError> {
        let text = serde_json::to_string(&(event, data)).expect("JSON");
        let (event, payload) = Payload::parse(&text, Vec::new(), &Limits::default())?;
        self.dispatcher
            .dispatch(&self.session, &event, payload)
            .await
    }

    /// The next `event`; others before it are dropped.
    ///
    /// # Panics
    /// When none comes within a minute of paused time.
    pub async fn next(&self, event: &str) -> Value {
        let mut received = self.received.lock().await;
        let wanted = async {
            loop {
                let envelope = received.recv().await.expect("an open connection");
                if envelope.event == event {
                    return args(&envelope).into_iter().nth(1).unwrap_or_default();
                }
            }
        };
        timeout(PATIENCE, wanted)
            .await
            .unwrap_or_else(|_| panic!("no {event}"))
    }

    /// What came until now: names with first arguments.
    pub async fn drain(&self) -> Vec<(String, Value)> {
        let mut received = self.received.lock().await;
        let mut all = Vec::new();
        while let Ok(envelope) = received.try_recv() {
            let data = args(&envelope).into_iter().nth(1).unwrap_or_default();
            all.push((envelope.event, data));
        }
        all
    }

    /// What came until now: names with all arguments.
    pub async fn drain_all(&self) -> Vec<Vec<Value>> {
        let mut received = self.received.lock().await;
        let envelopes = std::iter::from_fn(|| received.try_recv().ok());
        envelopes.map(|envelope| args(&envelope)).collect()
    }

    /// Loses the connection.
    pub async fn drop_connection(self) {
        self.dispatcher.disconnect(&self.session).await;
    }

    /// From now on it takes only so many more messages.
    pub fn take_only(&self, n: usize) {
        self.peer.room.store(n, Ordering::Relaxed);
    }

    /// Holds up whoever writes to it. That blocks a thread: for tests with several.
    pub fn hold_up(&self) -> HeldUp<'_> {
        let inbox = &*self.peer;
        let _gate = inbox.gate.lock().expect("no panic while held");
        HeldUp { inbox, _gate }
    }

    /// From now on it seems to have left so many bytes untaken.
    pub fn leave_untaken(&self, bytes: usize) {
        self.peer.backlog.store(bytes, Ordering::Relaxed);
    }

    /// Its transport ends; [`Client::drop_connection`] tells the node.
    pub async fn close(&self) {
        self.received.lock().await.close();
    }

    /// Whether the node told it not to come back.
    pub fn disconnected(&self) -> bool {
        self.peer.disconnected.load(Ordering::Relaxed)
    }

    /// Whether the node cut its transport.
    pub fn killed(&self) -> bool {
        self.peer.killed.load(Ordering::Relaxed)
    }
}

fn args(envelope: &Envelope) -> Vec<Value> {
    serde_json::from_slice(&envelope.text).expect("an event array")
}
