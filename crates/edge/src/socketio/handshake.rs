//! Who wants to enter a namespace.

use http::{HeaderMap, header::AUTHORIZATION};
use serde_json::Value as Json;
use socketioxide_core::Value;
use starling_kernel::{
    id::UserId,
    session::{Claims, Identity, TokenError},
    topic::Namespace,
};

use super::Door;
use crate::jwt::sane_username;

/// The namespace that needs the role `admin`.
const ADMIN: &str = "/admin";

/// What a client sent along with CONNECT. Whatever is no object holds nothing.
pub(super) struct Auth(Json);

impl Auth {
    pub(super) fn parse(value: Option<&Value>) -> Self {
        let text = value.and_then(Value::as_str);
        Self(
            text.and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default(),
        )
    }

    /// The token here or, failing that, in the handshake's headers. An empty one is none.
    fn token<'a>(&'a self, headers: &'a HeaderMap) -> Result<Option<&'a str>, TokenError> {
        let token = match self.0.get("token") {
            Some(Json::String(token)) if !token.is_empty() => return Ok(Some(token)),
            Some(Json::String(_) | Json::Null) | None => bearer(headers),
            Some(_) => return Err(TokenError::Invalid),
        };
        Ok(token.filter(|token| !token.is_empty()))
    }

    fn guest(&self) -> Claims {
        let user = UserId::random_guest();
        let wanted = self
            .0
            .get("username")
            .and_then(Json::as_str)
            .and_then(sane_username);
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

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Who it is, or the text of the `connect_error`.
pub(super) fn identify(
    door: &Door,
    namespace: Namespace,
    auth: &Auth,
    headers: &HeaderMap,
) -> Result<Claims, String> {
    let claims = match auth.token(headers) {
        Ok(Some(token)) => door.tokens.verify(token),
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
