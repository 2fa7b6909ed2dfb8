//! Sessions. What clients may rely on.

use starling_kernel::{error::Code, event::Event};

pub(super) const REGISTER: Event = Event {
    takes: "{userId?, username?}",
    gets: "ack `userId`, `username`",
    others: "`user-online {userId, username}`, if no other connection of the user is there",
    ..Event::named("register")
};

pub(super) const RESTORE: Event = Event {
    takes: "{userId?, lastSeq?: {room: seq}}",
    limits: "64 rooms; 256 KiB in `missed`",
    gets: "`session-restored {userId, username, rooms, missed: {room: [messages]}, recovered: {room: bool}, failed?: [room]}`, then perhaps `missed-messages {roomName, messages, more}`; ack `userId`, `username`, `rooms`, `recovered`, `failed` (perhaps empty)",
    others: "`user-online`",
    errors: &[Code::SessionNotFound],
    ..Event::named("reconnect-session")
};

pub(super) const SET_STATUS: Event = Event {
    takes: "{status: \"online\" or \"away\"}",
    others: "`user-status {userId, username, status, lastSeen}`",
    errors: &[Code::NotJoined],
    ..Event::named("set-status")
};

pub(super) const LIST: Event = Event {
    limits: "200 entries",
    gets: "`presence-list [{userId, username, status, lastSeen}], {total, truncated}`; ack `total`, `truncated`",
    ..Event::named("list-presence")
};

pub(super) const LOGOUT: Event = Event {
    gets: "perhaps its own `user-left-room`, `room-members` and `user-offline`; then all connections of the user are disconnected, for good (`io server disconnect`)",
    others: "`user-offline`, at once, once; in each room `user-left-room`, `room-members`",
    ..Event::named("logout")
};

pub(super) const GONE: Event = Event {
    others: "after the grace of 5 s, once, and only if no connection of the user is left: `user-offline {userId, username, lastSeen}`; in each room `user-left-room`, `room-members`",
    ..Event::named("(disconnect)")
};
