use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{PortResult, Transition};
use crate::{
    envelope::{Envelope, Position},
    id::{RoomName, UserId},
    time::Stamp,
    topic::Topic,
};

/// What travels between nodes.
#[derive(Clone, Debug, PartialEq)]
pub enum Parcel {
    /// A message for the topic's connections.
    Message(Arc<Envelope>),
    /// Somebody came, went or changed. Published by the backend itself, in the step that changed it.
    Transition(Transition),
    /// An order to all nodes, in the log of [`Topic::Presence`].
    Order(Order),
}

/// A message that the backend publishes itself, in the step that changed something, on any topic: to all
/// nodes that subscribed, *including* the one that asked. So all hear the changes of one thing in one
/// order, which is that of its steps. As all that is not stored it is lost for a node that cannot be
/// reached then.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Where it is published; it may be in another partition than what was changed.
    pub topic: &'a Topic,
    /// What is published.
    pub envelope: &'a Envelope,
}

/// An order that every node carries out on its own connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Disconnect the connections of a user that were there then: it has logged out.
    Disconnect {
        /// Whose.
        user: UserId,
        /// When.
        at: Stamp,
    },
    /// Put the connections of a user that were in a room then out of it.
    Leave {
        /// Whose.
        user: UserId,
        /// Out of which room of the root namespace.
        room: RoomName,
        /// When the user was evicted.
        at: Stamp,
    },
}

impl Order {
    /// Whom it is about.
    pub fn user(&self) -> &UserId {
        match self {
            Self::Disconnect { user, .. } | Self::Leave { user, .. } => user,
        }
    }
}

/// What a node hears.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "nearly all are parcels")]
pub enum Heard {
    /// A parcel on a subscribed topic. With a position it stands in the topic's log, and topics'
    /// positions arrive in order, but some may be missing.
    Parcel {
        /// Where it was published.
        topic: Topic,
        /// Its place in the log, if it was stored.
        position: Option<Position>,
        /// What it is.
        parcel: Parcel,
    },
    /// Parcels may have been lost on any topic (reconnected, or overrun): compare with the logs.
    Lost,
    /// The relay answers (`true`) or does not (`false`).
    Up(bool),
    /// This node hears nothing any more, for good: something that listens has failed.
    Ended,
}

/// The relay.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Resolves once everything published on `topic` from now on will be heard. Idempotent; the
    /// backend restores subscriptions by itself after a reconnect, and says [`Heard::Lost`].
    async fn subscribe(&self, topic: &Topic) -> PortResult<()>;

    /// The opposite. What is under way may still be heard.
    async fn unsubscribe(&self, topic: &Topic) -> PortResult<()>;

    /// Sends to all *other* nodes that subscribed. At most once: it is lost for a node that cannot
    /// be reached now. Order is kept per sender and topic.
    async fn publish(&self, topic: &Topic, parcel: &Parcel) -> PortResult<()>;

    /// What this node hears. Can be taken once; `None` after that. The channel is bounded; what
    /// does not fit is dropped and said with [`Heard::Lost`].
    fn listen(&self) -> Option<mpsc::Receiver<Heard>>;
}
