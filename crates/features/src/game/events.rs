//! `/game`. What clients may rely on.

use starling_kernel::{error::Code, event::Event};

pub(super) const FIND_MATCH: Event = Event {
    limits: "one game a user",
    gets: "ack `waiting: true`, or `waiting: false` and `gameId`",
    others: "(a match) both players: `match-found {gameId, symbol, opponent: {userId, username}}`, then `game-state`",
    ..Event::named("find-match")
};

pub(super) const MOVE: Event = Event {
    takes: "{gameId, cell}",
    limits: "`cell`: 0 to 8",
    others: "both players: `game-state {gameId, board, turn, winner, draw}`; after the last move also `game-over {gameId, winner, reason}`",
    errors: &[
        Code::GameNotFound,
        Code::NotYourTurn,
        Code::CellTaken,
        Code::GameOver,
    ],
    ..Event::named("move")
};

pub(super) const LEAVE_MATCH: Event = Event {
    takes: "{gameId?}",
    gets: "gives up the game that is named: `game-over`; without `gameId`, ends the waiting: ack with `gameId` where a game has begun, which goes on",
    others: "(a game) the opponent: `game-over`",
    errors: &[Code::GameNotFound],
    ..Event::named("leave-match")
};

pub(super) const GONE: Event = Event {
    others: "the opponent, when the last device is gone: `opponent-disconnected {grace}`; then `opponent-reconnected`, or after the grace `game-over`",
    ..Event::named("(disconnect)")
};

pub(super) const CAME: Event = Event {
    gets: "a player with a game: `match-found`, `game-state`; if it has ended, `game-over`",
    ..Event::named("(connecting)")
};
