//! `room-members`, coalesced: however many come and go, a room's list is sent once an interval.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use serde::Serialize;
use starling_kernel::{
    envelope::Envelope,
    feature::Services,
    id::{RoomName, UserId},
    ports::Members,
    topic::Topic,
};
use tokio::time::sleep;

use crate::common::User;

/// Lists of the rooms that this node has listeners in.
pub(super) struct MemberLists {
    services: Arc<Services>,
    /// Rooms whose list was sent within the last interval, and whether it has changed since.
    recent: Mutex<HashMap<RoomName, bool>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    room_name: &'a RoomName,
    members: Vec<&'a UserId>,
    users: Vec<User<'a>>,
    total: u64,
    truncated: bool,
}

impl MemberLists {
    pub(super) fn new(services: Arc<Services>) -> Arc<Self> {
        Arc::new(Self {
            services,
            recent: Mutex::default(),
        })
    }

    /// Sends the list now, or when the interval since the last one is over.
    pub(super) fn changed(self: &Arc<Self>, room: &RoomName) {
        let mut recent = self.lock();
        if let Some(again) = recent.get_mut(room) {
            *again = true;
            return;
        }
        recent.insert(room.clone(), false);
        tokio::spawn(self.clone().send_while_changing(room.clone()));
    }

    async fn send_while_changing(self: Arc<Self>, room: RoomName) {
        loop {
            self.send(&room).await;
            sleep(self.services.limits.list_interval).await;
            let mut recent = self.lock();
            match recent.get_mut(&room) {
                Some(again) if *again => *again = false,
                _ => {
                    recent.remove(&room);
                    return;
                }
            }
        }
    }

    /// Each node reads the list for its own listeners: what they see is how it is, whatever was
    /// missed on the way.
    async fn send(&self, room: &RoomName) {
        let topic = Topic::room(room);
        let limit = self.services.limits.list_entries;
        let members = match self.services.backend.presence.members(&topic, limit).await {
            Ok(members) => members,
            // The next change, or the relay's return, sends it.
            Err(_) => return,
        };
        self.services
            .hub
            .emit_local(&topic, &envelope(room, &members));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RoomName, bool>> {
        self.recent.lock().expect("no panic while held")
    }
}

fn envelope(room: &RoomName, members: &Members) -> Envelope {
    let list = members.list.iter();
    let users: Vec<_> = list
        .map(|(member, _)| User {
            user_id: &member.user,
            username: &member.username,
        })
        .collect();
    let list = List {
        room_name: room,
        members: users.iter().map(|user| user.user_id).collect(),
        truncated: (users.len() as u64) < members.total,
        users,
        total: members.total,
    };
    Envelope::new("room-members", &list)
}
