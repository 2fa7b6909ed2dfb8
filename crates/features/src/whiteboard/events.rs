//! `/whiteboard`. What clients may rely on.

use starling_kernel::{error::Code, event::Event};

pub(super) const CAME: Event = Event {
    limits: "1 MiB",
    gets: "`drawing-state draws, picture`",
    ..Event::named("(connecting)")
};

pub(super) const DRAW: Event = Event {
    takes: "{x1, y1, x2, y2, color, width?, stroke?, erase?, clientId?}` or `draw {points: [x, y, x, y, …], color, …}",
    limits: "200 a second; 4 to 256 numbers within ±100,000; 20,000 entries a board",
    gets: "ack `id`, `seq`",
    others: "on the board: `draw` with the same fields but `clientId`, and `id`, `seq`, `userId`, `timestamp`",
    errors: &[Code::NotAuthorized, Code::Full, Code::TooLarge],
    cost: 0.5,
    ..Event::named("draw")
};

pub(super) const UNDO: Event = Event {
    takes: "{stroke, clientId?}",
    gets: "ack `id`, `seq`",
    others: "on the board: `undone {id, seq, stroke, userId, timestamp}`",
    errors: &[Code::NotAuthorized, Code::Full],
    ..Event::named("undo")
};

pub(super) const CLEAR: Event = Event {
    takes: "{clientId?}",
    gets: "ack `id`, `seq`",
    others: "all on the board, the sender too: `board-cleared {id, seq, userId, username, timestamp}`",
    errors: &[Code::NotAuthorized],
    ..Event::named("clear-board")
};

pub(super) const POINT: Event = Event {
    takes: "{x, y}",
    limits: "200 a second",
    others: "on the board: `cursor-move {userId, username, x, y}`: the newest, 20 a second at most",
    errors: &[Code::NotAuthorized],
    cost: 0.5,
    ..Event::named("cursor-move")
};

pub(super) const UNPOINT: Event = Event {
    others: "on the board: `cursor-remove {userId}`",
    ..Event::named("cursor-remove")
};

pub(super) const GONE: Event = Event {
    others: "on the board: `cursor-remove {userId}`",
    ..Event::named("(disconnect)")
};
