//! One topic's listeners on this node.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use super::{Followers, Hub, hand_over, tell_transition};
use crate::{
    envelope::{Envelope, Position},
    id::ConnId,
    ports::{Backend, Page, Parcel, PortResult},
    session::Session,
    topic::Topic,
};

/// Parcels held back while a gap is read from the log; beyond that they are dropped and read from
/// the log as well.
const HELD: usize = 4_096;

/// Messages held back for a connection that is joining; one that gets more than that is killed.
const WAITING: usize = 4_096;

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

#[derive(Default)]
struct State {
    listeners: HashMap<ConnId, Listener>,
    /// The place in the log up to which everything was handed over; unknown at first.
    cursor: Option<Position>,
    /// While the log is being read, what arrives is held back.
    healing: bool,
    held: VecDeque<(Position, Parcel)>,
    /// The last epoch for which the log was read once more.
    doubted: Option<String>,
}

struct Listener {
    session: Arc<Session>,
    /// The last `seq` it was given, or had in its history.
    at: u64,
    /// What it is to be given once it is in.
    waiting: Option<Vec<(u64, Envelope)>>,
}

/// What the hub has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    Heal,
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
        if self.topic != Topic::Control {
            let page = backend.log.latest(&self.topic, 0).await?;
            self.lock().cursor = Some(Position {
                epoch: page.epoch,
                seq: page.head,
            });
        }
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
        let listener = Listener {
            session: session.clone(),
            at: 0,
            waiting: Some(Vec::new()),
        };
        self.lock().listeners.insert(session.conn.clone(), listener);
        Ok(true)
    }

    /// Removes a listener; `true` where it was the last.
    pub(super) fn remove(&self, conn: &ConnId) -> bool {
        let mut state = self.lock();
        state.listeners.remove(conn).is_some() && state.listeners.is_empty()
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
            .map(|listener| listener.session.clone())
            .collect()
    }

    pub(super) fn deliver_live(&self, envelope: &Envelope, followers: &Followers) {
        self.lock().deliver(0, envelope, followers);
    }

    /// A parcel from the relay. It alone decides about gaps; everything stored comes through here or
    /// through [`Channel::fill`].
    pub(super) fn take(
        &self,
        position: Option<Position>,
        parcel: Parcel,
        followers: &Followers,
    ) -> Next {
        let mut state = self.lock();
        let Some(position) = position else {
            state.deliver_parcel(0, &parcel, followers);
            drop(state);
            self.tell(parcel, followers);
            return Next::Nothing;
        };
        if state.healing {
            state.keep(position, parcel);
            return Next::Nothing;
        }
        match state.judge(&position) {
            Judgement::Old => Next::Nothing,
            Judgement::Next => {
                state.cursor = Some(position.clone());
                state.deliver_parcel(position.seq, &parcel, followers);
                drop(state);
                self.tell(parcel, followers);
                Next::Nothing
            }
            Judgement::Gap => {
                state.healing = true;
                state.keep(position, parcel);
                Next::Heal
            }
        }
    }

    /// Begins to hold parcels back, to compare with the log; `false` where there is nothing to
    /// compare with or it is being done already.
    pub(super) fn hold(&self) -> bool {
        let mut state = self.lock();
        let begin = state.cursor.is_some() && !state.healing;
        state.healing |= begin;
        begin
    }

    /// Where reading the log goes on.
    pub(super) fn cursor(&self) -> Option<Position> {
        self.lock().cursor.clone()
    }

    /// Takes over a page read from the log after the cursor.
    pub(super) fn fill(&self, page: Page, followers: &Followers) -> Filled {
        let mut state = self.lock();
        let cursor = state.cursor.clone().unwrap_or_else(|| nowhere(&page.epoch));
        if !same_life(&cursor, &page.epoch) {
            state.begin_anew(&page.epoch);
            return Filled {
                complete: false,
                broken: true,
                count: 0,
            };
        }
        let count = page.entries.len();
        let broken = !page.follows(&page.epoch, cursor.seq);
        for (seq, parcel) in &page.entries {
            state.deliver_parcel(*seq, parcel, followers);
        }
        let last = page
            .entries
            .last()
            .map_or(page.head.max(cursor.seq), |(seq, _)| *seq);
        state.cursor = Some(Position {
            epoch: page.epoch,
            seq: last,
        });
        drop(state);
        page.entries
            .into_iter()
            .for_each(|(_, parcel)| self.tell(parcel, followers));
        Filled {
            complete: last >= page.head,
            broken,
            count,
        }
    }

    /// The log is gone: what is held back is all there is, and nothing before it will be asked for.
    pub(super) fn begin_anew(&self) {
        let mut state = self.lock();
        state.begin_anew("");
        state.held.clear();
        state.healing = false;
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

    /// Ends healing with what was held back; `Heal` where there is still a gap.
    pub(super) fn release(&self, followers: &Followers) -> Next {
        loop {
            let mut state = self.lock();
            let Some((position, parcel)) = state.held.pop_front() else {
                state.healing = false;
                return Next::Nothing;
            };
            match state.judge(&position) {
                Judgement::Old => {}
                Judgement::Gap if state.is_stale(&position) => {}
                Judgement::Gap => {
                    state.held.push_front((position, parcel));
                    return Next::Heal;
                }
                Judgement::Next => {
                    state.cursor = Some(position.clone());
                    state.deliver_parcel(position.seq, &parcel, followers);
                    drop(state);
                    self.tell(parcel, followers);
                }
            }
        }
    }

    /// Lets a waiting listener hear everything after `page`, its history.
    fn open(&self, conn: &ConnId, history: Option<&Page>, followers: &Followers) -> Next {
        let mut state = self.lock();
        let mut next = Next::Nothing;
        if let Some(page) = history {
            let here = Position {
                epoch: page.epoch.clone(),
                seq: page.head,
            };
            match &state.cursor {
                None => state.cursor = Some(here),
                // The relay is behind what the history shows, and may stay so: look.
                Some(cursor) if !same_life(cursor, &here.epoch) || cursor.seq < here.seq => {
                    next = if state.healing {
                        Next::Nothing
                    } else {
                        Next::Heal
                    };
                    state.healing = true;
                }
                Some(_) => {}
            }
        }
        let after = history.map_or(0, |page| page.head);
        let Some(listener) = state.listeners.get_mut(conn) else {
            return next;
        };
        listener.at = after;
        for (seq, envelope) in listener.waiting.take().unwrap_or_default() {
            listener.give(seq, &envelope, followers);
        }
        next
    }

    /// Called in order: `take` has one caller, and it holds back while the healer is at work.
    fn tell(&self, parcel: Parcel, followers: &Followers) {
        match parcel {
            Parcel::Transition(transition) => tell_transition(&transition, followers),
            Parcel::Order(order) => followers.each(|feature| feature.ordered(&order)),
            Parcel::Message(_) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }
}

/// What filling did.
pub(super) struct Filled {
    /// Nothing is left to read.
    pub(super) complete: bool,
    /// There was a hole in the log itself.
    pub(super) broken: bool,
    /// How many entries there were.
    pub(super) count: usize,
}

/// Before the first message of a life of the log.
fn nowhere(epoch: &str) -> Position {
    Position {
        epoch: epoch.to_owned(),
        seq: 0,
    }
}

/// A cursor without an epoch was taken before the log had its first message.
fn same_life(cursor: &Position, epoch: &str) -> bool {
    cursor.epoch == epoch || (cursor.epoch.is_empty() && cursor.seq == 0)
}

enum Judgement {
    Old,
    Next,
    Gap,
}

impl State {
    fn judge(&self, position: &Position) -> Judgement {
        match &self.cursor {
            None => Judgement::Next,
            Some(cursor) if !same_life(cursor, &position.epoch) => Judgement::Gap,
            Some(cursor) if position.seq <= cursor.seq => Judgement::Old,
            Some(cursor) if position.seq == cursor.seq + 1 => Judgement::Next,
            Some(_) => Judgement::Gap,
        }
    }

    fn keep(&mut self, position: Position, parcel: Parcel) {
        if self.held.len() >= HELD {
            // The rest is in the log too: the first one left shows the gap again.
            self.held.clear();
        }
        self.held.push_back((position, parcel));
    }

    /// Whether a parcel is of a life of the log that is over: the log was read since, once more for
    /// this parcel's sake, and is in another one.
    fn is_stale(&mut self, position: &Position) -> bool {
        let other_life = self
            .cursor
            .as_ref()
            .is_some_and(|c| !same_life(c, &position.epoch));
        let again = self.doubted.as_ref() == Some(&position.epoch);
        if other_life {
            self.doubted = Some(position.epoch.clone());
        }
        other_life && again
    }

    fn begin_anew(&mut self, epoch: &str) {
        self.cursor = Some(Position {
            epoch: epoch.to_owned(),
            seq: 0,
        });
        self.listeners
            .values_mut()
            .for_each(|listener| listener.at = 0);
    }

    fn deliver_parcel(&mut self, seq: u64, parcel: &Parcel, followers: &Followers) {
        if let Parcel::Message(envelope) = parcel {
            self.deliver(seq, envelope, followers);
        }
    }

    fn deliver(&mut self, seq: u64, envelope: &Envelope, followers: &Followers) {
        for (conn, listener) in &mut self.listeners {
            if envelope.except.as_ref() != Some(conn) {
                listener.give(seq, envelope, followers);
            }
        }
    }
}

impl Listener {
    /// `seq` is 0 for what is not stored.
    fn give(&mut self, seq: u64, envelope: &Envelope, followers: &Followers) {
        if let Some(waiting) = &mut self.waiting {
            if waiting.len() >= WAITING {
                return self.session.peer.kill();
            }
            return waiting.push((seq, envelope.clone()));
        }
        if seq != 0 && seq <= self.at {
            return;
        }
        self.at = self.at.max(seq);
        hand_over(&self.session, envelope, followers);
    }
}

/// A connection on its way into a topic.
pub struct Admission {
    hub: Arc<Hub>,
    channel: Arc<Channel>,
    conn: ConnId,
    open: bool,
}

impl Admission {
    pub(super) fn new(hub: Arc<Hub>, channel: Arc<Channel>, conn: ConnId) -> Self {
        Self {
            hub,
            channel,
            conn,
            open: false,
        }
    }

    /// Opens a topic without history: the connection hears everything from its admission on.
    pub fn open_live(mut self) {
        self.open = true;
        self.channel.open(&self.conn, None, &self.hub.followers);
    }

    /// Opens a topic whose history, `page`, the connection has just been sent: it hears what comes
    /// after it, each message once.
    pub fn open_after(mut self, page: &Page) {
        self.open = true;
        if self
            .channel
            .open(&self.conn, Some(page), &self.hub.followers)
            == Next::Heal
        {
            self.hub.heal(self.channel.clone());
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if !self.open && self.channel.remove(&self.conn) {
            self.hub.close_when_empty(self.channel.clone());
        }
    }
}
