//! `room-members`, coalesced and paced: however many come and go, a room's list is sent once an
//! interval, and the more rarely the more it costs. The last one always tells how it is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::Serialize;
use starling_kernel::{
    envelope::Envelope,
    feature::Services,
    id::{RoomName, UserId},
    ports::Members,
    session::Session,
    topic::Topic,
};
use tokio::{sync::Semaphore, time::sleep};

use crate::common::User;

/// Lists read at the same time: after a reconnect all rooms want one.
const AT_ONCE: usize = 16;

/// Pause before a list that could not be read is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// Lists of the rooms that this node has listeners in.
pub(super) struct MemberLists {
    services: Arc<Services>,
    /// Rooms whose list was sent of late.
    recent: Mutex<HashMap<RoomName, Recent>>,
    turns: Semaphore,
}

#[derive(Default)]
struct Recent {
    /// It has changed since.
    again: bool,
    /// The list, where the next one may be long in coming: for those who join meanwhile.
    list: Option<Envelope>,
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
            turns: Semaphore::new(AT_ONCE),
        })
    }

    /// Sends the list now, or when the pause since the last one is over.
    pub(super) fn changed(self: &Arc<Self>, room: &RoomName) {
        let mut recent = self.lock();
        if let Some(recent) = recent.get_mut(room) {
            recent.again = true;
            return;
        }
        recent.insert(room.clone(), Recent::default());
        tokio::spawn(self.clone().send_while_changing(room.clone()));
    }

    /// Sends a comer the last list, where the next one may be long in coming.
    pub(super) fn greet(&self, session: &Session, room: &RoomName) {
        let list = self.lock().get(room).and_then(|recent| recent.list.clone());
        let created = session.created(&Topic::room(room));
        if let Some(list) = list.filter(|list| created == Some(list.created)) {
            session.send(&list);
        }
    }

    async fn send_while_changing(self: Arc<Self>, room: RoomName) {
        loop {
            let pause = self.send(&room).await;
            sleep(pause).await;
            let mut recent = self.lock();
            match recent.get_mut(&room) {
                Some(recent) if recent.again => recent.again = false,
                _ => {
                    recent.remove(&room);
                    return;
                }
            }
        }
    }

    /// Each node reads the list for its own listeners: what they see is how it is, whatever was
    /// missed on the way. Returns when the next one may be sent.
    async fn send(&self, room: &RoomName) -> Duration {
        let topic = Topic::room(room);
        let limits = &self.services.limits;
        let members = {
            let _turn = self.turns.acquire().await;
            let presence = &self.services.backend.presence;
            presence.members(&topic, limits.list_entries).await
        };
        let Ok(members) = members else {
            self.again(room);
            return RETRY;
        };
        let list = envelope(room, &members);
        let receivers = self.services.hub.emit_local(&topic, &list);
        let bytes = list.text.len().saturating_mul(receivers);
        let pause = Duration::from_secs(1).mul_f64(bytes as f64 / limits.list_bytes_per_second);
        if pause > limits.list_interval {
            self.keep(room, list);
        }
        pause.max(limits.list_interval)
    }

    fn again(&self, room: &RoomName) {
        if let Some(recent) = self.lock().get_mut(room) {
            recent.again = true;
        }
    }

    fn keep(&self, room: &RoomName, list: Envelope) {
        if let Some(recent) = self.lock().get_mut(room) {
            recent.list = Some(list);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RoomName, Recent>> {
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
    Envelope::new("room-members", &list).to_room(members.created)
}
