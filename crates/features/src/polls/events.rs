//! `/polls`. What clients may rely on.

use starling_kernel::{error::Code, event::Event};

pub(super) const CREATE: Event = Event {
    takes: "{question, options, roomName?, clientId?}",
    limits: "`question`: 300 characters; 2 to 20 `options` of 100; ten at once, then one a second",
    gets: "ack `poll`",
    others: "all, the sender too: `poll-created {id, seq, poll}`",
    errors: &[Code::TooLarge, Code::RoomNotFound, Code::NotAMember],
    ..Event::named("create-poll")
};

pub(super) const VOTE: Event = Event {
    takes: "{pollId, option}",
    limits: "one a user",
    gets: "ack `counts`, `total`",
    others: "all, the sender too: `poll-results {pollId, counts, total}`",
    errors: &[
        Code::PollNotFound,
        Code::NotAMember,
        Code::PollClosed,
        Code::AlreadyVoted,
    ],
    ..Event::named("vote")
};

pub(super) const CLOSE: Event = Event {
    takes: "{pollId}",
    gets: "ack `pollId`",
    others: "all, the sender too: `poll-closed {pollId, counts, total}`",
    errors: &[Code::PollNotFound, Code::NotAMember, Code::NotAuthorized],
    ..Event::named("close-poll")
};

pub(super) const GET: Event = Event {
    takes: "{pollId}",
    gets: "ack `poll`, `counts`, `total`, `voted` (an index, or `null`)",
    errors: &[Code::PollNotFound, Code::NotAMember],
    ..Event::named("get-poll")
};

pub(super) const LIST: Event = Event {
    takes: "{roomName?}",
    limits: "the newest 100",
    cost: 5.0,
    gets: "ack `polls`: for everybody, or of the room, oldest first, without `closed`, which `get-poll` says",
    errors: &[Code::RoomNotFound, Code::NotAMember],
    ..Event::named("list-polls")
};
