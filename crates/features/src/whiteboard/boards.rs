//! The pictures of the boards that were opened here of late. Each is read once, and then only what is new.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use starling_kernel::{
    envelope::{Envelope, Position},
    feature::Services,
    ports::{PortError, PortResult},
    session::Session,
    topic::Topic,
};
use tokio::time::Instant;

use super::picture::Picture;

/// Entries read at a time: Redis answers nobody else meanwhile.
const PAGE: usize = 500;

/// A board that is cleared while it is read is read again.
const TRIES: usize = 8;

/// How long a picture is kept that nobody opens and nobody looks at.
const KEPT: Duration = Duration::from_secs(60);

/// How many are kept, and what they may take together. Beyond that those go that were not opened for the
/// longest time; they are read again when they are.
const MOST: (usize, usize) = (1_024, 64 * 1024 * 1024);

/// Listeners that are shown a picture at the same time.
const AT_ONCE: usize = 32;

pub(super) struct Boards {
    services: Arc<Services>,
    all: Mutex<HashMap<Topic, Arc<Board>>>,
}

struct Board {
    opened: Mutex<Instant>,
    /// Bytes that it takes.
    size: AtomicUsize,
    /// Held while it is read: who comes meanwhile waits, and finds it read.
    shown: tokio::sync::Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    picture: Picture,
    /// The picture, encoded.
    envelope: Option<Envelope>,
    /// When the last reading began.
    read: Option<Instant>,
}

impl Boards {
    pub(super) fn new(services: Arc<Services>) -> Arc<Self> {
        Arc::new(Self {
            services,
            all: Mutex::default(),
        })
    }

    /// `drawing-state` as it is now, and the place in the log up to which it tells.
    pub(super) async fn open(&self, topic: &Topic) -> PortResult<(Envelope, Position)> {
        let (asked, board) = (Instant::now(), self.board(topic));
        let mut shown = board.shown.lock().await;
        if shown.read.is_none_or(|began| began <= asked) {
            let began = Instant::now();
            self.read(topic, &mut shown).await?;
            // Only now: one that failed has not brought the picture up to date.
            shown.read = Some(began);
        }
        let envelope = match shown.envelope.take() {
            Some(envelope) => envelope,
            None => shown.picture.envelope(),
        };
        shown.envelope = Some(envelope.clone());
        let size = shown.picture.size() + envelope.text.len();
        board.size.store(size, Ordering::Relaxed);
        Ok((envelope, shown.picture.at.clone()))
    }

    /// Brings the picture up to date.
    async fn read(&self, topic: &Topic, shown: &mut Shown) -> PortResult<()> {
        let log = &self.services.backend.log;
        let mut tries = TRIES;
        while tries > 0 {
            let from = shown.picture.at.clone();
            let page = log.after(topic, from.seq, PAGE).await?;
            if !shown.picture.take(&page) {
                // It was cleared, or the log began anew.
                (shown.picture, shown.envelope) = Default::default();
                tries -= 1;
                continue;
            }
            if shown.picture.at != from {
                shown.envelope = None;
            }
            if shown.picture.at.seq >= page.head {
                return Ok(());
            }
        }
        Err(PortError::NotSent("the board is being cleared".to_owned()))
    }

    fn board(&self, topic: &Topic) -> Arc<Board> {
        let mut all = self.lock();
        let now = Instant::now();
        if let Some(board) = all.get(topic) {
            *board.opened.lock().expect("no panic while held") = now;
            return board.clone();
        }
        self.forget(&mut all, now);
        let board = Arc::new(Board {
            opened: Mutex::new(now),
            size: AtomicUsize::default(),
            shown: Default::default(),
        });
        all.insert(topic.clone(), board.clone());
        board
    }

    /// Forgets pictures that are not needed, and where they are too large those that were not opened for
    /// the longest time.
    fn forget(&self, all: &mut HashMap<Topic, Arc<Board>>, now: Instant) {
        let opened = |board: &Board| *board.opened.lock().expect("no panic while held");
        let hub = &self.services.hub;
        all.retain(|topic, board| now - opened(board) < KEPT || !hub.listeners(topic).is_empty());
        let size = |board: &Board| board.size.load(Ordering::Relaxed);
        let mut total: usize = all.values().map(|board| size(board)).sum();
        while (total > MOST.1 || all.len() >= MOST.0)
            && let Some((topic, board)) = all.iter().min_by_key(|(_, board)| opened(board))
        {
            total -= size(board);
            let topic = topic.clone();
            all.remove(&topic);
        }
    }

    /// Shows everybody here the whole board, in its place between what is drawn. Who cannot be shown it is
    /// cut, and comes back for it.
    pub(super) async fn show_all(self: Arc<Self>, topic: Topic) {
        let listeners = self.services.hub.listeners(&topic);
        stream::iter(listeners)
            .for_each_concurrent(AT_ONCE, async |session| {
                if session.takes_more().await && self.show_again(&session, &topic).await.is_err() {
                    session.peer.kill();
                }
            })
            .await;
    }

    async fn show_again(&self, session: &Arc<Session>, topic: &Topic) -> PortResult<()> {
        let hub = &self.services.hub;
        // One that waits already is about to be shown it.
        if let Some(admission) = hub.admit_again(session, topic) {
            let (envelope, at) = self.open(topic).await?;
            session.send(&envelope);
            admission.open_after(at);
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Topic, Arc<Board>>> {
        self.all.lock().expect("no panic while held")
    }
}
