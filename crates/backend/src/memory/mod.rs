//! The embedded backend: everything in this process, nothing survives it.
//!
//! Nodes that share a [`Store`] are a cluster. Its clock is tokio's, so that tests may pause it.

mod bus;
mod ending;
mod leases;
mod limiter;
mod logs;
mod places;
mod presence;
mod records;
mod rooms;
mod state;
mod tallies;
mod users;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64};

use starling_kernel::{
    id::{Incarnation, NodeId},
    ports::{Backend, PortError, PortResult, PresenceTimes},
    time::Timestamp,
};
use tokio::time::Instant;

use self::{bus::MemoryBus, leases::Found, state::State};

/// Entries that a log keeps unless told otherwise; the oldest are trimmed.
pub const HISTORY: usize = 1_000;

/// The state that nodes share. Cloning shares it.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

/// A former state of a [`Store`].
pub struct Snapshot(State);

struct Shared {
    began: (Instant, Timestamp),
    state: Mutex<State>,
    handles: AtomicU64,
}

impl Store {
    /// An empty store.
    pub fn new(times: PresenceTimes) -> Self {
        Self::with_history(times, HISTORY)
    }

    /// An empty store whose logs keep the newest `history` entries.
    pub fn with_history(times: PresenceTimes, history: usize) -> Self {
        Self(Arc::new(Shared {
            began: (Instant::now(), Timestamp::local()),
            state: Mutex::new(State::new(times, history)),
            handles: AtomicU64::default(),
        }))
    }

    /// A node's access. The same name may come again, as after a restart.
    pub fn node(&self, node: &NodeId) -> Backend {
        let handle = Arc::new(MemoryNode {
            store: self.clone(),
            bus: MemoryBus::new(node, &self.0.handles),
            begun: Mutex::default(),
            untold: Mutex::default(),
            lowest: AtomicU64::default(),
        });
        self.lock().attach(&handle.bus.line);
        Backend {
            bus: handle.clone(),
            log: handle.clone(),
            presence: handle.clone(),
            rooms: handle.clone(),
            limiter: handle.clone(),
            records: handle.clone(),
            tallies: handle,
        }
    }

    /// Forgets everything but who listens, as if the store had been replaced by an empty one.
    pub fn wipe(&self) {
        let now = self.now();
        self.lock().wipe(now);
    }

    /// What it holds now, for [`Store::rewind`].
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.lock().clone())
    }

    /// Forgets everything since, as a failover to a replica that was behind does.
    pub fn rewind(&self, to: &Snapshot) {
        self.lock().rewind(&to.0);
    }

    /// What is still held although nobody is there: nothing, after all graces.
    pub fn leftovers(&self) -> Vec<String> {
        self.lock().leftovers()
    }

    fn now(&self) -> Timestamp {
        let (instant, at) = self.0.began;
        Timestamp(at.0 + instant.elapsed().as_millis() as u64)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

/// Locks in this backend guard plain data, so a panic elsewhere is no reason to spread it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One node's handle; implements all ports, each in the file of its name.
struct MemoryNode {
    store: Store,
    bus: MemoryBus,
    /// The life that this node has begun last, and what it found then.
    begun: Mutex<Option<(Incarnation, Found)>>,
    /// As heard with sweeps: should a copy take over that is older, there may be things given until then
    /// that no node can tell of.
    untold: Mutex<Option<Timestamp>>,
    /// Below this nothing is stored any more, as of its last sweep.
    lowest: AtomicU64,
}

impl MemoryNode {
    /// Runs one atomic step, if this node's life is not over.
    fn live_step<T>(
        &self,
        step: impl FnOnce(&mut State, Timestamp) -> PortResult<T>,
    ) -> PortResult<T> {
        let begun = lock(&self.begun);
        self.step(|state, now| {
            let (life, _) = begun.as_ref().ok_or(PortError::Fenced)?;
            state.leases.check(life)?;
            step(state, now)
        })
    }

    /// Runs one atomic step.
    fn step<T>(&self, step: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let now = self.store.now();
        step(&mut self.store.lock(), now)
    }
}
