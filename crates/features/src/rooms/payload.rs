//! What clients send, and what they get.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use starling_kernel::{
    error::AppError,
    feature::Command,
    id::{RoomName, UserId},
    limits::Limits,
    ports::Room,
    time::Timestamp,
};

use crate::common::check_client_id;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create {
    pub(super) room_name: RoomName,
    pub(super) username: Option<String>,
    #[serde(default)]
    pub(super) private: bool,
}

impl Command for Create {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Join {
    pub(super) room_name: RoomName,
    pub(super) username: Option<String>,
}

impl Command for Join {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Leave {
    pub(super) room_name: RoomName,
}

impl Command for Leave {
    fn room(&self) -> Option<&RoomName> {
        Some(&self.room_name)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    pub(super) room_name: RoomName,
    pub(super) text: String,
    pub(super) client_id: Option<String>,
}

impl Command for Message {
    fn check(&self, limits: &Limits) -> Result<(), AppError> {
        limits.check_text(&self.text)?;
        check_client_id(self.client_id.as_deref(), limits)
    }

    fn room(&self) -> Option<&RoomName> {
        Some(&self.room_name)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoomEvent {
    pub(super) room_name: RoomName,
    pub(super) event: String,
    pub(super) data: Option<Box<RawValue>>,
}

impl Command for RoomEvent {
    fn check(&self, _: &Limits) -> Result<(), AppError> {
        let fits = (1..=64).contains(&self.event.len())
            && self
                .event
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b":_-".contains(&b));
        if !fits {
            return Err(AppError::invalid("event must match [a-z0-9:_-]{1,64}"));
        }
        if RESERVED.contains(&self.event.as_str()) {
            return Err(AppError::invalid("this event name is reserved"));
        }
        Ok(())
    }

    fn room(&self) -> Option<&RoomName> {
        Some(&self.room_name)
    }
}

/// The names that receivers take for the server's own: the contract's, all namespaces, and
/// Socket.IO's.
const RESERVED: &[&str] = &[
    "admin-notification",
    "all-read",
    "auth",
    "auth-refresh",
    "board-cleared",
    "broadcast",
    "chat-message",
    "clear-board",
    "close-poll",
    "connect",
    "connect_error",
    "connect_timeout",
    "connecting",
    "connection",
    "create-poll",
    "create-room",
    "cursor-move",
    "cursor-remove",
    "disconnect",
    "disconnecting",
    "draw",
    "drawing-state",
    "error",
    "file-chunk",
    "file-progress",
    "file-shared",
    "file-start",
    "find-match",
    "game-over",
    "game-state",
    "get-history",
    "get-notifications",
    "get-poll",
    "history",
    "join",
    "join-room",
    "joined-room",
    "leave-match",
    "leave-room",
    "list-polls",
    "list-presence",
    "list-rooms",
    "logout",
    "mark-all-read",
    "mark-read",
    "match-found",
    "message",
    "messages-batch",
    "missed-messages",
    "metrics",
    "move",
    "notification",
    "notification-read",
    "notifications",
    "opponent-disconnected",
    "opponent-reconnected",
    "ping",
    "poll-closed",
    "poll-created",
    "poll-list",
    "poll-results",
    "pong",
    "presence-list",
    "private-history",
    "private-message",
    "private-message-sent",
    "reconnect",
    "reconnect-session",
    "reconnect_attempt",
    "reconnect_error",
    "reconnect_failed",
    "reconnecting",
    "register",
    "room-created",
    "room-event",
    "room-history",
    "room-list",
    "room-members",
    "room-message",
    "session-restored",
    "set-status",
    "stop-typing",
    "typing",
    "undo",
    "undone",
    "user-joined",
    "user-joined-room",
    "user-left",
    "user-left-room",
    "user-list",
    "user-offline",
    "user-online",
    "user-status",
    "user-stop-typing",
    "user-typing",
    "vote",
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Named<'a> {
    pub(super) room_name: &'a RoomName,
}

/// A stored message; `id` and `seq` are added where its place in the log is known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Said<'a> {
    pub(super) room_name: &'a RoomName,
    pub(super) user_id: &'a UserId,
    pub(super) username: &'a str,
    pub(super) text: &'a str,
    pub(super) timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Comer<'a> {
    pub(super) room_name: &'a RoomName,
    pub(super) user_id: &'a UserId,
    pub(super) username: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed<'a> {
    name: &'a RoomName,
    member_count: u64,
    created_at: Timestamp,
}

impl<'a> From<&'a Room> for Listed<'a> {
    fn from(room: &'a Room) -> Self {
        Self {
            name: &room.name,
            member_count: room.members,
            created_at: room.created.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use starling_kernel::payload::decode;

    use super::*;

    fn event(name: &str) -> Result<(), AppError> {
        let json = serde_json::json!({"roomName": "r", "event": name});
        let event: RoomEvent = serde_json::from_value(json).unwrap();
        event.check(&Limits::default())
    }

    #[test]
    fn a_room_event_cannot_pass_for_one_of_the_servers() {
        assert!(event("image").is_ok());
        for bad in ["", "Image", "a b", &"x".repeat(65)] {
            assert!(event(bad).is_err(), "{bad:?}");
        }
        for reserved in RESERVED {
            assert!(event(reserved).is_err(), "{reserved}");
        }
    }

    #[test]
    fn reserved_names_are_those_that_clients_are_told() {
        let page = include_str!("../../../../docs/EVENTS.md");
        let (_, told) = page.split_once("## Reserved names").unwrap();
        let told: Vec<_> = told.split('`').skip(3).step_by(2).collect();
        assert_eq!(told, RESERVED);
    }

    #[test]
    fn nulls_count_as_absent_and_a_room_may_have_two_names() {
        let create = decode::<Create>(r#"{"roomName":"r","private":null,"username":null}"#);
        assert!(create.is_ok_and(|create| !create.private && create.username.is_none()));
        let both = r#"{"roomId":"x","roomName":"r","username":null,"text":"t","clientId":null,"event":"e","data":null}"#;
        let rooms = [
            decode(both).map(|create: Create| create.room_name),
            decode(both).map(|join: Join| join.room_name),
            decode(both).map(|leave: Leave| leave.room_name),
            decode(both).map(|message: Message| message.room_name),
            decode(both).map(|event: RoomEvent| event.room_name),
        ];
        for room in rooms {
            assert_eq!(room.map(|room| room.to_string()), Ok("r".into()));
        }
        let alone = decode(r#"{"roomId":"r"}"#).map(|create: Create| create.room_name.to_string());
        assert_eq!(alone, Ok("r".into()));
    }

    #[test]
    fn a_message_has_a_bounded_text_and_client_id() {
        let message = |text: &str, id: &str| {
            let json = serde_json::json!({"roomName": "r", "text": text, "clientId": id});
            serde_json::from_value::<Message>(json)
                .unwrap()
                .check(&Limits::default())
        };
        assert!(message(&"é".repeat(4096), &"x".repeat(64)).is_ok());
        assert!(message(&"é".repeat(4097), "x").is_err());
        assert!(message("", &"x".repeat(65)).is_err());
    }
}
