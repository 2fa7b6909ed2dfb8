//! What everybody knows of who is where.

use std::{collections::BTreeSet, fmt::Debug};

use starling_kernel::{
    id::{RoomName, UserId},
    topic::Topic,
};
use starling_testkit::Node;

use crate::device::Device;

/// What does not agree.
type Check = Result<(), String>;

/// Compares all views.
pub(crate) struct Views<'a> {
    pub(crate) nodes: &'a [Node],
    pub(crate) devices: &'a [Device],
    pub(crate) rooms: &'a [&'a str],
    pub(crate) users: &'a [&'a str],
}

impl Views<'_> {
    /// Whether all of them are the same as the model's.
    pub(crate) async fn agree(&self) -> Check {
        for device in self.devices {
            self.check_device(device)?;
        }
        for room in self.rooms {
            self.check_room(room).await?;
        }
        for user in self.users {
            self.check_user(user).await?;
        }
        Ok(())
    }

    fn check_device(&self, device: &Device) -> Check {
        let Some(client) = &device.client else {
            return Ok(());
        };
        let who = format!("a device of {} on {}", device.user, device.node);
        let noted = client.session.rooms();
        let noted: Vec<_> = noted.iter().map(ToString::to_string).collect();
        let rooms: Vec<_> = device.rooms.keys().cloned().collect();
        same(&noted, &rooms, || format!("the rooms of {who}"))?;
        same(client.session.registered(), device.registered, || {
            format!("whether {who} is registered")
        })?;
        for (room, seen) in &device.members {
            same(seen, &self.inside(room), || {
                format!("whom {who} sees in {room}")
            })?;
        }
        if let Some(seen) = &device.online {
            // The others are told that it has come, and it knows.
            let itself = device.registered.then(|| device.user.clone());
            let mut seen: BTreeSet<_> = seen.iter().cloned().chain(itself).collect();
            let mut online = self.online();
            if device.unsure {
                seen.remove(&device.user);
                online.remove(&device.user);
            }
            same(&seen, &online, || format!("whom {who} sees online"))?;
        }
        Ok(())
    }

    fn inside(&self, room: &str) -> BTreeSet<String> {
        let devices = self.devices.iter();
        let inside = devices.filter(|one| one.rooms.contains_key(room));
        inside.map(|one| one.user.clone()).collect()
    }

    fn online(&self) -> BTreeSet<String> {
        let online = self.devices.iter().filter(|one| one.registered);
        online.map(|one| one.user.clone()).collect()
    }

    async fn check_room(&self, room: &str) -> Check {
        let services = self.nodes[0].dispatcher.services();
        let members = self.nodes[0].members(&topic(room)).await;
        let found = members.map_err(|error| error.to_string())?;
        let found: BTreeSet<_> = found.into_iter().collect();
        let expected = self.inside(room);
        same(&found, &expected, || format!("members of {room}"))?;
        let (name, nobody) = (RoomName::parse(room).unwrap(), UserId::parse("x").unwrap());
        let found = services.backend.rooms.room(&name, &nobody).await;
        let found = found.map_err(|error| error.to_string())?;
        same(found.is_some(), !expected.is_empty(), || {
            format!("whether {room} exists")
        })?;
        for (n, node) in self.nodes.iter().enumerate() {
            let listeners = node.dispatcher.services().hub.listeners(&topic(room)).len();
            let here = self.devices.iter().filter(|one| one.node == n);
            let here = here.filter(|one| one.rooms.contains_key(room)).count();
            same(listeners, here, || format!("listeners of {room} on {n}"))?;
        }
        Ok(())
    }

    async fn check_user(&self, user: &str) -> Check {
        let theirs = || self.devices.iter().filter(|one| one.user == user);
        let services = self.nodes[0].dispatcher.services();
        let (online, id) = (Topic::Namespace("/"), UserId::parse(user).unwrap());
        let found = services.backend.presence.whereabouts(&online, &id).await;
        let found = found.map_err(|error| error.to_string())?;
        let noted: BTreeSet<_> = found.rooms.iter().map(ToString::to_string).collect();
        let rooms: BTreeSet<_> = theirs().flat_map(|one| one.rooms.keys().cloned()).collect();
        same(&noted, &rooms, || format!("the rooms of {user}"))?;
        let registered = theirs().any(|one| one.registered);
        same(found.member.is_some(), registered, || {
            format!("whether {user} is online")
        })
    }
}

pub(crate) fn topic(room: &str) -> Topic {
    Topic::room(&RoomName::parse(room).unwrap())
}

fn same<T: PartialEq + Debug>(found: T, expected: T, what: impl FnOnce() -> String) -> Check {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{}: {found:?}, not {expected:?}", what())),
    }
}
