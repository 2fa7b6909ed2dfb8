//! Limits that more than one crate needs to know. Each says what happens at it.

use std::time::Duration;

use crate::error::AppError;

/// Defaults are the contract's.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Characters in a message's text; more is `too_large`.
    pub text_chars: usize,
    /// Bytes of a `clientId`; more is `invalid_payload`.
    pub client_id_bytes: usize,
    /// Rooms that a user may be in, on all connections together; one more is `too_many_rooms`.
    pub rooms_per_user: usize,
    /// Nesting of a JSON payload; deeper is `invalid_payload`.
    pub json_depth: usize,
    /// Binary attachments of an event; more closes the connection (the parser's rule).
    pub attachments: usize,
    /// Bytes of a packet or polling body; more closes the connection or is 413.
    pub packet_bytes: usize,
    /// Events per second and connection, sustained; more is `rate_limited`.
    pub events_per_second: u32,
    /// Events at once and connection.
    pub events_burst: u32,
    /// Events per second and user over all nodes; more is `rate_limited`.
    pub user_events_per_second: u32,
    /// A connection that is being limited for this long is closed.
    pub limited_for: Duration,
    /// Events of one connection that wait for their turn; no more are read of its session meanwhile.
    pub pending_events: usize,
    /// Entries of a list sent to a client; the rest is left out and said (`truncated`).
    pub list_entries: usize,
    /// Shortest time between two member lists of a room, and how old the public rooms in a room list
    /// may be.
    pub list_interval: Duration,
    /// Bytes of member lists that a node sends in a room per second, to all its members together;
    /// the larger the room, the rarer its lists.
    pub list_bytes_per_second: f64,
    /// Members beyond which a room's single comings and goings are not announced any more.
    pub large_room: u64,
    /// Users online beyond which presence is announced to those concerned only, where the scope is
    /// left to the number.
    pub large_namespace: u64,
    /// Messages in `room-history`.
    pub history: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text_chars: 4_096,
            client_id_bytes: 64,
            rooms_per_user: 64,
            json_depth: 32,
            attachments: 10,
            packet_bytes: 256 * 1024,
            events_per_second: 100,
            events_burst: 200,
            user_events_per_second: 400,
            limited_for: Duration::from_secs(10),
            pending_events: 256,
            list_entries: 200,
            list_interval: Duration::from_millis(250),
            list_bytes_per_second: 1_000_000.0,
            large_room: 250,
            large_namespace: 1_000,
            history: 100,
        }
    }
}

impl Limits {
    /// The length of a message's text.
    pub fn check_text(&self, text: &str) -> Result<(), AppError> {
        match text.chars().nth(self.text_chars) {
            Some(_) => Err(AppError::too_large(format!(
                "text may have {} characters",
                self.text_chars
            ))),
            None => Ok(()),
        }
    }
}
