use async_trait::async_trait;
use starling_kernel::{
    id::{RoomName, UserId},
    ports::{PortError, PortResult, Room, Rooms},
    topic::Topic,
};

use super::{MemoryNode, places::Place, state::State};

impl State {
    fn room(&self, name: &RoomName, user: &UserId) -> Option<Room> {
        let place = self.places.get(&Topic::room(name))?;
        describe(name, place, user)
    }

    fn list(&self, user: &UserId, limit: usize) -> (Vec<Room>, u64) {
        let rooms = self.places.iter().filter_map(|(topic, place)| match topic {
            Topic::Room("/", name) => describe(name, place, user),
            _ => None,
        });
        let (mut private, mut public): (Vec<_>, Vec<_>) = rooms.partition(|room| room.private);
        let total = public.len() as u64;
        keep_oldest(&mut public, limit);
        keep_oldest(&mut private, limit);
        public.append(&mut private);
        keep_oldest(&mut public, usize::MAX);
        (public, total)
    }

    fn grant(&mut self, name: &RoomName, user: &UserId, granted: bool) -> PortResult<()> {
        let place = self.places.get_mut(&Topic::room(name));
        let room = place.and_then(|place| place.room.as_mut());
        let grants = &mut room.ok_or(PortError::NoRoom)?.grants;
        if granted {
            grants.insert(user.clone());
        } else {
            grants.remove(user);
        }
        Ok(())
    }
}

fn describe(name: &RoomName, place: &Place, user: &UserId) -> Option<Room> {
    place.room.as_ref().map(|room| Room {
        name: name.clone(),
        members: place.members.len() as u64,
        created_at: room.created.into(),
        private: room.private,
        granted: room.grants.contains(user),
        member: place.members.contains_key(user),
    })
}

fn keep_oldest(rooms: &mut Vec<Room>, limit: usize) {
    rooms.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
    rooms.truncate(limit);
}

#[async_trait]
impl Rooms for MemoryNode {
    async fn room(&self, name: &RoomName, user: &UserId) -> PortResult<Option<Room>> {
        Ok(self.step(|state, _| state.room(name, user)))
    }

    async fn list(&self, user: &UserId, limit: usize) -> PortResult<(Vec<Room>, u64)> {
        Ok(self.step(|state, _| state.list(user, limit)))
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
