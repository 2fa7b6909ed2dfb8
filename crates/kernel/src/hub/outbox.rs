//! What listeners are to be given, on its way to their connections.
//!
//! *Who* is given *what* is decided under the channel's lock, and put there into the outbox of each:
//! that is cheap. Writing to a connection is not (a call of the system), and is done outside the lock by
//! a [`Walk`] along the outboxes. An outbox is handed over by one at a time, so each connection gets
//! what it is given in the order in which that was decided, whoever hands it over.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, TryLockError},
};

use metrics::counter;
use tokio::{runtime::Handle, task::yield_now};

use crate::{
    envelope::Envelope,
    metric,
    session::{SendError, Session},
};

/// Connections that are written to without giving way to others.
const CHUNK: usize = 64;

/// With so many messages in an outbox, whoever puts one more hands them over, and goes on after that.
const DEEP: usize = 256;

/// What one listener is to be given, in order.
pub(super) struct Outbox {
    pub(super) session: Arc<Session>,
    waiting: Mutex<VecDeque<Arc<Envelope>>>,
    /// Held by whoever hands over.
    turn: Mutex<()>,
}

impl Outbox {
    pub(super) fn new(session: &Arc<Session>) -> Arc<Self> {
        Arc::new(Self {
            session: session.clone(),
            waiting: Mutex::default(),
            turn: Mutex::default(),
        })
    }

    /// Hands over all that waits, also what another one is at: it is with the connection on return.
    pub(super) fn settle(&self) {
        let turn = self.turn.lock();
        self.hand_over_in_turn();
        drop(turn);
        self.hand_over();
    }

    /// Hands over what waits. Where another one is at it that is left to them: they look again after
    /// their turn, so nothing is left behind.
    fn hand_over(&self) {
        while !self.waiting().is_empty() {
            let _turn = match self.turn.try_lock() {
                Err(TryLockError::WouldBlock) => return,
                Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
                Ok(turn) => turn,
            };
            self.hand_over_in_turn();
        }
    }

    fn hand_over_in_turn(&self) {
        while let Some(envelope) = self.next() {
            hand_over(&self.session, &envelope);
        }
    }

    fn next(&self) -> Option<Arc<Envelope>> {
        self.waiting().pop_front()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Arc<Envelope>>> {
        self.waiting.lock().expect("no panic while held")
    }
}

/// Hands a message to a connection. One that cannot take a message that must not be missed is killed: it
/// comes back and asks for what it missed.
fn hand_over(session: &Session, envelope: &Envelope) {
    if session.peer.send(envelope) == Err(SendError::Full) && !envelope.volatile {
        counter!(metric::SLOW_CONSUMERS).increment(1);
        session.peer.kill();
    }
}

/// The outboxes into which something was put, to be handed over once the channel's lock is let go.
/// Dropping it does the rest at once, so a walk that is not awaited to its end leaves nothing behind.
#[derive(Default)]
pub(super) struct Walk {
    ahead: Vec<Arc<Outbox>>,
    /// The connections do not keep up with what is decided.
    late: bool,
}

impl Walk {
    /// Puts a message into an outbox. Where others wait in it already there is a walk on its way.
    pub(super) fn give(&mut self, outbox: &Arc<Outbox>, envelope: &Arc<Envelope>) {
        let waiting = {
            let mut waiting = outbox.waiting();
            waiting.push_back(envelope.clone());
            waiting.len()
        };
        let late = waiting.is_multiple_of(DEEP);
        self.late |= late;
        if waiting == 1 || late {
            self.ahead.push(outbox.clone());
        }
    }

    /// Hands over, and gives way to others after each chunk.
    pub(super) async fn run(mut self) {
        while !self.ahead.is_empty() {
            self.step();
            if !self.ahead.is_empty() {
                yield_now().await;
            }
        }
    }

    /// For who cannot wait: few are handed over now, many in a task of their own, unless connections
    /// are behind already.
    pub(super) fn start(self) {
        if self.ahead.len() > CHUNK
            && !self.late
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(self.run());
        }
    }

    fn step(&mut self) {
        let rest = self.ahead.len().saturating_sub(CHUNK);
        self.ahead
            .drain(rest..)
            .for_each(|outbox| outbox.hand_over());
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        let ahead = mem::take(&mut self.ahead);
        ahead.iter().for_each(|outbox| outbox.hand_over());
    }
}
