//! Counts what the engine tells of its sessions, and is behind from a message `pause` on.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use engineioxide::{Hooks, Line, Took, TransportType};

#[derive(Debug, Default)]
pub(crate) struct Counts {
    polling: AtomicI64,
    websocket: AtomicI64,
    slow: AtomicI64,
    upgrades: AtomicI64,
}

impl Counts {
    fn of(&self, transport: TransportType) -> &AtomicI64 {
        match transport {
            TransportType::Polling => &self.polling,
            TransportType::Websocket => &self.websocket,
        }
    }

    /// Sessions that poll, and those on a websocket.
    pub(crate) fn open(&self) -> (i64, i64) {
        let [polling, websocket] = [&self.polling, &self.websocket];
        (
            polling.load(Ordering::SeqCst),
            websocket.load(Ordering::SeqCst),
        )
    }

    /// How often a websocket has taken over.
    pub(crate) fn upgrades(&self) -> i64 {
        self.upgrades.load(Ordering::SeqCst)
    }

    pub(crate) fn slow(&self) -> i64 {
        self.slow.load(Ordering::SeqCst)
    }
}

impl Hooks for Counts {
    fn text(&self, line: &Arc<Line>, text: &str) -> Took {
        if text == "pause" {
            line.pause();
        }
        Took::No
    }

    fn opened(&self, transport: TransportType) {
        self.of(transport).fetch_add(1, Ordering::SeqCst);
    }

    fn upgraded(&self) {
        self.upgrades.fetch_add(1, Ordering::SeqCst);
        self.polling.fetch_sub(1, Ordering::SeqCst);
        self.websocket.fetch_add(1, Ordering::SeqCst);
    }

    fn closed(&self, transport: TransportType) {
        self.of(transport).fetch_sub(1, Ordering::SeqCst);
    }

    fn slow(&self) {
        self.slow.fetch_add(1, Ordering::SeqCst);
    }
}
