//! What clients send, and what they get.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use starling_kernel::{
    error::AppError, feature::Command, id::UserId, limits::Limits, time::Timestamp,
};

use crate::common::check_client_id;

/// `join` takes a name alone, as in the first of all examples, or `{username}`, or nothing.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Join {
    pub(super) username: Option<String>,
}

impl TryFrom<Value> for Join {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let name = match value {
            Value::Object(mut fields) => fields.remove("username").unwrap_or_default(),
            other => other,
        };
        match name {
            Value::Null => Ok(Self { username: None }),
            Value::String(username) => Ok(Self {
                username: Some(username),
            }),
            _ => Err("join takes a name, or {username: string}"),
        }
    }
}

impl Command for Join {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Say {
    pub(super) text: String,
    pub(super) client_id: Option<String>,
}

impl Command for Say {
    fn check(&self, limits: &Limits) -> Result<(), AppError> {
        limits.check_text(&self.text)?;
        check_client_id(self.client_id.as_deref(), limits)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whisper {
    pub(super) recipient_id: String,
    pub(super) text: String,
    pub(super) client_id: Option<String>,
}

impl Command for Whisper {
    fn check(&self, limits: &Limits) -> Result<(), AppError> {
        UserId::parse(&self.recipient_id)?;
        limits.check_text(&self.text)?;
        check_client_id(self.client_id.as_deref(), limits)
    }
}

/// `id` and `seq` are added where its place in the log is known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Said<'a> {
    pub(super) user_id: &'a UserId,
    pub(super) username: &'a str,
    pub(super) text: &'a str,
    pub(super) timestamp: Timestamp,
}

/// As the recipient gets it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Received<'a> {
    pub(super) from: &'a str,
    pub(super) from_id: &'a UserId,
    pub(super) text: &'a str,
    pub(super) timestamp: Timestamp,
}

/// As the sender's own devices get it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sent<'a> {
    pub(super) to: &'a str,
    pub(super) to_id: &'a UserId,
    pub(super) text: &'a str,
    pub(super) timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Comer<'a> {
    pub(super) user_id: &'a UserId,
    pub(super) username: &'a str,
    pub(super) timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed<'a> {
    pub(super) id: &'a UserId,
    pub(super) username: &'a str,
    pub(super) joined_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use starling_kernel::payload::decode;

    use super::*;

    #[test]
    fn join_takes_a_name_in_either_form() {
        let name = |json: &str| decode::<Join>(json).map(|join| join.username);
        assert_eq!(name(r#""Ann""#), Ok(Some("Ann".into())));
        assert_eq!(name(r#"{"username":"Ann"}"#), Ok(Some("Ann".into())));
        for none in ["null", "{}", r#"{"username":null}"#] {
            assert_eq!(name(none), Ok(None), "{none}");
        }
        for bad in ["7", "[]", r#"{"username":7}"#] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
