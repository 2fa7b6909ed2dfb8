//! Who wants to enter a namespace.

use serde::Deserialize;
use serde_json::value::RawValue;
use socketioxide_core::Value;
use starling_kernel::{
    id::UserId,
    payload::decode,
    session::{Claims, Handshake, Identity, TokenError},
    topic::Namespace,
};

use super::{
    Door,
    opening::{Opening, cut},
};
use crate::jwt::sane_username;

/// The namespace that needs the role `admin`.
const ADMIN: &str = "/admin";

/// What a client sent along with CONNECT. Whatever is no object holds nothing, and of an object only
/// what is read here has to be sound.
#[derive(Default, Deserialize)]
pub(super) struct Auth {
    token: Option<Box<RawValue>>,
    username: Option<Box<RawValue>>,
    /// Or `roomId`, as everywhere.
    #[serde(rename = "roomName")]
    room: Option<Box<RawValue>>,
    batch: Option<Box<RawValue>>,
    #[serde(rename = "userId")]
    guest: Option<Box<RawValue>>,
}

impl Auth {
    pub(super) fn parse(value: Option<&Value>) -> Self {
        let text = value.and_then(Value::as_str).map_or("", |text| text);
        decode(text).unwrap_or_default()
    }

    /// The token here or, failing that, in the headers of the request that opened the session. An
    /// empty one is none.
    fn token(&self, opening: &Opening) -> Result<Option<String>, TokenError> {
        let here = match &self.token {
            Some(token) => text(token).ok_or(TokenError::Invalid)?,
            None => String::new(),
        };
        let token = if here.is_empty() {
            opening.bearer.as_deref().map(str::to_owned)
        } else {
            Some(here)
        };
        Ok(token.filter(|token| !token.is_empty()))
    }

    /// What it says beside who it is; the room may stand in the query of the request that opened the
    /// session. What is no string counts as it is written, for whoever reads it to refuse.
    pub(super) fn handshake(&self, opening: &Opening) -> Handshake {
        let written = |said: &RawValue| text(said).unwrap_or_else(|| said.get().to_owned());
        let room = self.room.as_deref().map(written);
        let room = room.or_else(|| opening.room.as_deref().map(str::to_owned));
        Handshake {
            room: room.map(|room| cut(room, Handshake::ROOM_BYTES)),
            batch: self.batch.as_deref().map(RawValue::get) == Some("true"),
            guest: (self.guest.as_deref()).map(|guest| cut(written(guest), Handshake::GUEST_BYTES)),
        }
    }

    fn guest(&self) -> Claims {
        let user = UserId::random_guest();
        let wanted = self.username.as_deref().and_then(text);
        let wanted = wanted.as_deref().and_then(sane_username);
        let username = wanted.unwrap_or_else(|| user.to_string());
        Claims {
            identity: Identity { user, username },
            guest: true,
            admin: false,
            rooms: Vec::new(),
            expires: None,
        }
    }
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Who it is, or the text of the `connect_error`.
pub(super) fn identify(
    door: &Door,
    namespace: Namespace,
    auth: &Auth,
    opening: &Opening,
) -> Result<Claims, String> {
    let claims = match auth.token(opening) {
        Ok(Some(token)) => door.tokens.verify(&token),
        Ok(None) if door.config.guests => Ok(auth.guest()),
        Ok(None) => Err(TokenError::Missing),
        Err(error) => Err(error),
    };
    let claims = claims.map_err(|error| error.to_string())?;
    if namespace == ADMIN && !claims.admin {
        return Err("Not authorized".into());
    }
    Ok(claims)
}
