use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortResult;
use crate::{
    id::{ConnId, Incarnation, RoomName, UserId},
    time::Timestamp,
    topic::Topic,
};

/// Whether somebody is at the keyboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Active.
    #[default]
    Online,
    /// Connected, but not looking.
    Away,
}

/// Somebody in a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who; unique in a place, however many connections hold it there.
    pub user: UserId,
    /// The name shown to others, as of the last time the user entered.
    pub username: String,
    /// As last set; entering keeps it.
    #[serde(default)]
    pub status: Status,
}

/// The connection that holds a member in a place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    /// The life of the node that the connection is on.
    pub incarnation: Incarnation,
    /// The connection.
    pub conn: ConnId,
}

/// A change of who is in a place, as every node that listens to the place hears it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// What happened.
    pub kind: Change,
    /// The place, as text ([`Topic`]'s display form).
    pub place: String,
    /// To whom, as they are after it (for [`Change::Left`]: as they were).
    pub member: Member,
    /// The connection that caused it, if one did.
    #[serde(default)]
    pub conn: Option<ConnId>,
    /// When it happened; for [`Change::Left`] when the last connection was seen last.
    pub at: Timestamp,
    /// The rooms of the root namespace that the user was in, for a transition of a namespace.
    #[serde(default)]
    pub rooms: Vec<RoomName>,
}

/// What happened to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Came, or came back.
    Entered,
    /// Gone for good: left, or the grace is over.
    Left,
    /// Status or name changed.
    Updated,
}

/// How somebody may enter a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A namespace: whoever is connected. `announce`: publish `Entered` even if another connection
    /// of the user is there already.
    Open {
        /// Whether to publish it in any case.
        announce: bool,
    },
    /// A new room; fails where it exists.
    Create {
        /// Only with a grant may others enter; the creator gets one.
        private: bool,
    },
    /// An existing room; fails where it does not exist, or is private and the user neither holds a
    /// grant nor is `granted` by the caller (by the token, say).
    Join {
        /// The caller vouches for the user.
        granted: bool,
    },
    /// A room that this node knows to be held by its own connections: created anew if the backend
    /// lost it.
    Restore {
        /// As it was.
        private: bool,
    },
}

/// What entering did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entered {
    /// The user was not in the place before, not even within the grace.
    pub first: bool,
    /// Whether the room is private.
    pub private: bool,
}

/// When a member whose last connection left is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// At once.
    Now,
    /// When the grace has passed and no connection has come back.
    AfterGrace,
}

/// Some of the members of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Longest there first, those within the grace included. At most as many as asked for.
    pub list: Vec<(Member, Timestamp)>,
    /// How many there are.
    pub total: u64,
}

/// What a node remembers of a user that may come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// As in the root namespace.
    pub member: Member,
    /// The rooms to come back to.
    pub rooms: Vec<RoomName>,
}

/// The answer to a beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The backend's clock.
    pub now: Timestamp,
    /// Lives that ended and still hold something: anybody should [`Presence::reap`] them.
    pub dead: Vec<Incarnation>,
}

/// Who is where, exactly.
///
/// A member is in a place while a connection holds it there, and for the grace after the last one
/// was lost. A place is a namespace or a room. Changes are published in the same step that makes
/// them: of a room on the room's topic, at most once; of a namespace in the log of
/// [`Topic::Presence`], so that no node misses one. A room without members is deleted with its log.
///
/// After the backend itself was silent or wiped, deadlines and leases are put off, so that nobody is
/// declared gone for the backend's own absence.
#[async_trait]
pub trait Presence: Send + Sync {
    /// Adds a holder. Idempotent per holder and place.
    async fn enter(
        &self,
        place: &Topic,
        member: &Member,
        holder: &Holder,
        entry: &Entry,
    ) -> PortResult<Entered>;

    /// Removes a holder of `user`; nothing happens where it holds nothing. (A namespace's members are
    /// spread by user, hence the user's id.)
    async fn exit(
        &self,
        place: &Topic,
        user: &UserId,
        holder: &Holder,
        leave: Leave,
    ) -> PortResult<bool>;

    /// Removes a member at once, with all holders; `false` where it was not there.
    async fn evict(&self, place: &Topic, user: &UserId) -> PortResult<bool>;

    /// Sets a member's status and publishes it, as caused by `conn`; `None` where it is not there.
    async fn set_status(
        &self,
        place: &Topic,
        user: &UserId,
        conn: &ConnId,
        status: Status,
    ) -> PortResult<Option<Member>>;

    /// Up to `limit` members.
    async fn members(&self, place: &Topic, limit: usize) -> PortResult<Members>;

    /// The user's session in `namespace`, while it is a member there.
    async fn session(&self, namespace: &Topic, user: &UserId) -> PortResult<Option<Session>>;

    /// Adds a room to (`true`) or takes it from (`false`) the user's session, if there is one.
    async fn note_room(
        &self,
        namespace: &Topic,
        user: &UserId,
        room: &RoomName,
        add: bool,
    ) -> PortResult<()>;

    /// Renews the lease, or begins it for a new incarnation; [`super::PortError::Fenced`] once it
    /// has been declared dead.
    async fn beat(&self, incarnation: &Incarnation) -> PortResult<Beat>;

    /// Declares an incarnation dead before its lease ends.
    async fn retire(&self, incarnation: &Incarnation) -> PortResult<()>;

    /// Removes all holders of a dead incarnation, as lost ([`Leave::AfterGrace`]). Any number of
    /// nodes may do it at once.
    async fn reap(&self, incarnation: &Incarnation) -> PortResult<()>;

    /// Removes the members whose grace is over; each is removed, and published, by exactly one
    /// caller. Returns how many this was.
    async fn sweep(&self) -> PortResult<usize>;

    /// How many partitions [`Topic::Presence`] has.
    fn partitions(&self) -> u16;
}

/// Times of the presence machinery. The same on every node.
#[derive(Clone, Copy, Debug)]
pub struct PresenceTimes {
    /// How long a member stays after its last connection was lost.
    pub grace: Duration,
    /// How long a node is believed alive after its last beat; it beats every third of it.
    pub lease: Duration,
}

impl Default for PresenceTimes {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(5),
            lease: Duration::from_secs(3),
        }
    }
}
