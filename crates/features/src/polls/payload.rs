//! What clients send, and what they get.

use serde::{Deserialize, Serialize};
use starling_kernel::{
    error::{AppError, Code},
    feature::Command,
    id::{RoomName, UserId},
    limits::Limits,
    time::{Stamp, Timestamp},
};

use crate::common::{check_client_id, is_made_here};

/// Characters of a question.
const QUESTION: usize = 300;

/// How many options there may be, and characters of each.
const OPTIONS: std::ops::RangeInclusive<usize> = 2..=20;
const OPTION: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create {
    pub(super) question: String,
    pub(super) options: Vec<String>,
    pub(super) room_name: Option<RoomName>,
    pub(super) client_id: Option<String>,
}

impl Command for Create {
    fn check(&self, limits: &Limits) -> Result<(), AppError> {
        check_line("question", &self.question, QUESTION)?;
        if !OPTIONS.contains(&self.options.len()) {
            let (least, most) = (OPTIONS.start(), OPTIONS.end());
            return Err(AppError::invalid(format!(
                "options must be {least} to {most}"
            )));
        }
        for option in &self.options {
            check_line("an option", option, OPTION)?;
        }
        check_client_id(self.client_id.as_deref(), limits)
    }

    fn room(&self) -> Option<&RoomName> {
        self.room_name.as_ref()
    }
}

fn check_line(what: &str, text: &str, most: usize) -> Result<(), AppError> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(AppError::invalid(format!(
            "{what} must say something, in one line"
        )));
    }
    if text.chars().nth(most).is_some() {
        return Err(AppError::too_large(format!(
            "{what} may have {most} characters"
        )));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Named {
    pub(super) poll_id: PollId,
}

impl Command for Named {
    fn check(&self, _: &Limits) -> Result<(), AppError> {
        self.poll_id.check()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Vote {
    pub(super) poll_id: PollId,
    pub(super) option: u32,
}

impl Command for Vote {
    fn check(&self, _: &Limits) -> Result<(), AppError> {
        self.poll_id.check()
    }
}

/// `list-polls`: those of a room, or those for everybody.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List {
    pub(super) room_name: Option<RoomName>,
}

impl Command for List {
    fn room(&self) -> Option<&RoomName> {
        self.room_name.as_ref()
    }
}

/// Names a poll; made by the server.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, Hash)]
#[serde(transparent)]
pub(super) struct PollId(String);

/// Characters of an id.
const ID: usize = 20;

impl PollId {
    /// The id of the poll that a user made with this choice of its own.
    pub(super) fn made_by(user: &UserId, client_id: &str) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(format!("{user}\n{client_id}"));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(hex[..ID].to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whatever else a client sends names none, and no key either.
    fn check(&self) -> Result<(), AppError> {
        match is_made_here(&self.0, ID) {
            true => Ok(()),
            false => Err(not_found()),
        }
    }
}

pub(super) fn not_found() -> AppError {
    AppError::new(Code::PollNotFound, "Poll not found")
}

/// What never changes of a poll: as it is stored, and as clients get it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct Poll {
    pub(super) id: PollId,
    pub(super) question: String,
    pub(super) options: Vec<String>,
    pub(super) created_by: UserId,
    pub(super) username: String,
    /// In milliseconds: timestamps are for clients.
    pub(super) created_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) room: Option<InRoom>,
}

/// Whose members alone see it: those of the room that was created then.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub(super) struct InRoom {
    pub(super) name: RoomName,
    pub(super) created: Stamp,
}

/// As clients get it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown<'a> {
    id: &'a PollId,
    question: &'a str,
    options: &'a [String],
    created_by: &'a UserId,
    username: &'a str,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_name: Option<&'a RoomName>,
    closed: bool,
}

impl Poll {
    pub(super) fn shown(&self, closed: bool) -> Shown<'_> {
        Shown {
            id: &self.id,
            question: &self.question,
            options: &self.options,
            created_by: &self.created_by,
            username: &self.username,
            created_at: Timestamp(self.created_at),
            room_name: self.room.as_ref().map(|room| &room.name),
            closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use starling_kernel::payload::decode;

    use super::*;

    fn create(question: &str, options: &[&str]) -> Result<(), Code> {
        let json = serde_json::json!({"question": question, "options": options});
        let create: Create = decode(&json.to_string()).map_err(|error| error.code)?;
        create.check(&Limits::default()).map_err(|error| error.code)
    }

    #[test]
    fn a_poll_has_a_question_and_some_options_in_bounds() {
        assert_eq!(create("Tea?", &["yes", "no"]), Ok(()));
        assert_eq!(create(&"é".repeat(300), &[&"é".repeat(100), "no"]), Ok(()));
        assert_eq!(create("Tea?", &["x"; 20]), Ok(()));
        for (question, options) in [
            ("", vec!["yes", "no"]),
            (" \u{3000}", vec!["yes", "no"]),
            ("a\nb", vec!["yes", "no"]),
            ("Tea?", vec!["yes"]),
            ("Tea?", vec!["x"; 21]),
            ("Tea?", vec!["yes", ""]),
            ("Tea?", vec!["yes", "a\u{7}"]),
        ] {
            assert_eq!(create(question, &options), Err(Code::InvalidPayload));
        }
        let long = "x".repeat(301);
        assert_eq!(create(&long, &["yes", "no"]), Err(Code::TooLarge));
        assert_eq!(create("Tea?", &["yes", &long[..101]]), Err(Code::TooLarge));
    }

    #[test]
    fn an_id_is_one_of_ours() {
        let id = |id: &str| {
            let named: Named = decode(&serde_json::json!({ "pollId": id }).to_string()).unwrap();
            named.check(&Limits::default()).map_err(|error| error.code)
        };
        let made = PollId::made_by(&UserId::trusted("ann"), "c-1");
        assert_eq!(id(made.as_str()), Ok(()));
        assert_ne!(made, PollId::made_by(&UserId::trusted("ann"), "c-2"));
        for bad in ["", "x", "a:b#c@d!e{f}g\nh*i?jk", &"x".repeat(21)] {
            assert_eq!(id(bad), Err(Code::PollNotFound), "{bad:?}");
        }
    }
}
