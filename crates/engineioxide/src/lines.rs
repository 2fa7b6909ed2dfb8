//! All sessions of one engine.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use engineioxide_core::Sid;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep},
};

use crate::{Line, Settings, config::EngineIoConfig, heart::Heart};

/// Connections that are written to before others have their turn.
pub(crate) const CHUNK: usize = 64;

/// All sessions of one engine.
pub struct Lines {
    pub(crate) config: EngineIoConfig,
    pub(crate) settings: Settings,
    pub(crate) heart: Heart,
    /// A handler was told of an end.
    pub(crate) told: Notify,
    live: Mutex<HashMap<Sid, Weak<Line>>>,
    /// Those that somebody still keeps, over or not.
    kept: AtomicUsize,
    /// Polling sessions that are over, for the keeper.
    ended: mpsc::UnboundedSender<Sid>,
    gathering: Gathering,
    /// Those that wait for the kernel to take more.
    blocked: Mutex<Vec<Weak<Line>>>,
}

/// Connections for which something was gathered.
#[derive(Default)]
struct Gathering {
    lines: Mutex<Vec<Arc<Line>>>,
    begun: Notify,
    runs: AtomicBool,
}

impl Lines {
    pub(crate) fn new(
        config: EngineIoConfig,
        settings: Settings,
        ended: mpsc::UnboundedSender<Sid>,
    ) -> Arc<Self> {
        Arc::new(Self {
            heart: Heart::new(&config),
            config,
            settings,
            told: Notify::new(),
            live: Mutex::default(),
            kept: AtomicUsize::new(0),
            ended,
            gathering: Gathering::default(),
            blocked: Mutex::default(),
        })
    }

    /// The session with this public id.
    pub fn get(&self, sid: Sid) -> Option<Arc<Line>> {
        lock(&self.live).get(&sid)?.upgrade()
    }

    /// All there are now.
    pub fn all(&self) -> Vec<Arc<Line>> {
        lock(&self.live)
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// How many there are now.
    pub fn len(&self) -> usize {
        lock(&self.live).len()
    }

    /// How many are kept in memory: whoever stands on the engine may keep some that are over for a while.
    pub fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until none is left.
    pub async fn gone(&self) {
        loop {
            let told = self.told.notified();
            if self.is_empty() {
                return;
            }
            told.await;
        }
    }

    pub(crate) fn add(&self, line: &Arc<Line>) {
        self.kept.fetch_add(1, Ordering::Relaxed);
        lock(&self.live).insert(line.sid, Arc::downgrade(line));
    }

    pub(crate) fn remove(&self, sid: Sid) {
        lock(&self.live).remove(&sid);
        self.told.notify_waiters();
    }

    /// Nobody keeps one any more.
    pub(crate) fn dropped(&self) {
        self.kept.fetch_sub(1, Ordering::Relaxed);
    }

    /// A polling session is over.
    pub(crate) fn ended(&self, secret: Sid) {
        // Without a keeper there is no engine, and nobody to be told.
        self.ended.send(secret).ok();
    }

    /// Something waits there, to be written soon with what comes until then.
    pub(crate) fn gather(self: &Arc<Self>, line: &Arc<Line>) {
        let mut lines = lock(&self.gathering.lines);
        lines.push(line.clone());
        let first = lines.len() == 1;
        drop(lines);
        if first {
            self.gathering.begun.notify_one();
            if !self.gathering.runs.swap(true, Ordering::AcqRel) {
                tokio::spawn(write_gathered(Arc::downgrade(self), self.settings.gather));
            }
        }
    }

    /// A client takes no more: it is looked at each second.
    pub(crate) fn look_at(&self, line: &Arc<Line>) {
        lock(&self.blocked).push(Arc::downgrade(line));
    }

    /// Ends those that take too little.
    pub(crate) fn end_blocked(&self, now: Instant) {
        let (time, least) = (self.settings.write_timeout / 2, self.settings.min_drain);
        let blocked = std::mem::take(&mut *lock(&self.blocked));
        let mut still: Vec<_> = blocked
            .into_iter()
            .filter(|line| {
                let line = line.upgrade();
                line.is_some_and(|line| line.is_still_blocked(now, time, least))
            })
            .collect();
        lock(&self.blocked).append(&mut still);
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("live", &self.len())
            .finish_non_exhaustive()
    }
}

/// The timer runs only while something was gathered.
async fn write_gathered(all: Weak<Lines>, time: Duration) {
    while let Some(lines) = all.upgrade() {
        lines.gathering.begun.notified().await;
        sleep(time).await;
        let gathered = std::mem::take(&mut *lock(&lines.gathering.lines));
        for chunk in gathered.chunks(CHUNK) {
            chunk.iter().for_each(Line::flush_gathered);
            tokio::task::yield_now().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic while held")
}
