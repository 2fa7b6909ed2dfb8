use std::collections::BTreeSet;

use async_trait::async_trait;
use starling_kernel::{
    id::{RoomName, UserId},
    pattern::matches,
    ports::{Listing, PortError, PortResult, Room, Rooms},
    topic::Topic,
};

use super::{MemoryNode, places::Place, state::State};

impl State {
    fn room(&self, name: &RoomName, user: &UserId) -> Option<Room> {
        let place = self.places.get(&Topic::room(name))?;
        let room = place.room.as_ref()?;
        Some(Room {
            granted: room.grants.contains(user),
            member: place.members.contains_key(user),
            ..listed(name, place)?
        })
    }

    /// The rooms of the root namespace.
    fn rooms(&self) -> impl Iterator<Item = Room> {
        self.places.iter().filter_map(|(topic, place)| match topic {
            Topic::Room("/", name) => listed(name, place),
            _ => None,
        })
    }

    fn public(&self, limit: usize) -> Listing {
        let public = self.rooms().filter(|room| !room.private);
        oldest(public.collect(), limit)
    }

    fn private(&self, user: &UserId, vouched: &[String], limit: usize) -> Listing {
        let (patterns, exact): (Vec<_>, Vec<_>) = vouched.iter().partition(|one| one.contains('*'));
        let mut names: BTreeSet<_> = self.own.of(user).into_iter().collect();
        names.extend(exact.into_iter().map(|name| RoomName::trusted(name)));
        let named = names.iter().filter_map(|name| {
            let place = self.places.get(&Topic::room(name))?;
            listed(name, place)
        });
        let mut found: Vec<_> = named.filter(|room| room.private).collect();
        if !patterns.is_empty() {
            let matching = |room: &Room| {
                let name = room.name.as_str();
                patterns.iter().any(|one| matches(one, name)) && !names.contains(&room.name)
            };
            let private = self.rooms().filter(|room| room.private);
            found.extend(private.filter(matching));
        }
        oldest(found, limit)
    }

    fn grant(&mut self, name: &RoomName, user: &UserId, granted: bool) -> PortResult<()> {
        let topic = Topic::room(name);
        let place = self.places.get_mut(&topic);
        let room = place.and_then(|place| place.room.as_mut());
        let grants = &mut room.ok_or(PortError::NoRoom)?.grants;
        if granted {
            grants.insert(user.clone());
        } else {
            grants.remove(user);
        }
        self.note_own(&topic, user);
        Ok(())
    }
}

/// A room as nobody in particular sees it.
fn listed(name: &RoomName, place: &Place) -> Option<Room> {
    place.room.as_ref().map(|room| Room {
        name: name.clone(),
        members: place.members.len() as u64,
        created: room.created,
        private: room.private,
        granted: false,
        member: false,
    })
}

fn oldest(mut rooms: Vec<Room>, limit: usize) -> Listing {
    let total = rooms.len() as u64;
    rooms.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
    rooms.truncate(limit);
    Listing { rooms, total }
}

#[async_trait]
impl Rooms for MemoryNode {
    async fn room(&self, name: &RoomName, user: &UserId) -> PortResult<Option<Room>> {
        Ok(self.step(|state, _| state.room(name, user)))
    }

    async fn public(&self, limit: usize) -> PortResult<Listing> {
        Ok(self.step(|state, _| state.public(limit)))
    }

    async fn private(
        &self,
        user: &UserId,
        vouched: &[String],
        limit: usize,
    ) -> PortResult<Listing> {
        Ok(self.step(|state, _| state.private(user, vouched, limit)))
    }

    async fn grant(&self, name: &RoomName, user: &UserId, granted: bool) -> PortResult<()> {
        self.step(|state, _| state.grant(name, user, granted))
    }

    async fn secret(&self, name: &str, candidate: &str) -> PortResult<String> {
        Ok(self.step(|state, _| {
            let secret = state.secrets.entry(name.to_owned());
            secret.or_insert_with(|| candidate.to_owned()).clone()
        }))
    }
}
