//! JSON Web Tokens: who a client is.
//!
//! The library is trusted with signatures only. Its checks of claims have leeway, skip `nbf`, and
//! pass over an `aud` that is missing, so [`claims`] does them by the contract's letter.

mod claims;
mod keys;

use std::{fmt, time::Duration};

use jsonwebtoken::{Algorithm, EncodingKey, Header, decode_header, encode};
use serde::Serialize;
use starling_kernel::{
    session::{Claims, TokenError, Tokens},
    time::Timestamp,
};

pub(crate) use claims::sane_username;
pub use keys::KeyError;
use {claims::RawClaims, keys::Keys};

/// Longest accepted token, in bytes.
const MAX_TOKEN: usize = 16 * 1024;

/// The key, and with it the only algorithm that is accepted.
#[derive(Clone)]
pub enum KeyConfig {
    /// HS256 with this secret.
    Hs256(String),
    /// RS256 with this public key (PEM).
    Rs256(String),
    /// ES256 with this public key (PEM).
    Es256(String),
    /// EdDSA (Ed25519) with this public key (PEM).
    EdDsa(String),
    /// The text of a JWKS file; each key has the algorithm of its kind: RS256, ES256 or EdDSA.
    Jwks(String),
}

impl fmt::Debug for KeyConfig {
    /// Names the kind only: secrets do not get into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hs256(_) => "Hs256(…)",
            Self::Rs256(_) => "Rs256(…)",
            Self::Es256(_) => "Es256(…)",
            Self::EdDsa(_) => "EdDsa(…)",
            Self::Jwks(_) => "Jwks(…)",
        })
    }
}

/// Which tokens are good.
#[derive(Clone, Debug)]
pub struct JwtConfig {
    /// The key.
    pub key: KeyConfig,
    /// The required `iss`; without it any is accepted.
    pub issuer: Option<String>,
    /// The required `aud`, or one of several in the token; without it any is accepted.
    pub audience: Option<String>,
}

/// Verifies tokens by one configuration.
pub struct Jwt {
    keys: Keys,
    issuer: Option<String>,
    audience: Option<String>,
}

impl Jwt {
    /// Reads the key; fails where it is empty or is not what it is said to be.
    pub fn new(config: JwtConfig) -> Result<Self, KeyError> {
        let JwtConfig {
            key,
            issuer,
            audience,
        } = config;
        Ok(Self {
            keys: Keys::new(&key)?,
            issuer,
            audience,
        })
    }

    /// What the token says at the time `now`.
    fn verify_at(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Invalid);
        }
        let header = decode_header(token).map_err(|_| TokenError::Invalid)?;
        // An extension that we would have to understand, and do not (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(TokenError::Invalid);
        }
        let raw: RawClaims = self.keys.decode(token, &header)?;
        raw.check(self.issuer.as_deref(), self.audience.as_deref(), now)
    }
}

impl Tokens for Jwt {
    fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        self.verify_at(token, Timestamp::local())
    }
}

/// For guest mode without a key: whoever sends a token all the same is told that it is invalid.
pub struct NoTokens;

impl Tokens for NoTokens {
    fn verify(&self, _token: &str) -> Result<Claims, TokenError> {
        Err(TokenError::Invalid)
    }
}

/// What [`gen_token`] puts into a token.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// The user's id.
    pub user: &'a str,
    /// The name shown to others; without it the id is shown.
    pub username: Option<&'a str>,
    /// From now to `exp`.
    pub lifetime: Duration,
    /// Gives the role `admin`.
    pub admin: bool,
    /// Patterns of rooms that the user may join.
    pub rooms: &'a [String],
    /// `iss`.
    pub issuer: Option<&'a str>,
    /// `aud`.
    pub audience: Option<&'a str>,
}

/// A token signed with HS256, for the command line and for tests.
pub fn gen_token(secret: &str, new: &NewToken<'_>) -> Result<String, KeyError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire<'a> {
        user_id: &'a str,
        iat: u64,
        exp: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        username: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<&'a str>,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        rooms: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        iss: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        aud: Option<&'a str>,
    }
    if secret.is_empty() {
        return Err(KeyError::Empty);
    }
    let iat = Timestamp::local().0 / 1000;
    let wire = Wire {
        user_id: new.user,
        iat,
        exp: iat.saturating_add(new.lifetime.as_secs()),
        username: new.username,
        role: new.admin.then_some("admin"),
        rooms: new.rooms,
        iss: new.issuer,
        aud: new.audience,
    };
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(Algorithm::HS256), &wire, &key).map_err(KeyError::Malformed)
}

#[cfg(test)]
mod tests;
