//! What a channel knows: who listens, and how far it has come in the topic's log.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{
    Followers,
    channel::Next,
    listener::{Listener, Run},
    outbox::{Outbox, Walk},
};
use crate::{
    envelope::{Envelope, Position},
    id::{ConnId, UserId},
    ports::{Page, Parcel},
};

/// Parcels held back while a gap is read from the log; beyond that they are dropped and read from
/// the log as well.
const HELD: usize = 4_096;

/// What a channel's lock guards.
#[derive(Default)]
pub(super) struct State {
    pub(super) listeners: HashMap<ConnId, Listener>,
    /// Unknown while nobody has begun to hear.
    pub(super) cursor: Option<Position>,
    /// While the log is being read, what arrives is held back.
    pub(super) healing: bool,
    pub(super) held: VecDeque<(Position, Parcel)>,
    /// The highest place of which somebody here was told, as far as it is remembered nowhere else.
    pub(super) given: Option<Position>,
    /// Something may have been lost while the cursor was unknown.
    pub(super) suspect: bool,
    /// The last epoch for which the log was read once more.
    pub(super) doubted: Option<Arc<str>>,
}

impl State {
    pub(super) fn live(&mut self) -> impl Iterator<Item = &mut Listener> {
        self.listeners.values_mut().filter(|l| l.is_live())
    }

    /// The listener that is catching up in this run, if it still is.
    pub(super) fn in_run(&mut self, run: &Run) -> Option<&mut Listener> {
        let listener = self.listeners.get_mut(&run.conn);
        listener.filter(|listener| listener.is_in(run))
    }

    /// All places of which somebody here was told.
    pub(super) fn places(&self) -> impl Iterator<Item = &Position> {
        let listeners = self.listeners.values().map(|listener| &listener.at);
        listeners.chain(&self.cursor).chain(&self.given)
    }

    pub(super) fn highest(&self) -> Option<Position> {
        let highest = self.places().max_by_key(|at| at.seq);
        highest.filter(|at| at.seq > 0).cloned()
    }

    pub(super) fn note_given(&mut self, at: &Position) {
        if self.given.as_ref().is_none_or(|given| given.seq < at.seq) {
            self.given = Some(at.clone());
        }
    }

    pub(super) fn nobody_hears(&self) -> bool {
        !self.listeners.values().any(Listener::is_live)
    }

    /// A listener has come that has everything up to `at`; `alone`: the first one.
    pub(super) fn join(&mut self, at: Position, alone: bool) -> Next {
        let suspect = std::mem::take(&mut self.suspect);
        let next = match &self.cursor {
            Some(cursor) if !alone && cursor != &at => {
                if !at.same_life(&cursor.epoch) && !cursor.is_start() {
                    Next::Heal
                } else if at.seq < cursor.seq {
                    Next::Expect(self.cursor.replace(at).unwrap_or_else(Position::start))
                } else {
                    Next::Expect(at)
                }
            }
            _ => {
                self.cursor = Some(at);
                Next::Nothing
            }
        };
        if !suspect && next != Next::Heal {
            return next;
        }
        if std::mem::replace(&mut self.healing, true) {
            Next::Nothing
        } else {
            Next::Heal
        }
    }

    /// Those that hear the room that the page is of.
    pub(super) fn live_in(&mut self, page: &Page) -> impl Iterator<Item = &mut Listener> {
        self.live().filter(|l| l.is_in_room(page.created))
    }

    /// Whether everybody who hears can go on with the page.
    pub(super) fn all_go_on_with(&mut self, page: &Page) -> bool {
        self.live_in(page)
            .all(|listener| listener.at.same_life(&page.epoch) && listener.at.seq <= page.head)
    }

    pub(super) fn hold_back(&mut self, position: Position, parcel: Parcel) {
        if self.held.len() >= HELD {
            // The rest is in the log too: the first one left shows the gap again.
            self.held.clear();
        }
        self.held.push_back((position, parcel));
    }

    /// Whether a parcel is of a life of the log that is over: the log was read since, once more for
    /// this parcel's sake, and is in another one.
    pub(super) fn is_stale(&mut self, position: &Position) -> bool {
        let other_life = self
            .cursor
            .as_ref()
            .is_some_and(|cursor| !cursor.same_life(&position.epoch));
        let again = self.doubted.as_ref() == Some(&position.epoch);
        if other_life {
            self.doubted = Some(position.epoch.clone());
        }
        other_life && again
    }

    pub(super) fn deliver(
        &mut self,
        position: &Position,
        parcel: &Parcel,
        followers: &Followers,
        walk: &mut Walk,
    ) {
        self.cursor = Some(position.clone());
        self.hand_out(position, parcel, followers, walk);
    }

    pub(super) fn hand_out(
        &mut self,
        position: &Position,
        parcel: &Parcel,
        followers: &Followers,
        walk: &mut Walk,
    ) {
        let Parcel::Message(envelope) = parcel else {
            return;
        };
        self.give_each(envelope, followers, |listener, is_for_it| {
            listener.stored_for(position, envelope, is_for_it, walk)
        });
    }

    pub(super) fn deliver_unstored(
        &mut self,
        envelope: &Arc<Envelope>,
        followers: &Followers,
        walk: &mut Walk,
    ) -> usize {
        self.give_each(envelope, followers, |listener, is_for_it| {
            is_for_it && listener.unstored(envelope, walk)
        })
    }

    /// `give` is told whether the message is for that listener, and says whether it was given to it. Returns
    /// to how many it was.
    fn give_each(
        &mut self,
        envelope: &Envelope,
        followers: &Followers,
        mut give: impl FnMut(&mut Listener, bool) -> bool,
    ) -> usize {
        let except = self.except(envelope);
        self.listeners.values().for_each(|l| l.outbox().fetch());
        let listeners = self.listeners.values_mut();
        let given = listeners.filter_map(|listener| {
            let is_for_it = !except.is(listener);
            give(listener, is_for_it).then_some(())
        });
        let given = given.count();
        followers.delivered(&envelope.event, given as u64);
        given
    }

    /// Found once for all listeners: to compare names with each of them costs as much as all else that
    /// is decided.
    fn except<'a>(&self, envelope: &'a Envelope) -> Except<'a> {
        let conn = envelope.except.as_ref();
        let listener = conn.and_then(|conn| self.listeners.get(conn));
        Except {
            outbox: listener.map(|listener| listener.outbox().clone()),
            user: envelope.except_user.as_ref(),
        }
    }
}

/// Who is not to get a message ([`Envelope::is_for`]).
struct Except<'a> {
    outbox: Option<Arc<Outbox>>,
    user: Option<&'a UserId>,
}

impl Except<'_> {
    fn is(&self, listener: &Listener) -> bool {
        let outbox = self.outbox.as_ref();
        outbox.is_some_and(|outbox| Arc::ptr_eq(outbox, listener.outbox()))
            || self.user.is_some_and(|user| listener.session().is_of(user))
    }
}
