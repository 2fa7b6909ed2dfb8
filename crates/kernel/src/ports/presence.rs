use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortResult;
use crate::{
    envelope::Position,
    id::{ConnId, Incarnation, RoomName, UserId},
    time::{Stamp, Timestamp},
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
    /// For a transition of a namespace: the rooms of the root namespace that the user is in, or was
    /// in when the last connection was lost.
    #[serde(default)]
    pub rooms: Vec<RoomName>,
    /// Of a room: when that was created.
    #[serde(default)]
    pub created: Stamp,
    /// For [`Change::Entered`]: it was a member already, came back within the grace, or was announced
    /// again.
    #[serde(default)]
    pub again: bool,
    /// How many members the place has now; published by the backend as those of its partition, and
    /// told to features as those of all.
    #[serde(default)]
    pub total: u64,
}

/// What happened to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Came, or came back.
    Entered,
    /// Gone for good: left, or the grace is over.
    Left,
    /// The last connection was lost, and the grace runs. Of the root namespace and of rooms nobody is
    /// told that.
    Lost,
    /// Status or name changed.
    Updated,
    /// Was there all the time, though everything was lost meanwhile: nobody is told that it came, but
    /// lists that were read between lack it.
    Restored,
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
    /// A room that the user is a member of: held by another connection, or within the grace.
    Return,
    /// A place that this node knows to be held by its own connection. A room that the backend lost is
    /// created anew; one that another has taken the place of is joined, if that may be, and never
    /// where that would bring the user from a private room into a public one. Fails where the user was
    /// evicted since.
    Restore(Held),
}

/// What a node knows of a place that a connection of its own holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// When the user became a member, or this connection entered last of its own accord.
    pub since: Stamp,
    /// For a room: when it was created, which tells it from others of its name.
    pub created: Stamp,
    /// For a room: whether it is private.
    pub private: bool,
    /// Whether the token vouches for the user.
    pub granted: bool,
    /// For a room: whether the user held a grant when it entered. The room that was lost is created
    /// anew with it.
    pub holds_grant: bool,
}

/// What entering did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The user was not in the place before, not even within the grace.
    pub first: bool,
    /// When this was.
    pub at: Stamp,
    /// For a room: when it was created.
    pub created: Stamp,
    /// Whether the room is private.
    pub private: bool,
    /// Whether the user holds a grant for the room.
    pub holds_grant: bool,
    /// Where the room's log stands.
    pub log: Position,
}

/// When a member whose last connection left is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// At once.
    Now,
    /// When the grace has passed and no connection has come back.
    AfterGrace,
    /// At once, also a member whom this connection never held, if no other one does.
    WithinGrace,
}

/// Some of the members of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Longest there first, those within the grace included. At most as many as asked for.
    pub list: Vec<(Member, Timestamp)>,
    /// How many there are.
    pub total: u64,
    /// Of a room: when that was created.
    pub created: Stamp,
}

/// What the cluster knows of a user, wherever its connections are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// As in the namespace, while it is a member there.
    pub member: Option<Member>,
    /// The rooms of the namespace that it is a member of. One that it has left within the last
    /// seconds may still be among them.
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

/// What a sweep did and found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many members went.
    pub removed: usize,
    /// Since this node's last one, logs have leapt over what no node can tell of: those who follow one
    /// have to compare.
    pub leapt: bool,
}

/// What a node can tell of what was given out of logs, when it begins a life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// How far the logs had come that it remembers.
    pub places: Vec<(Topic, Position)>,
    /// Of what was given until then it has forgotten something.
    pub forgotten: Option<Timestamp>,
}

/// Who is where, exactly.
///
/// A member is in a place while a connection holds it there, and for the grace after the last one
/// was lost. A place is a namespace or a room. Changes are published in the same step that makes
/// them: of a room on the room's topic, and of one of the root namespace on [`Topic::Moves`] of the user as
/// well, at most once; of a namespace in the log of
/// [`Topic::Presence`], so that no node misses one. A room without members is deleted with its log.
///
/// After the backend itself was silent or wiped, deadlines and leases are put off, so that nobody is
/// declared gone for the backend's own absence.
#[async_trait]
pub trait Presence: Send + Sync {
    /// Adds a holder. Idempotent per holder and place. A room is added to the user's rooms; with
    /// more than `most` of them this fails, and nothing is changed.
    async fn enter(
        &self,
        place: &Topic,
        member: &Member,
        holder: &Holder,
        entry: &Entry,
        most: usize,
    ) -> PortResult<Entered>;

    /// Removes a holder of `user`; nothing happens where it holds nothing (but for
    /// [`Leave::WithinGrace`]). `true` where the member is gone with it. (A namespace's members are
    /// spread by user, hence the user's id.)
    async fn exit(
        &self,
        place: &Topic,
        user: &UserId,
        holder: &Holder,
        leave: Leave,
    ) -> PortResult<bool>;

    /// Removes a member at once, with all holders, and gives all nodes the [`super::Order`] to let go
    /// the user's connections that were there (surely, but for a room perhaps a little later). For
    /// a while nobody who entered before can be restored ([`Entry::Restore`]). Also where nobody was
    /// there. Of a namespace: `rooms` are those to be told in, where it was put out of them before.
    async fn evict(&self, place: &Topic, user: &UserId, rooms: &[RoomName]) -> PortResult<()>;

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

    /// Where the user is.
    async fn whereabouts(&self, namespace: &Topic, user: &UserId) -> PortResult<Whereabouts>;

    /// Begins a life with its lease; only one that has begun may enter or append. `former` is the life
    /// that it follows: it may not any more, and what it holds waits to be reaped. `known` is what
    /// the node was given out of logs: one that has not come so far lost its tail in a failover, and
    /// begins a new life beyond it ([`super::Log::renew`]). Where more may have been lost than nodes can
    /// tell of, what is stored from then on goes on beyond all that can have been given.
    async fn begin(
        &self,
        incarnation: &Incarnation,
        former: Option<&Incarnation>,
        known: &Known,
    ) -> PortResult<()>;

    /// Renews the lease; [`super::PortError::Fenced`] once it is over, and where the backend may have
    /// lost something since it began.
    async fn beat(&self, incarnation: &Incarnation) -> PortResult<Beat>;

    /// Declares an incarnation dead before its lease ends.
    async fn retire(&self, incarnation: &Incarnation) -> PortResult<()>;

    /// Removes all holders of a dead incarnation, as lost ([`Leave::AfterGrace`]). Any number of
    /// nodes may do it at once.
    async fn reap(&self, incarnation: &Incarnation) -> PortResult<()>;

    /// Removes the members whose grace is over; each is removed, and published, by exactly one
    /// caller. [`super::PortError::Fenced`] as for [`Presence::beat`].
    async fn sweep(&self) -> PortResult<Swept>;

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
