//! The application that the servers under test run: the gateways', or the trivial one of `tests/peers`.

use serde_json::{Value, json};

/// What a server understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum App {
    /// Starling's own events.
    Starling,
    /// `join`, `say`, `echo`: what every peer has.
    Plain,
}

impl App {
    /// The event that takes somebody into a room, and its payload. Starling has another one for
    /// the first member.
    pub fn enter(self, room: &str, user: usize, first: bool) -> (&'static str, Value) {
        match self {
            Self::Starling => {
                let event = if first { "create-room" } else { "join-room" };
                let username = format!("user-{user}");
                (event, json!({"roomName": room, "username": username}))
            }
            Self::Plain => ("join", json!(room)),
        }
    }

    /// Whether members are told of each other.
    pub fn tells_members(self) -> bool {
        self == Self::Starling
    }

    /// The event that is acknowledged and has no other effect, by a member of this room.
    pub fn echo(self, room: &str) -> (&'static str, Value) {
        match self {
            // The room is looked up, and membership; nobody is told, as nobody typed.
            Self::Starling => ("stop-typing", json!({"roomName": room})),
            Self::Plain => ("echo", json!("a few words")),
        }
    }
}
