//! What more than one feature needs.

use serde::Serialize;
use starling_kernel::{
    error::AppError,
    id::{RoomName, UserId},
    pattern::matches,
    session::{Claims, Session},
};

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
