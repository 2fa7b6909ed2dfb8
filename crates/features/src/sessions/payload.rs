//! What clients send, and what they get.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use starling_kernel::{
    error::AppError,
    feature::Command,
    id::{RoomName, UserId},
    limits::Limits,
    ports::{Member, Status},
    time::Timestamp,
};

/// With a token both fields are ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Register {
    pub(super) user_id: Option<String>,
    pub(super) username: Option<String>,
}

impl Command for Register {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Restore {
    pub(super) user_id: Option<String>,
    /// The last `seq` that the client has, by room.
    #[serde(default)]
    pub(super) last_seq: BTreeMap<RoomName, u64>,
}

impl Command for Restore {
    fn check(&self, limits: &Limits) -> Result<(), AppError> {
        if self.last_seq.len() > limits.rooms_per_user {
            let most = limits.rooms_per_user;
            return Err(AppError::invalid(format!("lastSeq may name {most} rooms")));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
pub(super) struct SetStatus {
    pub(super) status: Status,
}

impl Command for SetStatus {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Present<'a> {
    user_id: &'a UserId,
    username: &'a str,
    status: Status,
    last_seen: Timestamp,
}

impl<'a> Present<'a> {
    pub(super) fn new(member: &'a Member, last_seen: Timestamp) -> Self {
        Self {
            user_id: &member.user,
            username: &member.username,
            status: member.status,
            last_seen,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Offline<'a> {
    pub(super) user_id: &'a UserId,
    pub(super) username: &'a str,
    pub(super) last_seen: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Restored<'a> {
    pub(super) user_id: &'a UserId,
    pub(super) username: &'a str,
    pub(super) rooms: Vec<&'a RoomName>,
    pub(super) missed: BTreeMap<&'a RoomName, &'a Vec<Box<RawValue>>>,
    pub(super) recovered: BTreeMap<&'a RoomName, bool>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) failed: &'a [RoomName],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MissedMessages<'a> {
    pub(super) room_name: &'a RoomName,
    pub(super) messages: &'a [Box<RawValue>],
    pub(super) more: bool,
}
