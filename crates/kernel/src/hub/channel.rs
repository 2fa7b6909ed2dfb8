//! One topic's listeners on this node, and the node's own place in the topic's log.
//!
//! The *cursor* is the place up to which all that is stored was handed over: every live listener
//! has at least everything up to it. Whoever begins behind it takes it back, and the log is read
//! again from there; whoever has more than it gets nothing twice.

use std::sync::{Arc, Mutex, MutexGuard};

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

/// Parcels that were held back and are let go between two walks.
const RELEASED: usize = 500;

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

/// What became of a page that was read to fill a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// Nothing is left to read.
    Done,
    /// There is more of it.
    More,
    /// It does not follow what everybody here has.
    Broken,
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

/// The messages of a page, with their places, to be given to many.
fn shared(page: &Page) -> Vec<(Position, Arc<Envelope>)> {
    let message = |(seq, parcel): &(u64, Parcel)| match parcel {
        Parcel::Message(envelope) => Some((page.place(*seq), Arc::new(envelope.clone()))),
        _ => None,
    };
    page.entries.iter().filter_map(message).collect()
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
        envelope: &Envelope,
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

    /// Begins to hold parcels back, to compare with the log; `false` where it is being done already
    /// or there is nothing to compare with yet.
    pub(super) fn hold(&self) -> bool {
        let mut state = self.lock();
        let begin = state.cursor.is_some() && !state.healing;
        state.suspect |= state.cursor.is_none();
        state.healing |= begin;
        begin
    }

    /// The same, where what was expected has not arrived.
    pub(super) fn hold_without(&self, expected: &Position) -> bool {
        let missing = {
            let state = self.lock();
            let cursor = state.cursor.as_ref();
            cursor.is_some_and(|c| !c.same_life(&expected.epoch) || c.seq < expected.seq)
        };
        missing && self.hold()
    }

    /// Where reading the log goes on.
    pub(super) fn cursor(&self) -> Position {
        self.lock().cursor.clone().unwrap_or_else(Position::start)
    }

    /// Takes over a page read from the log after `from`.
    pub(super) fn fill(
        &self,
        from: &Position,
        page: Page,
        followers: &Followers,
        walk: &mut Walk,
    ) -> Filled {
        let mut state = self.lock();
        if state.cursor.as_ref().is_some_and(|cursor| cursor != from) {
            // Somebody who has less has come meanwhile.
            return Filled::More;
        }
        if !page.follows(from) || !state.all_go_on_with(&page) {
            return Filled::Broken;
        }
        let (last, done) = (page.last(from), page.is_last(from));
        for (seq, parcel) in &page.entries {
            state.deliver(&page.place(*seq), parcel, followers, walk);
        }
        state.cursor = Some(last);
        drop(state);
        page.entries
            .into_iter()
            .for_each(|(_, parcel)| self.tell(parcel, followers));
        if done { Filled::Done } else { Filled::More }
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

    /// There is a hole that no log can fill. Whoever can go on with `page`, the newest there is,
    /// does; the others are told by `notice`. `false` where somebody has more than the page, which
    /// is to be read again then.
    pub(super) fn skip(
        &self,
        page: &Page,
        notice: Option<&Envelope>,
        followers: &Followers,
        walk: &mut Walk,
    ) -> bool {
        let mut state = self.lock();
        let ahead = |at: &Position| at.epoch == page.epoch && at.seq > page.head;
        if state.live().any(|listener| ahead(&listener.at)) {
            return false;
        }
        if let Some(at) = state.highest() {
            state.note_given(&at);
        }
        let notice = notice.cloned().map(Arc::new);
        let messages = shared(page);
        for listener in state.live_in(page) {
            if page.follows(&listener.at) {
                for (place, envelope) in &messages {
                    let given = listener.stored(place, envelope, walk);
                    followers.delivered(&envelope.event, given.into());
                }
            } else if let Some(notice) = &notice {
                listener.tell(notice, followers, walk);
            }
            listener.at = page.end();
        }
        let had = state.cursor.replace(page.end());
        drop(state);
        // No place is given twice: what is beyond the last one was not told yet, whatever is lost.
        let had = had.map_or(0, |cursor| cursor.seq);
        for (seq, parcel) in &page.entries {
            match parcel {
                Parcel::Order(order) => followers.obey(order),
                _ if *seq > had => self.tell(parcel.clone(), followers),
                _ => {}
            }
        }
        true
    }

    /// Ends healing where nobody would notice a gap; `false` where somebody would.
    pub(super) fn give_up(&self) -> bool {
        let mut state = self.lock();
        let idle = state.listeners.is_empty() && !matches!(self.topic, Topic::Presence(_));
        if idle {
            state.cursor = None;
            state.held.clear();
            state.healing = false;
        }
        idle
    }

    /// Ends healing with what was held back: all of it, or so much of it as one walk is to bring.
    pub(super) fn release(&self, followers: &Followers, walk: &mut Walk) -> Filled {
        for _ in 0..RELEASED {
            let mut state = self.lock();
            let Some((position, parcel)) = state.held.pop_front() else {
                state.healing = false;
                return Filled::Done;
            };
            match state
                .cursor
                .as_ref()
                .map(|cursor| cursor.step_to(&position))
            {
                None | Some(Step::Old) => {}
                Some(Step::Gap) if state.is_stale(&position) => {}
                Some(Step::Gap) => {
                    state.held.push_front((position, parcel));
                    return Filled::Broken;
                }
                Some(Step::Next) => {
                    state.deliver(&position, &parcel, followers, walk);
                    drop(state);
                    self.tell(parcel, followers);
                }
            }
        }
        Filled::More
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
