//! Tokens for users of the gateways, signed with their secret.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

/// Longer than any run.
const VALID: Duration = Duration::from_secs(3600);

/// Makes tokens.
pub struct Tokens {
    key: EncodingKey,
}

impl Tokens {
    /// Tokens signed with this secret (HS256).
    pub fn new(secret: &str) -> Self {
        Self {
            key: EncodingKey::from_secret(secret.as_bytes()),
        }
    }

    /// What CONNECT carries for this user.
    ///
    /// # Errors
    ///
    /// When it cannot be signed.
    pub fn auth(&self, user: usize) -> Result<String> {
        let until = SystemTime::now().duration_since(UNIX_EPOCH)? + VALID;
        let name = format!("user-{user}");
        let claims = json!({"sub": name, "username": name, "exp": until.as_secs()});
        let token = encode(&Header::default(), &claims, &self.key)?;
        Ok(json!({"token": token}).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts_and_is_another_for_each_user() {
        let tokens = Tokens::new("secret");
        let one = tokens.auth(1).unwrap();
        assert_eq!(one.matches('.').count(), 2);
        assert_ne!(one, tokens.auth(2).unwrap());
    }
}
