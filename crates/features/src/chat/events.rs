//! `/chat`. What clients may rely on.

use starling_kernel::{error::Code, event::Event};

pub(super) const JOIN: Event = Event {
    takes: "username` or `join {username?}",
    gets: "`history [messages]` (the last 100), `private-history [messages]` (the last 200), `user-list [{id, username, joinedAt}], {total, truncated}`; ack `userId`, `username`",
    others: "those who joined: `user-joined {userId, username, timestamp}`, `user-list`",
    cost: 10.0,
    ..Event::named("join")
};

pub(super) const MESSAGE: Event = Event {
    takes: "{text, clientId?}",
    limits: "`text`: 4,096 characters",
    gets: "ack `id`, `seq`",
    others: "those who joined, the sender too: `chat-message {id, seq, userId, username, text, timestamp}`",
    errors: &[Code::NotJoined, Code::TooLarge],
    ..Event::named("chat-message")
};

pub(super) const TYPING: Event = Event {
    others: "those who joined: `user-typing {username, userId}`; after 2 s without another one `user-stop-typing`",
    errors: &[Code::NotJoined],
    ..Event::named("typing")
};

pub(super) const STOP_TYPING: Event = Event {
    others: "those who joined: `user-stop-typing {username, userId}`",
    ..Event::named("stop-typing")
};

pub(super) const WHISPER: Event = Event {
    takes: "{recipientId, text, clientId?}",
    limits: "`text`: 4,096 characters",
    gets: "all devices of the sender: `private-message-sent {id, seq, to, toId, text, timestamp}`; ack `id`, `seq` of that",
    others: "all devices of the recipient: `private-message {id, seq, from, fromId, text, timestamp}`",
    errors: &[Code::NotJoined, Code::UserNotFound, Code::TooLarge],
    ..Event::named("private-message")
};

pub(super) const GONE: Event = Event {
    others: "after the grace, once, and only if no connection of the user is left there: `user-left {userId, username, timestamp}`, `user-list`",
    ..Event::named("(disconnect)")
};
