use async_trait::async_trait;

use super::PortResult;
use crate::{
    id::{RoomName, UserId},
    time::Stamp,
};

/// A room as others may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub name: RoomName,
    /// Members, those within the grace included.
    pub members: u64,
    /// When it was created, which tells it from others of its name.
    pub created: Stamp,
    /// Whether entering needs a grant.
    pub private: bool,
    /// Whether the asking user holds a grant; not said in a listing.
    pub granted: bool,
    /// Whether the asking user is a member; not said in a listing.
    pub member: bool,
}

/// A list that may have been cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Oldest first.
    pub rooms: Vec<Room>,
    /// How many there are.
    pub total: u64,
}

/// Rooms of the root namespace. They are created by entering ([`super::Entry::Create`]).
#[async_trait]
pub trait Rooms: Send + Sync {
    /// One room, as `user` sees it.
    async fn room(&self, name: &RoomName, user: &UserId) -> PortResult<Option<Room>>;

    /// The public rooms, of which the oldest `limit` are named. The same for everybody.
    async fn public(&self, limit: usize) -> PortResult<Listing>;

    /// The private rooms that `user` may join, of which the oldest `limit` are named: those that it
    /// holds a grant for or is a member of, and those that `vouched` names. With a pattern (see
    /// [`crate::pattern::matches`]) a backend may look at the oldest rooms only, some thousands.
    async fn private(&self, user: &UserId, vouched: &[String], limit: usize)
    -> PortResult<Listing>;

    /// Gives (`true`) or takes (`false`) a grant; it lives as long as the room. Taking it does not
    /// remove a member.
    async fn grant(&self, name: &RoomName, user: &UserId, granted: bool) -> PortResult<()>;

    /// The cluster's secret of that name: `candidate` if there was none yet.
    async fn secret(&self, name: &str, candidate: &str) -> PortResult<String>;
}
