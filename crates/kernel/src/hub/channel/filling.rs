//! What is read from the log where something is missing, and what is held back meanwhile.

use std::sync::Arc;

use super::Channel;
use crate::{
    envelope::{Envelope, Position, Step},
    hub::{Followers, outbox::Walk},
    ports::{Page, Parcel},
    topic::Topic,
};

/// Parcels that were held back and are let go between two walks.
const RELEASED: usize = 500;

/// What became of a page that was read to fill a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Filled {
    /// Nothing is left to read.
    Done,
    /// There is more of it.
    More,
    /// It does not follow what everybody here has.
    Broken,
}

/// The messages of a page, with their places, to be given to many.
fn shared(page: &Page) -> Vec<(Position, Arc<Envelope>)> {
    let message = |(seq, parcel): &(u64, Parcel)| match parcel {
        Parcel::Message(envelope) => Some((page.place(*seq), envelope.clone())),
        _ => None,
    };
    page.entries.iter().filter_map(message).collect()
}

impl Channel {
    /// Begins to hold parcels back, to compare with the log; `false` where it is being done already
    /// or there is nothing to compare with yet.
    pub(in crate::hub) fn hold(&self) -> bool {
        let mut state = self.lock();
        let begin = state.cursor.is_some() && !state.healing;
        state.suspect |= state.cursor.is_none();
        state.healing |= begin;
        begin
    }

    /// The same, where what was expected has not arrived.
    pub(in crate::hub) fn hold_without(&self, expected: &Position) -> bool {
        let missing = {
            let state = self.lock();
            let cursor = state.cursor.as_ref();
            cursor.is_some_and(|c| !c.same_life(&expected.epoch) || c.seq < expected.seq)
        };
        missing && self.hold()
    }

    /// Where reading the log goes on.
    pub(in crate::hub) fn cursor(&self) -> Position {
        self.lock().cursor.clone().unwrap_or_else(Position::start)
    }

    /// Takes over a page read from the log after `from`.
    pub(in crate::hub) fn fill(
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

    /// There is a hole that no log can fill. Whoever can go on with `page`, the newest there is,
    /// does; the others are told by `notice`. `false` where somebody has more than the page, which
    /// is to be read again then.
    pub(in crate::hub) fn skip(
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
    pub(in crate::hub) fn give_up(&self) -> bool {
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
    pub(in crate::hub) fn release(&self, followers: &Followers, walk: &mut Walk) -> Filled {
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
}
