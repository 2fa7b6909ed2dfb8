//! What is kept by user.

use std::collections::{BTreeSet, HashMap};

use starling_kernel::{
    id::{RoomName, UserId},
    time::{Stamp, Timestamp},
    topic::Topic,
};

use crate::EVICTED;

/// Rooms of the root namespace by user.
#[derive(Clone, Default)]
pub(super) struct UserRooms(HashMap<UserId, BTreeSet<RoomName>>);

impl UserRooms {
    pub(super) fn of(&self, user: &UserId) -> Vec<RoomName> {
        self.0.get(user).into_iter().flatten().cloned().collect()
    }

    pub(super) fn users(&self) -> impl Iterator<Item = &UserId> {
        self.0.keys()
    }

    pub(super) fn count(&self, user: &UserId) -> usize {
        self.0.get(user).map_or(0, BTreeSet::len)
    }

    pub(super) fn add(&mut self, user: &UserId, room: &RoomName) {
        self.0.entry(user.clone()).or_default().insert(room.clone());
    }

    pub(super) fn remove(&mut self, user: &UserId, room: &RoomName) {
        if let Some(rooms) = self.0.get_mut(user) {
            rooms.remove(room);
            if rooms.is_empty() {
                self.0.remove(user);
            }
        }
    }
}

/// Who was evicted of late, and when.
#[derive(Clone, Default)]
pub(super) struct Evicted(HashMap<(Topic, UserId), Stamp>);

impl Evicted {
    pub(super) fn note(&mut self, now: Timestamp, topic: &Topic, user: &UserId, at: Stamp) {
        let forgotten = Stamp::from(Timestamp(now.0 - EVICTED.as_millis() as u64));
        self.0.retain(|_, at| *at > forgotten);
        self.0.insert((topic.clone(), user.clone()), at);
    }

    pub(super) fn since(&self, topic: &Topic, user: &UserId, since: Stamp) -> bool {
        let at = self.0.get(&(topic.clone(), user.clone()));
        at.is_some_and(|at| *at > since)
    }
}
