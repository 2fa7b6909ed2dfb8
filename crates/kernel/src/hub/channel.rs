//! One topic's listeners on this node, and the node's own place in the topic's log.
//!
//! The *cursor* is the place up to which all that is stored was handed over: every live listener
//! has at least everything up to it. Whoever begins behind it takes it back, and the log is read
//! again from there; whoever has more than it gets nothing twice.

mod filling;

use std::sync::{Arc, Mutex, MutexGuard};

pub(super) use filling::Filled;

use super::{
    Followers,
    listener::{Listener, Run, Stage},
    outbox::Walk,
    state::State,
};
use crate::{
    envelope::{Envelope, Position, Step},
    id::ConnId,
    ports::{Backend, Page, Parcel, PortResult},
    session::Session,
    topic::Topic,
};

/// A topic that somebody on this node listens to.
pub(super) struct Channel {
    pub(super) topic: Topic,
    /// Serialises subscribing and unsubscribing.
    gate: tokio::sync::Mutex<Gate>,
    state: Mutex<State>,
}

#[derive(Default)]
struct Gate {
    subscribed: bool,
    /// Followed for good, with or without listeners.
    pinned: bool,
    /// No longer in the hub's map: take a new one.
    closed: bool,
}

/// What the hub has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    /// Read the log from the cursor on.
    Heal,
    /// The relay is behind the log: see in a while whether this has arrived.
    Expect(Position),
}

/// What became of a page that was read for one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caught {
    /// It hears what arrives from now on.
    Up(Next),
    /// There is more to read.
    More,
    /// The log brings nothing yet that the node has had, or is another room's.
    Later,
    /// The page does not follow what it has.
    Broken,
    /// The run is over: it has left.
    Over,
}

impl Channel {
    pub(super) fn new(topic: &Topic) -> Self {
        Self {
            topic: topic.clone(),
            gate: Default::default(),
            state: Default::default(),
        }
    }

    /// Subscribes for good and takes up the log where it stands.
    pub(super) async fn pin(&self, backend: &Backend) -> PortResult<()> {
        let mut gate = self.gate.lock().await;
        backend.bus.subscribe(&self.topic).await?;
        (gate.subscribed, gate.pinned) = (true, true);
        let page = backend.log.latest(&self.topic, 0).await?;
        self.lock().cursor = Some(page.end());
        Ok(())
    }

    /// Adds a listener that waits; `false` where this channel has been closed meanwhile.
    pub(super) async fn admit(
        &self,
        session: &Arc<Session>,
        backend: &Backend,
    ) -> PortResult<bool> {
        let mut gate = self.gate.lock().await;
        if gate.closed {
            return Ok(false);
        }
        if !gate.subscribed {
            backend.bus.subscribe(&self.topic).await?;
            gate.subscribed = true;
        }
        let listener = Listener::waiting(session);
        let before = self.lock().listeners.insert(session.conn.clone(), listener);
        if let Some(before) = before {
            before.outbox().settle();
        }
        Ok(true)
    }

    /// Removes a listener; `true` where it was the last. It has been given all that was for it by then,
    /// and is given nothing after.
    pub(super) fn remove(&self, conn: &ConnId) -> bool {
        let (left, last) = {
            let mut state = self.lock();
            (state.listeners.remove(conn), state.listeners.is_empty())
        };
        left.is_some_and(|listener| {
            listener.outbox().settle();
            last
        })
    }

    /// Unsubscribes a channel without listeners; `false` where it has some again.
    pub(super) async fn close_if_empty(&self, backend: &Backend) -> bool {
        let mut gate = self.gate.lock().await;
        if gate.pinned || gate.closed || !self.lock().listeners.is_empty() {
            return false;
        }
        gate.closed = true;
        if gate.subscribed {
            // A failure leaves a subscription that nobody listens to: what it brings is dropped.
            let _ = backend.bus.unsubscribe(&self.topic).await;
        }
        true
    }

    pub(super) fn listeners(&self) -> Vec<Arc<Session>> {
        self.lock()
            .listeners
            .values()
            .map(|listener| listener.session().clone())
            .collect()
    }

    pub(super) fn has(&self, conn: &ConnId) -> bool {
        self.lock().listeners.contains_key(conn)
    }

    /// Returns to how many connections the walk brings it.
    pub(super) fn deliver_live(
        &self,
        envelope: &Arc<Envelope>,
        followers: &Followers,
        walk: &mut Walk,
    ) -> usize {
        self.lock().deliver_unstored(envelope, followers, walk)
    }

    /// A parcel from the relay. It alone decides about gaps; everything stored comes through here,
    /// or from the log.
    pub(super) fn take(
        &self,
        position: Option<Position>,
        parcel: Parcel,
        followers: &Followers,
        walk: &mut Walk,
    ) -> Next {
        let mut state = self.lock();
        let Some(position) = position else {
            if let Parcel::Message(envelope) = &parcel {
                state.deliver_unstored(envelope, followers, walk);
                drop(state);
                followers.heard(&self.topic, envelope);
                return Next::Nothing;
            }
            drop(state);
            self.tell(parcel, followers);
            return Next::Nothing;
        };
        if state.healing {
            state.hold_back(position, parcel);
            return Next::Nothing;
        }
        match state
            .cursor
            .as_ref()
            .map(|cursor| cursor.step_to(&position))
        {
            Some(Step::Old) => Next::Nothing,
            Some(Step::Gap) => {
                state.healing = true;
                state.hold_back(position, parcel);
                Next::Heal
            }
            // Kept by those who wait; the first to be let in says where the node is.
            None => {
                state.hand_out(&position, &parcel, followers, walk);
                Next::Nothing
            }
            Some(Step::Next) => {
                state.deliver(&position, &parcel, followers, walk);
                drop(state);
                self.tell(parcel, followers);
                Next::Nothing
            }
        }
    }

    /// Lets a listener wait again, if it is in one of these stages; returns where it was: it has been
    /// given all up to there, and is given nothing before it is opened.
    pub(super) fn pause(
        &self,
        conn: &ConnId,
        which: impl FnOnce(&Listener) -> bool,
    ) -> Option<Position> {
        let (at, outbox) = {
            let mut state = self.lock();
            let listener = state.listeners.get_mut(conn)?;
            if !which(listener) {
                return None;
            }
            (listener.pause(), listener.outbox().clone())
        };
        outbox.settle();
        Some(at)
    }

    /// Lets a waiting listener hear everything after `at`, up to which it has just been told.
    pub(super) fn open(&self, conn: &ConnId, at: Position, followers: &Followers) -> Next {
        let mut walk = Walk::default();
        let mut state = self.lock();
        let alone = state.nobody_hears();
        let Some(listener) = state.listeners.get_mut(conn) else {
            return Next::Nothing;
        };
        let whole = listener.open(&self.topic, at, Stage::Live, followers, &mut walk);
        let at = listener.at.clone();
        state.suspect |= !whole;
        state.join(at, alone)
    }

    /// Lets a waiting listener hear what is not stored. What is stored begins where the topic is.
    pub(super) fn open_unstored(&self, conn: &ConnId, followers: &Followers) {
        let mut walk = Walk::default();
        let mut state = self.lock();
        let at = state.cursor.clone().unwrap_or_else(Position::start);
        if let Some(listener) = state.listeners.get_mut(conn) {
            listener.open(&self.topic, at, Stage::Live, followers, &mut walk);
        }
    }

    /// Lets a waiting listener read the log from `at`, at its own pace.
    pub(super) fn open_behind(&self, run: &Run, at: Position, followers: &Followers) {
        let mut walk = Walk::default();
        let mut state = self.lock();
        if let Some(listener) = state.listeners.get_mut(&run.conn) {
            let stage = Stage::CatchingUp(run.clone());
            listener.open(&self.topic, at, stage, followers, &mut walk);
        }
    }

    /// Where a listener has come to in this run; `None` where the run is over.
    pub(super) fn behind_at(&self, run: &Run) -> Option<Position> {
        let mut state = self.lock();
        state.in_run(run).map(|listener| listener.at.clone())
    }

    /// Gives a listener that catches up a page that was read after `from`; `part` encodes it, told
    /// whether more follows. With the last part the listener hears what arrives.
    pub(super) fn catch_up(
        &self,
        run: &Run,
        from: &Position,
        page: &Page,
        part: impl FnOnce(bool) -> Envelope,
        followers: &Followers,
    ) -> Caught {
        let mut walk = Walk::default();
        let mut state = self.lock();
        let (alone, cursor) = (state.nobody_hears(), state.cursor.clone());
        let Some(listener) = state.in_run(run) else {
            return Caught::Over;
        };
        if !listener.is_in_room(page.created) {
            // It is about to be put out, or let into the next room of that name.
            return Caught::Later;
        }
        if !page.follows(from) {
            return Caught::Broken;
        }
        listener.at = page.last(from);
        let reached = cursor
            .is_none_or(|cursor| cursor.same_life(&page.epoch) && cursor.seq <= listener.at.seq);
        let up = page.is_last(from) && (reached || alone);
        if !up && page.entries.is_empty() {
            return Caught::Later;
        }
        let part = Arc::new(part(!up).to_room(page.created));
        listener.tell(&part, followers, &mut walk);
        if !up {
            return Caught::More;
        }
        listener.stage = Stage::Live;
        let at = listener.at.clone();
        Caught::Up(state.join(at, alone))
    }

    /// A listener that catches up misses something for good: it is told by `notice`, and goes on
    /// after `page`.
    pub(super) fn skip_to(
        &self,
        run: &Run,
        page: &Page,
        notice: Option<&Envelope>,
        followers: &Followers,
    ) {
        let mut walk = Walk::default();
        let mut state = self.lock();
        if let Some(listener) = state.in_run(run)
            && listener.is_in_room(page.created)
        {
            listener.at = page.end();
            if let Some(notice) = notice {
                listener.tell(&Arc::new(notice.clone()), followers, &mut walk);
            }
        }
    }

    /// The last message of this life of the log that anybody here was given.
    pub(super) fn furthest(&self, epoch: &Arc<str>) -> Position {
        let state = self.lock();
        let all = state.places().filter(|at| at.epoch == *epoch);
        Position {
            epoch: epoch.clone(),
            seq: all.map(|at| at.seq).max().unwrap_or_default(),
        }
    }

    /// Somebody was told that a message is stored there.
    pub(super) fn note_given(&self, at: &Position) {
        self.lock().note_given(at);
    }

    /// The highest place that anybody here was given, in whichever life of the log: none is to be
    /// given twice.
    pub(super) fn known(&self) -> Option<Position> {
        self.lock().highest()
    }

    /// Called in order: `take` has one caller, and it holds back while the healer is at work.
    fn tell(&self, parcel: Parcel, followers: &Followers) {
        match parcel {
            Parcel::Transition(transition) if matches!(self.topic, Topic::Moves(_)) => {
                followers.moved(&transition, &self.listeners());
            }
            Parcel::Transition(mut transition) => {
                if let Topic::Presence(n) = self.topic {
                    transition.total = followers.total(&transition, n);
                }
                followers.transition(&transition);
            }
            Parcel::Order(order) => followers.obey(&order),
            Parcel::Message(_) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }
}
