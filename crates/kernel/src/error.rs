//! The closed list of errors that a client can get.

use std::borrow::Cow;

use serde::Serialize;

macro_rules! codes {
    ($($code:ident = $wire:literal,)*) => {
        /// What went wrong, in words for programs. The wire form is snake_case.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum Code {
            $($code,)*
        }

        impl Code {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// The wire form, also the metrics label.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $wire,)*
                }
            }
        }
    };
}

codes! {
    InvalidPayload = "invalid_payload",
    TooLarge = "too_large",
    Full = "full",
    TooManyRooms = "too_many_rooms",
    UnknownEvent = "unknown_event",
    RoomExists = "room_exists",
    RoomNotFound = "room_not_found",
    NotAMember = "not_a_member",
    NotAuthorized = "not_authorized",
    JoinFailed = "join_failed",
    NotJoined = "not_joined",
    SessionNotFound = "session_not_found",
    UserNotFound = "user_not_found",
    PollNotFound = "poll_not_found",
    PollClosed = "poll_closed",
    AlreadyVoted = "already_voted",
    GameNotFound = "game_not_found",
    NotYourTurn = "not_your_turn",
    CellTaken = "cell_taken",
    GameOver = "game_over",
    RateLimited = "rate_limited",
    TokenExpired = "token_expired",
    Unavailable = "unavailable",
    Internal = "internal",
}

impl Code {
    /// Whether the same request may succeed later.
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::Unavailable | Self::JoinFailed
        )
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A failure as a client sees it: `{code, message, retryable}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AppError {
    /// For programs.
    pub code: Code,
    /// For people; where the contract gives a text, exactly that.
    pub message: Cow<'static, str>,
}

impl AppError {
    /// An error with its text.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The payload has a wrong shape.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidPayload, message)
    }

    /// The payload is over a limit.
    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::TooLarge, message)
    }

    /// `Room already exists`.
    pub fn room_exists() -> Self {
        Self::new(Code::RoomExists, "Room already exists")
    }

    /// `Room not found`.
    pub fn room_not_found() -> Self {
        Self::new(Code::RoomNotFound, "Room not found")
    }

    /// `Not a member of this room`.
    pub fn not_a_member() -> Self {
        Self::new(Code::NotAMember, "Not a member of this room")
    }

    /// `Not authorized to join this room`.
    pub fn not_authorized() -> Self {
        Self::new(Code::NotAuthorized, "Not authorized to join this room")
    }

    /// `Failed to join room`.
    pub fn join_failed() -> Self {
        Self::new(Code::JoinFailed, "Failed to join room")
    }

    /// The backend does not answer; whether it was done may be unknown, a retry with `clientId` is
    /// safe.
    pub fn unavailable() -> Self {
        Self::new(Code::Unavailable, "Temporarily unavailable, try again")
    }
}

impl Serialize for AppError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            code: Code,
            message: &'a str,
            retryable: bool,
        }
        Wire {
            code: self.code,
            message: &self.message,
            retryable: self.code.retryable(),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_is_the_contracts() {
        let json = serde_json::to_value(AppError::room_exists()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"code": "room_exists", "message": "Room already exists", "retryable": false})
        );
        assert_eq!(
            serde_json::to_value(Code::NotAMember).unwrap(),
            Code::NotAMember.as_str()
        );
    }
}
