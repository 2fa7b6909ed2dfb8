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
    time::Duration,
};

use metrics::{Gauge, counter, gauge};
use starling_kernel::{
    limits::Limits,
    metric,
    rate::{Meter, Verdict},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    backlog::{Polled, Written},
    stream::Kill,
};

/// Looks at polling clients in the time that they may stay away.
const LOOKS: u32 = 4;

const POLLING: &str = "polling";
const WEBSOCKET: &str = "websocket";

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
        gauge!(metric::CONNECTIONS, "transport" => POLLING).increment(0);
        gauge!(metric::CONNECTIONS, "transport" => WEBSOCKET).increment(0);
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
        self.open(Way::Polling(Polls {
            waiting: Polled::default(),
            under_way: 0,
            since: Instant::now(),
        }))
    }

    /// A session opened by a websocket on the connection of `kill`.
    pub(crate) fn open_websocket(self: &Arc<Self>, kill: Arc<Kill>) -> Arc<Transport> {
        let transport = self.open(Way::Websocket(Written::new(kill.clone())));
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

    /// Closes polling sessions that were not polled for `pause`, for as long as there are any: in
    /// that time something waits for them, a ping if nothing else.
    pub(crate) async fn close_silent(all: Weak<Self>, pause: Duration) {
        loop {
            sleep(pause / LOOKS).await;
            let Some(all) = all.upgrade() else { return };
            let polling: Vec<_> = lock(&all.by_sid).values().cloned().collect();
            for transport in polling.iter().filter_map(Weak::upgrade) {
                if transport.silent_for() >= Some(pause) {
                    counter!(metric::SLOW_CONSUMERS).increment(1);
                    transport.kill();
                }
            }
        }
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

/// What a session runs over now, and what waits for its client there.
enum Way {
    Polling(Polls),
    Websocket(Written),
}

struct Polls {
    waiting: Polled,
    /// Polls that are waiting for their answer.
    under_way: usize,
    /// When the last one ended.
    since: Instant,
}

/// A poll that is under way.
pub(crate) struct Poll(Arc<Transport>);

impl Poll {
    /// It is answered with this body, of Engine.IO 3 or 4.
    pub(crate) fn answered(&self, body: &[u8], eio3: bool) {
        match &mut *lock(&self.0.way) {
            Way::Polling(polls) => polls.waiting.took(body, eio3),
            Way::Websocket(written) => written.took(body, eio3),
        }
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        if let Way::Polling(polls) = &mut *lock(&self.0.way) {
            polls.under_way -= 1;
            polls.since = Instant::now();
        }
    }
}

/// One Engine.IO session.
pub(crate) struct Transport {
    number: u64,
    way: Mutex<Way>,
    sid: OnceLock<Box<str>>,
    sessions: AtomicUsize,
    /// Of namespaces entered: leaving and entering anew gives no new allowance of anything.
    meter: Mutex<Meter>,
    /// Whether it still counts as open.
    counted: AtomicBool,
    all: Arc<Transports>,
}

impl Transport {
    /// A websocket was opened for a polling session. Either it takes over or, when the exchange
    /// that follows fails, the engine ends the session: it never goes back to polling.
    pub(crate) fn upgrade(self: &Arc<Self>, kill: Arc<Kill>) {
        let mut way = lock(&self.way);
        if let Way::Polling(polls) = &*way {
            let written = Written::after(kill.clone(), &polls.waiting);
            connections(&way).decrement(1);
            *way = Way::Websocket(written);
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

    /// A poll begins.
    pub(crate) fn poll(self: &Arc<Self>) -> Option<Poll> {
        match &mut *lock(&self.way) {
            Way::Polling(polls) => polls.under_way += 1,
            Way::Websocket(_) => return None,
        }
        Some(Poll(self.clone()))
    }

    /// How long nobody has polled; `None` where a poll is under way, and on a websocket.
    fn silent_for(&self) -> Option<Duration> {
        match &*lock(&self.way) {
            Way::Polling(polls) if polls.under_way == 0 => Some(polls.since.elapsed()),
            _ => None,
        }
    }

    /// Takes note of `bytes` for the client; `false` where so many are waiting for it already that it
    /// gets no more. The engine's own queue counts packets, and a packet may be a long history.
    pub(crate) fn may_queue(&self, bytes: usize) -> bool {
        match &mut *lock(&self.way) {
            Way::Polling(polls) => polls.waiting.add(bytes as u64),
            Way::Websocket(written) => written.add(bytes as u64),
        }
    }

    /// Bytes that wait for the client.
    pub(crate) fn backlog(&self) -> usize {
        let waiting = match &*lock(&self.way) {
            Way::Polling(polls) => polls.waiting.bytes(),
            Way::Websocket(written) => written.bytes(),
        };
        usize::try_from(waiting).unwrap_or(usize::MAX)
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
        if let Way::Websocket(written) = &*lock(&self.way) {
            return written.kill.kill();
        }
        if let (Some(close), Some(sid)) = (self.all.close_polling.get(), self.sid.get()) {
            close(sid);
        }
        self.end();
    }

    /// The client of a polling session said that it leaves.
    pub(crate) fn left(&self) {
        if matches!(&*lock(&self.way), Way::Polling(_)) {
            self.end();
        }
    }

    /// Whether yet another namespace may be entered.
    pub(crate) fn may_enter(&self) -> bool {
        match lock(&self.meter).take(1.0, &self.all.limits) {
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
        Way::Polling(_) => gauge!(metric::CONNECTIONS, "transport" => POLLING),
        Way::Websocket(_) => gauge!(metric::CONNECTIONS, "transport" => WEBSOCKET),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic while held")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_does_not_poll_is_let_go_after_the_pause_or_a_quarter_longer() {
        let all = Transports::new(Limits::default(), 10);
        let pause = Duration::from_secs(20);
        tokio::spawn(Transports::close_silent(Arc::downgrade(&all), pause));
        sleep(Duration::from_secs(1)).await;
        let open = |sid: &str| {
            let transport = all.open_polling();
            all.name(&transport, sid);
            transport
        };
        let (polls, _silent) = (open("polls"), open("silent"));
        let since = Instant::now();
        let poll = polls.poll();
        while all.all().len() > 1 {
            sleep(Duration::from_millis(100)).await;
        }
        let took = since.elapsed();
        assert!((pause..=pause * 5 / 4).contains(&took), "{took:?}");
        assert!(all.by_sid("polls").is_some() && all.by_sid("silent").is_none());
        drop(poll);
        all.gone().await;
    }
}
