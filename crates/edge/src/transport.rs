//! The Engine.IO sessions of this node: how many, over what, and how to end one.
//!
//! A [`Transport`] travels in the extensions of the request that opened the session. The engine
//! keeps that request for as long as it keeps the session, so the transport is dropped with it,
//! whatever the way it ended. Everybody else holds weak references.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use metrics::{Gauge, gauge};
use starling_kernel::{
    limits::Limits,
    metric,
    rate::{Meter, Verdict},
};
use tokio::sync::watch;

use crate::stream::Kill;

/// Bytes that wait for a websocket's client; with more it gets no further message, and is closed.
const BACKLOG: u64 = 4 << 20;

/// Ends a polling session by its id.
type ClosePolling = Box<dyn Fn(&str) + Send + Sync>;

/// All Engine.IO sessions of this node.
pub(crate) struct Transports {
    live: Mutex<HashMap<u64, Weak<Transport>>>,
    /// Those that were opened by polling, by the engine's id.
    by_sid: Mutex<HashMap<Box<str>, Weak<Transport>>>,
    next: AtomicU64,
    /// Those that the engine still keeps, ended or not.
    kept: AtomicUsize,
    most: usize,
    count: watch::Sender<usize>,
    close_polling: OnceLock<ClosePolling>,
    limits: Limits,
}

impl Transports {
    /// With `most` kept at once, [`Transports::full`] says so.
    pub(crate) fn new(limits: Limits, most: usize) -> Arc<Self> {
        // Seen from the start, not only from the first connection on.
        connections(&Way::Polling).increment(0);
        connections(&Way::Websocket(Arc::default())).increment(0);
        Arc::new(Self {
            live: Mutex::default(),
            by_sid: Mutex::default(),
            next: AtomicU64::new(0),
            kept: AtomicUsize::new(0),
            most,
            count: watch::Sender::new(0),
            close_polling: OnceLock::new(),
            limits,
        })
    }

    /// Says how polling sessions are ended; once, when the engine exists.
    pub(crate) fn close_polling_with(&self, close: ClosePolling) {
        self.close_polling.set(close).ok();
    }

    /// A session opened by polling.
    pub(crate) fn open_polling(self: &Arc<Self>) -> Arc<Transport> {
        self.open(Way::Polling)
    }

    /// A session opened by a websocket on the connection of `kill`.
    pub(crate) fn open_websocket(self: &Arc<Self>, kill: Arc<Kill>) -> Arc<Transport> {
        let transport = self.open(Way::Websocket(kill.clone()));
        transport.end_with(&kill);
        transport
    }

    /// Whether the engine keeps as many sessions as it may: one that left before it entered any
    /// namespace for as long as the connect timeout.
    pub(crate) fn full(&self) -> bool {
        self.kept.load(Ordering::Relaxed) >= self.most
    }

    fn open(self: &Arc<Self>, way: Way) -> Arc<Transport> {
        connections(&way).increment(1);
        self.kept.fetch_add(1, Ordering::Relaxed);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let transport = Arc::new(Transport {
            number,
            way: Mutex::new(way),
            sid: OnceLock::new(),
            sessions: AtomicUsize::new(0),
            meter: Mutex::new(Meter::new(&self.limits)),
            queued: AtomicU64::new(0),
            counted: AtomicBool::new(true),
            all: self.clone(),
        });
        lock(&self.live).insert(number, Arc::downgrade(&transport));
        self.count.send_modify(|count| *count += 1);
        transport
    }

    /// Makes a session opened by polling known by its id.
    pub(crate) fn name(&self, transport: &Arc<Transport>, sid: &str) {
        lock(&self.by_sid).insert(sid.into(), Arc::downgrade(transport));
        transport.sid.set(sid.into()).ok();
    }

    /// A session that was opened by polling.
    pub(crate) fn by_sid(&self, sid: &str) -> Option<Arc<Transport>> {
        lock(&self.by_sid).get(sid)?.upgrade()
    }

    /// All there are now.
    pub(crate) fn all(&self) -> Vec<Weak<Transport>> {
        lock(&self.live).values().cloned().collect()
    }

    /// Waits until none is left.
    pub(crate) async fn gone(&self) {
        self.count
            .subscribe()
            .wait_for(|count| *count == 0)
            .await
            .ok();
    }

    fn remove(&self, transport: &Transport) {
        if let Some(sid) = transport.sid.get() {
            lock(&self.by_sid).remove(sid);
        }
        lock(&self.live).remove(&transport.number);
        self.count.send_modify(|count| *count -= 1);
    }
}

/// What a session runs over now.
enum Way {
    Polling,
    Websocket(Arc<Kill>),
}

/// One Engine.IO session.
pub(crate) struct Transport {
    number: u64,
    way: Mutex<Way>,
    sid: OnceLock<Box<str>>,
    sessions: AtomicUsize,
    /// Of namespaces entered: leaving and entering anew gives no new allowance of anything.
    meter: Mutex<Meter>,
    /// Bytes handed to the engine for the websocket.
    queued: AtomicU64,
    /// Whether it still counts as open.
    counted: AtomicBool,
    all: Arc<Transports>,
}

impl Transport {
    /// A websocket was opened for a polling session. Either it takes over or, when the exchange
    /// that follows fails, the engine ends the session: it never goes back to polling.
    pub(crate) fn upgrade(self: &Arc<Self>, kill: Arc<Kill>) {
        let mut way = lock(&self.way);
        if matches!(*way, Way::Polling) {
            connections(&way).decrement(1);
            self.queued.store(0, Ordering::Relaxed);
            *way = Way::Websocket(kill.clone());
            connections(&way).increment(1);
            self.end_with(&kill);
        }
    }

    /// It ends with its TCP connection. The engine may keep the session longer: one that never
    /// entered a namespace until the connect timeout.
    fn end_with(self: &Arc<Self>, kill: &Kill) {
        let transport = Arc::downgrade(self);
        kill.on_end(move || {
            if let Some(transport) = transport.upgrade() {
                transport.end();
            }
        });
    }

    /// Takes note of `bytes` for the client; `false` where so many are waiting for it already that it
    /// gets no more. The engine's own queue counts packets, and a packet may be a long history.
    ///
    /// Polling clients have the engine's limit only: what they took is not seen here.
    pub(crate) fn may_queue(&self, bytes: usize) -> bool {
        let Way::Websocket(kill) = &*lock(&self.way) else {
            return true;
        };
        let queued = self.queued.fetch_add(bytes as u64, Ordering::Relaxed);
        queued.saturating_sub(kill.written()) <= BACKLOG
    }

    /// Bytes that wait for the client; nothing is known of polling ones.
    pub(crate) fn backlog(&self) -> usize {
        let Way::Websocket(kill) = &*lock(&self.way) else {
            return 0;
        };
        let queued = self.queued.load(Ordering::Relaxed);
        queued.saturating_sub(kill.written()) as usize
    }

    fn end(&self) {
        if self.counted.swap(false, Ordering::Relaxed) {
            connections(&lock(&self.way)).decrement(1);
            self.all.remove(self);
        }
    }

    /// Ends the session so that the client comes back by itself: a websocket loses its TCP
    /// connection, the polls of a polling session find it unknown.
    pub(crate) fn kill(&self) {
        if let Way::Websocket(kill) = &*lock(&self.way) {
            return kill.kill();
        }
        if let (Some(close), Some(sid)) = (self.all.close_polling.get(), self.sid.get()) {
            close(sid);
        }
        self.end();
    }

    /// The client of a polling session said that it leaves.
    pub(crate) fn left(&self) {
        if matches!(&*lock(&self.way), Way::Polling) {
            self.end();
        }
    }

    /// Whether yet another namespace may be entered.
    pub(crate) fn may_enter(&self) -> bool {
        match lock(&self.meter).take(&self.all.limits) {
            Verdict::Pass | Verdict::PassIfUser => true,
            Verdict::Limited | Verdict::Close => false,
        }
    }

    /// A namespace was entered.
    pub(crate) fn enter(&self) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
    }

    /// A namespace was left.
    pub(crate) fn leave(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether it is on no namespace.
    pub(crate) fn is_idle(&self) -> bool {
        self.sessions.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.end();
        self.all.kept.fetch_sub(1, Ordering::Relaxed);
    }
}

fn connections(way: &Way) -> Gauge {
    match way {
        Way::Polling => gauge!(metric::CONNECTIONS, "transport" => "polling"),
        Way::Websocket(_) => gauge!(metric::CONNECTIONS, "transport" => "websocket"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic while held")
}
