//! `room-members`.

use serde::Serialize;
use starling_kernel::{
    envelope::Envelope,
    id::{RoomName, UserId},
    ports::Members,
    topic::Topic,
};

use crate::common::{User, member_lists::Told};

/// A room's members are told who they are.
pub(super) const ROOM_MEMBERS: Told = Told {
    audience: Topic::clone,
    encode,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    room_name: Option<&'a RoomName>,
    members: Vec<&'a UserId>,
    users: Vec<User<'a>>,
    total: u64,
    truncated: bool,
}

fn encode(room: &Topic, members: &Members) -> Envelope {
    let list = members.list.iter();
    let users: Vec<_> = list
        .map(|(member, _)| User {
            user_id: &member.user,
            username: &member.username,
        })
        .collect();
    let list = List {
        room_name: room.room_name(),
        members: users.iter().map(|user| user.user_id).collect(),
        truncated: (users.len() as u64) < members.total,
        users,
        total: members.total,
    };
    Envelope::new("room-members", &list).to_room(members.created)
}
