use async_trait::async_trait;
use serde_json::value::RawValue;

use super::{Parcel, PortResult};
use crate::{
    envelope::{Draft, Position},
    id::UserId,
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
    pub epoch: String,
    /// The newest `seq` at the time of reading; 0 where there is none.
    pub head: u64,
    /// Stored parcels with their `seq`.
    pub entries: Vec<(u64, Parcel)>,
}

impl Page {
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

    /// Whether the page goes on without a hole from `after` of `epoch`.
    pub fn follows(&self, epoch: &str, after: u64) -> bool {
        let same_life = self.epoch == epoch && after <= self.head;
        let no_hole = match self.entries.first() {
            Some((first, _)) => *first == after + 1,
            None => after == self.head,
        };
        same_life && no_hole
    }
}

/// Bounded logs, one a topic.
#[async_trait]
pub trait Log: Send + Sync {
    /// In one step: recognises a repeat, takes the next `seq`, stores, publishes on `topic` to all
    /// subscribed nodes *including this one*. The log keeps a bounded number of the newest entries
    /// (see the backend's configuration) and trims the oldest.
    ///
    /// The log of a room lives and dies with the room: [`super::PortError::NoRoom`] without it.
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
}
