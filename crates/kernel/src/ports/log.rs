use std::sync::Arc;

use async_trait::async_trait;
use serde_json::value::RawValue;

use super::{Parcel, PortError, PortResult};
use crate::{
    envelope::{Draft, Position},
    id::UserId,
    time::Stamp,
    topic::Topic,
};

/// Names a message by its sender's choice, so that a repeat is recognised for ten minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Who sends; others may choose the same `client_id`.
    pub user: UserId,
    /// At most 64 bytes, checked before.
    pub client_id: String,
}

/// What became of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its place, or for a repeat the first one's.
    pub position: Position,
    /// Whether it was a repeat: nothing was stored or published.
    pub repeated: bool,
}

/// A part of a log, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The log's epoch; empty where there is no log yet.
    pub epoch: Arc<str>,
    /// The `seq` before the first of this life: above all that were ever given in this topic.
    pub base: u64,
    /// The newest `seq` at the time of reading, [`Page::base`] where there is none.
    pub head: u64,
    /// Of a room: when that was created.
    pub created: Stamp,
    /// Nodes may still know of more that the log once held ([`Log::renew`]): it cannot be told now
    /// whether somebody missed nothing.
    pub unsettled: bool,
    /// Stored parcels with their `seq`.
    pub entries: Vec<(u64, Parcel)>,
}

impl Page {
    /// The page, if it is of the room that was created then, and not of another one of its name:
    /// [`PortError::NotAMember`].
    pub fn of(self, created: Stamp) -> PortResult<Self> {
        match self.created == created {
            true => Ok(self),
            false => Err(PortError::NotAMember),
        }
    }

    /// The messages' data, as clients get it.
    pub fn messages(&self) -> Vec<Box<RawValue>> {
        let data = |parcel: &Parcel| match parcel {
            Parcel::Message(envelope) => envelope.data(),
            _ => None,
        };
        self.entries
            .iter()
            .filter_map(|(_, parcel)| data(parcel))
            .collect()
    }

    /// The place `seq` in the page's life of the log.
    pub fn place(&self, seq: u64) -> Position {
        Position {
            epoch: self.epoch.clone(),
            seq,
        }
    }

    /// Where whoever was given the whole page, up to its head, stands then.
    pub fn end(&self) -> Position {
        self.place(self.head)
    }

    /// Where the last entry stands, or `from` where there is none.
    pub fn last(&self, from: &Position) -> Position {
        self.place(self.entries.last().map_or(from.seq, |(seq, _)| *seq))
    }

    /// Whether nothing newer was stored when it was read, for a page read after `from`.
    pub fn is_last(&self, from: &Position) -> bool {
        self.last(from).seq >= self.head
    }

    /// Whether a client that says it has everything up to `seq`, of whatever life, has missed nothing
    /// that is not in the page or after it. Places are never given twice, so what is up to
    /// [`Page::base`] is of a former life.
    pub fn recovers(&self, seq: u64) -> bool {
        (seq > self.base || self.base == 0) && self.follows(&self.place_in_life(seq))
    }

    fn place_in_life(&self, seq: u64) -> Position {
        match seq {
            0 => Position::start(),
            seq => Position {
                // Of no life, where there is none now.
                epoch: if self.epoch.is_empty() {
                    "-".into()
                } else {
                    self.epoch.clone()
                },
                seq,
            },
        }
    }

    /// Whether the log, in its present life, held something after `seq` that is before the page.
    pub fn lacks_after(&self, seq: u64) -> bool {
        let before = self
            .entries
            .first()
            .map_or(self.head, |(first, _)| first - 1);
        before > seq.max(self.base)
    }

    /// Whether somebody who has everything up to `from` can go on with this page without a hole.
    pub fn follows(&self, from: &Position) -> bool {
        let seq = if from.is_start() { self.base } else { from.seq };
        let newer = self.entries.iter().map(|(seq, _)| *seq);
        let newer = newer.skip_while(|each| *each <= seq);
        let mut last = seq;
        for each in newer {
            if each != last + 1 {
                return false;
            }
            last = each;
        }
        let there = last > seq || seq == self.head;
        there && from.same_life(&self.epoch) && seq <= self.head
    }
}

/// Bounded logs, one a topic.
#[async_trait]
pub trait Log: Send + Sync {
    /// In one step: recognises a repeat, takes the next `seq`, stores, publishes on `topic` to all
    /// subscribed nodes *including this one*. The log keeps a bounded number of the newest entries
    /// (see the backend's configuration) and trims the oldest, unless the draft says otherwise
    /// ([`Draft::keep`], [`Draft::clears`]).
    ///
    /// The log of a room lives and dies with the room: [`PortError::NoRoom`] without it,
    /// [`PortError::NotAMember`] where the draft is to another one of that name.
    async fn append(
        &self,
        topic: &Topic,
        draft: &Draft,
        once: Option<&Once>,
    ) -> PortResult<Appended>;

    /// The oldest `limit` entries with `seq > after` that are still held.
    async fn after(&self, topic: &Topic, after: u64, limit: usize) -> PortResult<Page>;

    /// The newest `limit` entries.
    async fn latest(&self, topic: &Topic, limit: usize) -> PortResult<Page>;

    /// Somebody was given the message at `known`. A log that has not come so far lost its tail in a
    /// failover, or is another one of that name, begun when everything was lost: it begins a new life
    /// beyond that place, so that no place is given twice.
    async fn renew(&self, topic: &Topic, known: &Position) -> PortResult<()>;
}
