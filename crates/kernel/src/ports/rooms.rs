use async_trait::async_trait;

use super::PortResult;
use crate::{
    id::{RoomName, UserId},
    time::Timestamp,
};

/// A room as others may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub name: RoomName,
    /// Members, those within the grace included.
    pub members: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether entering needs a grant.
    pub private: bool,
    /// Whether the asking user holds a grant.
    pub granted: bool,
    /// Whether the asking user is a member; not said in a listing.
    pub member: bool,
}

/// Rooms of the root namespace. They are created by entering ([`super::Entry::Create`]).
#[async_trait]
pub trait Rooms: Send + Sync {
    /// One room, as `user` sees it.
    async fn room(&self, name: &RoomName, user: &UserId) -> PortResult<Option<Room>>;

    /// Rooms, oldest first: up to `limit` public ones and up to `limit` private ones, with `granted`
    /// set for `user`; and how many public ones there are.
    async fn list(&self, user: &UserId, limit: usize) -> PortResult<(Vec<Room>, u64)>;

    /// Gives (`true`) or takes (`false`) a grant; it lives as long as the room. Taking it does not
    /// remove a member.
    async fn grant(&self, name: &RoomName, user: &UserId, granted: bool) -> PortResult<()>;

    /// The cluster's secret of that name: `candidate` if there was none yet.
    async fn secret(&self, name: &str, candidate: &str) -> PortResult<String>;
}
