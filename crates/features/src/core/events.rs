//! The first events of every tutorial. What clients may rely on.

use starling_kernel::{error::Code, event::Event};

pub(super) const MESSAGE: Event = Event {
    takes: "{text}",
    limits: "`text` of a user: 4,096 characters",
    gets: "as a guest: `message {text: \"Message received\", data}`",
    others: "with a token, everybody on all nodes, the sender too: `message {userId, username, text, timestamp}`",
    errors: &[Code::TooLarge],
    ..Event::named("message")
};

pub(super) const BROADCAST: Event = Event {
    takes: "data",
    gets: "`message data`",
    others: "everybody on all nodes: `message data`",
    ..Event::named("broadcast")
};

pub(super) const PING: Event = Event {
    gets: "`pong`",
    ..Event::named("ping")
};
