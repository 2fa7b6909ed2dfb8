//! What listeners are to be given, on its way to their connections.
//!
//! *Who* is given *what* is decided under the channel's lock, and put there into the outbox of each:
//! that is cheap. Writing to a connection is not (a call of the system), and is done outside the lock by
//! a [`Walk`] along the outboxes. An outbox is handed over by one at a time, so each connection gets
//! what it is given in the order in which that was decided, whoever hands it over.

use std::{
    collections::VecDeque,
    hint::black_box,
    mem,
    sync::{Arc, Mutex, MutexGuard, TryLockError},
};

use metrics::counter;
use tokio::{runtime::Handle, task::yield_now};

use crate::{
    envelope::Envelope,
    metric,
    session::{Peer, SendError, Session},
};

/// Connections that are written to without giving way to others.
const CHUNK: usize = 64;

/// With so many messages in an outbox, whoever puts one more hands them over, and goes on after that.
const DEEP: usize = 256;

/// What one listener is to be given, in order.
pub(super) struct Outbox {
    /// The session's, at hand: each step from one place of the memory to another is a wait for it.
    peer: Arc<dyn Peer>,
    pub(super) session: Arc<Session>,
    waiting: Mutex<Waiting>,
    /// Held by whoever hands over.
    turn: Mutex<()>,
}

/// Messages in order. There is seldom more than one, for which nothing is allocated.
#[derive(Default)]
struct Waiting {
    first: Option<Arc<Envelope>>,
    more: VecDeque<Arc<Envelope>>,
}

impl Waiting {
    /// Returns how many wait now.
    fn push(&mut self, envelope: Arc<Envelope>) -> usize {
        match self.is_empty() {
            true => self.first = Some(envelope),
            false => self.more.push_back(envelope),
        }
        usize::from(self.first.is_some()) + self.more.len()
    }

    fn pop(&mut self) -> Option<Arc<Envelope>> {
        self.first.take().or_else(|| self.more.pop_front())
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_empty()
    }
}

impl Outbox {
    pub(super) fn new(session: &Arc<Session>) -> Arc<Self> {
        Arc::new(Self {
            peer: session.peer.clone(),
            session: session.clone(),
            waiting: Mutex::default(),
            turn: Mutex::default(),
        })
    }

    /// Reads what putting something into it is about to need, and does nothing with it ([`Peer::fetch`]).
    pub(super) fn fetch(&self) {
        black_box(self.waiting.is_poisoned());
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
        loop {
            let turn = match self.turn.try_lock() {
                Err(TryLockError::WouldBlock) => return,
                Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
                Ok(turn) => turn,
            };
            self.hand_over_in_turn();
            drop(turn);
            if self.waiting().is_empty() {
                return;
            }
        }
    }

    fn hand_over_in_turn(&self) {
        let mut more = true;
        while more {
            let mut waiting = self.waiting();
            let Some(envelope) = waiting.pop() else {
                return;
            };
            more = !waiting.is_empty();
            drop(waiting);
            hand_over(&*self.peer, &envelope);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no panic while held")
    }
}

/// Hands a message to a connection. One that cannot take a message that must not be missed is killed: it
/// comes back and asks for what it missed.
fn hand_over(peer: &dyn Peer, envelope: &Envelope) {
    if peer.send(envelope) == Err(SendError::Full) && !envelope.volatile {
        counter!(metric::SLOW_CONSUMERS).increment(1);
        peer.kill();
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
        let waiting = outbox.waiting().push(envelope.clone());
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
        self.ahead[rest..]
            .iter()
            .for_each(|outbox| outbox.peer.fetch());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(n: u64) -> Arc<Envelope> {
        Arc::new(Envelope::new("said", &n))
    }

    fn taken(waiting: &mut Waiting) -> Option<String> {
        waiting.pop().map(|envelope| envelope.as_str().to_owned())
    }

    #[test]
    fn what_waits_keeps_its_order_whenever_some_of_it_is_taken() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.push(said(1)), 1);
        assert_eq!(waiting.push(said(2)), 2);
        assert_eq!(taken(&mut waiting).as_deref(), Some(r#"["said",1]"#));
        // The first place is free while another one waits.
        assert_eq!(waiting.push(said(3)), 2);
        for n in [2, 3] {
            assert!(!waiting.is_empty());
            assert_eq!(taken(&mut waiting), Some(format!(r#"["said",{n}]"#)));
        }
        assert!(waiting.is_empty());
        assert_eq!(taken(&mut waiting), None);
    }
}
