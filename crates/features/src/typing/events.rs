//! Typing in a room. What clients may rely on.

use starling_kernel::{error::Code, event::Event};

pub(super) const TYPING: Event = Event {
    takes: "{roomName}",
    others: "members: `user-typing {roomName, username, userId}`; after 2 s without another one `user-stop-typing`",
    errors: &[Code::RoomNotFound, Code::NotAMember],
    ..Event::named("typing")
};

pub(super) const STOP_TYPING: Event = Event {
    takes: "{roomName}",
    others: "members: `user-stop-typing {roomName, username, userId}`",
    errors: &[Code::RoomNotFound, Code::NotAMember],
    ..Event::named("stop-typing")
};
