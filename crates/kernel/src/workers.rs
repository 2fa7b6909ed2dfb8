//! The threads that a node works on.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;

/// Single-threaded runtimes, the node's own first. A task stays with the one that it was spawned on, so
/// that waking it costs nothing where another task of the same one does.
#[derive(Debug)]
pub struct Workers {
    all: Vec<Handle>,
    turn: AtomicUsize,
}

impl Workers {
    /// The runtime that this is called in, and these.
    pub fn with(others: impl IntoIterator<Item = Handle>) -> Self {
        Self {
            all: [Handle::current()].into_iter().chain(others).collect(),
            turn: AtomicUsize::new(0),
        }
    }

    /// The runtime that this is called in.
    pub fn here() -> Self {
        Self::with([])
    }

    /// All, at least one.
    pub fn all(&self) -> &[Handle] {
        &self.all
    }

    /// One after the other; `None` for the node's own.
    pub fn next(&self) -> Option<&Handle> {
        match self.turn.fetch_add(1, Ordering::Relaxed) % self.all.len() {
            0 => None,
            turn => self.all.get(turn),
        }
    }
}
