//! What stands in a token, and when it is good.

use serde::Deserialize;
use serde_json::{Number, Value};
use starling_kernel::{
    id::UserId,
    session::{Claims, Identity, TokenError},
    time::Timestamp,
};

/// Longest name shown to others, in characters.
const MAX_USERNAME: usize = 128;

/// The claims as they stand in the token. A known claim of a wrong type makes it invalid.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawClaims {
    user_id: Option<Id>,
    sub: Option<Id>,
    username: Option<String>,
    name: Option<String>,
    exp: Option<Number>,
    nbf: Option<Number>,
    iss: Option<String>,
    aud: Option<OneOrMore>,
    role: Option<Value>,
    #[serde(default)]
    rooms: Vec<String>,
}

/// Databases like to number their users.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(u64),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl RawClaims {
    /// Checks everything; that a token is past its time is said only of one that was good.
    pub(super) fn check(
        self,
        issuer: Option<&str>,
        audience: Option<&str>,
        now: Timestamp,
    ) -> Result<Claims, TokenError> {
        self.check_addresses(issuer, audience)?;
        let user = self.user()?;
        let expires = self
            .exp
            .as_ref()
            .and_then(millis)
            .ok_or(TokenError::Invalid)?;
        if let Some(nbf) = &self.nbf
            && millis(nbf).is_none_or(|nbf| nbf > now)
        {
            return Err(TokenError::Invalid);
        }
        if expires <= now {
            return Err(TokenError::Expired);
        }
        let username = self.username.as_deref().or(self.name.as_deref());
        let username = username
            .and_then(sane_username)
            .unwrap_or_else(|| user.to_string());
        Ok(Claims {
            identity: Identity { user, username },
            guest: false,
            admin: self.role.is_some_and(|role| role == "admin"),
            rooms: self.rooms,
            expires: Some(expires),
        })
    }

    fn check_addresses(
        &self,
        issuer: Option<&str>,
        audience: Option<&str>,
    ) -> Result<(), TokenError> {
        let from = issuer.is_none_or(|issuer| self.iss.as_deref() == Some(issuer));
        let to = audience.is_none_or(|audience| match &self.aud {
            None => false,
            Some(OneOrMore::One(one)) => one == audience,
            Some(OneOrMore::More(more)) => more.iter().any(|one| one == audience),
        });
        if from && to {
            Ok(())
        } else {
            Err(TokenError::Invalid)
        }
    }

    fn user(&self) -> Result<UserId, TokenError> {
        let text = match self.user_id.as_ref().or(self.sub.as_ref()) {
            Some(Id::Text(text)) => text.clone(),
            Some(Id::Number(number)) => number.to_string(),
            None => return Err(TokenError::Invalid),
        };
        UserId::parse(&text).map_err(|_| TokenError::Invalid)
    }
}

/// A name that can be shown to others: not blank, not endless, no control characters.
pub(crate) fn sane_username(text: &str) -> Option<String> {
    let text = text.trim();
    let sane = !text.is_empty()
        && text.chars().count() <= MAX_USERNAME
        && !text.chars().any(char::is_control);
    sane.then(|| text.to_owned())
}

/// A JSON number of seconds, which may have a fraction (RFC 7519, `NumericDate`).
fn millis(seconds: &Number) -> Option<Timestamp> {
    let seconds = seconds.as_f64().filter(|s| *s >= 0.0)?;
    // A float too large for the integer becomes the largest: a token for ever.
    Some(Timestamp((seconds * 1000.0) as u64))
}
