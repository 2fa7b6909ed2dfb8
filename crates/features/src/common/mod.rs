//! What more than one feature needs.

pub(crate) mod member_lists;
pub(crate) mod room_streams;
pub(crate) mod typists;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use starling_kernel::{
    envelope::Envelope,
    error::AppError,
    feature::Command,
    id::{RoomName, UserId},
    limits::Limits,
    pattern::matches,
    ports::{Change, Once, Transition},
    session::{Claims, Identity, Session},
};

/// For events without a payload; one that is sent is ignored.
#[derive(Deserialize)]
#[serde(from = "Value")]
pub(crate) struct Nothing;

impl From<Value> for Nothing {
    fn from(_: Value) -> Self {
        Self
    }
}

impl Command for Nothing {}

/// Somebody in a list or an announcement.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User<'a> {
    pub(crate) user_id: &'a UserId,
    pub(crate) username: &'a str,
}

/// The second argument of a list that may have been cut.
#[derive(Serialize)]
pub(crate) struct Cut {
    pub(crate) total: u64,
    pub(crate) truncated: bool,
}

impl Cut {
    pub(crate) fn new(shown: usize, total: u64) -> Self {
        Self {
            total,
            truncated: (shown as u64) < total,
        }
    }
}

/// 1 to [`Limits::client_id_bytes`] bytes, if there is one.
pub(crate) fn check_client_id(id: Option<&str>, limits: &Limits) -> Result<(), AppError> {
    let most = limits.client_id_bytes;
    match id {
        Some(id) if id.is_empty() || id.len() > most => Err(AppError::invalid(format!(
            "clientId must be 1 to {most} bytes"
        ))),
        _ => Ok(()),
    }
}

/// Whether an id can be one that the server made: only then is anything looked for.
pub(crate) fn is_made_here(id: &str, length: usize) -> bool {
    id.len() == length && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// What makes a repeat of it one.
pub(crate) fn once(sender: &Identity, client_id: Option<String>) -> Option<Once> {
    client_id.map(|client_id| Once {
        user: sender.user.clone(),
        client_id,
    })
}

/// Whoever caused it is not told of it. And nobody is told that they have gone themselves: a connection that
/// is there is on a node which others took for dead, and enters again what it holds; or it is put out, and
/// told so.
pub(crate) fn not_to_oneself(envelope: &mut Envelope, transition: &Transition) {
    envelope.except = transition.conn.clone();
    if transition.kind == Change::Left {
        envelope.except_user = Some(transition.member.user.clone());
    }
}

/// A guest's name is what it says; with a token the payload's is ignored.
pub(crate) fn name_guest(session: &Session, username: Option<&str>) -> Result<(), AppError> {
    let Some(username) = username else {
        return Ok(());
    };
    let mut claims = session.claims();
    if claims.guest {
        check_username(username)?;
        claims.identity.username = username.to_owned();
        session.set_claims(claims);
    }
    Ok(())
}

/// Whether the token lets the user into the room.
pub(crate) fn vouched(session: &Session, room: &RoomName) -> bool {
    session.with_claims(|claims| vouches(claims, room))
}

/// The same of claims at hand.
pub(crate) fn vouches(claims: &Claims, room: &RoomName) -> bool {
    claims.rooms.iter().any(|one| matches(one, room.as_str()))
}

/// 1 to 64 characters, none of them a control character.
fn check_username(username: &str) -> Result<(), AppError> {
    let length = username.chars().count();
    if !(1..=64).contains(&length) || username.chars().any(char::is_control) {
        return Err(AppError::invalid("username must be 1 to 64 characters"));
    }
    Ok(())
}
