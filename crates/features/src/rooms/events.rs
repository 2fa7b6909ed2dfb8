//! Rooms. What clients may rely on.

use starling_kernel::{error::Code, event::Event};

pub(super) const CREATE: Event = Event {
    takes: "{roomName, username?, private?}",
    limits: "64 rooms a user",
    gets: "`room-created {roomName}`, `joined-room {roomName}`, `room-members`; ack `roomName`",
    errors: &[Code::RoomExists, Code::TooManyRooms, Code::JoinFailed],
    ..Event::named("create-room")
};

pub(super) const JOIN: Event = Event {
    takes: "{roomName, username?}",
    limits: "64 rooms a user",
    gets: "`room-history {roomName, messages}` (the last 100), `joined-room {roomName}`, `room-members`; ack `roomName`",
    others: "members: `user-joined-room {roomName, userId, username}`, `room-members {roomName, members, users, total, truncated}`",
    errors: &[
        Code::RoomNotFound,
        Code::NotAuthorized,
        Code::TooManyRooms,
        Code::JoinFailed,
    ],
    ..Event::named("join-room")
};

pub(super) const LEAVE: Event = Event {
    takes: "{roomName}",
    others: "members: `user-left-room {roomName, userId, username}`, `room-members`",
    errors: &[Code::RoomNotFound, Code::NotAMember],
    ..Event::named("leave-room")
};

pub(super) const MESSAGE: Event = Event {
    takes: "{roomName, text, clientId?}",
    limits: "`text`: 4,096 characters",
    gets: "ack `id`, `seq`",
    others: "members, the sender too: `room-message {id, seq, roomName, userId, username, text, timestamp}`",
    errors: &[Code::RoomNotFound, Code::NotAMember, Code::TooLarge],
    ..Event::named("room-message")
};

pub(super) const EVENT: Event = Event {
    takes: "{roomName, event, data?}",
    limits: "a packet: 256 KiB",
    others: "members: the named `event` with `data` (`null` if there was none), binary included; not stored",
    errors: &[Code::RoomNotFound, Code::NotAMember, Code::TooLarge],
    ..Event::named("room-event")
};

pub(super) const LIST: Event = Event {
    limits: "200 entries",
    gets: "`room-list [{name, memberCount, createdAt}], {total, truncated}`; ack `total`, `truncated`",
    ..Event::named("list-rooms")
};
