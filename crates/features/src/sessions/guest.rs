//! Who a guest is.
//!
//! The `userId` that a guest sends is its own secret, made up by its client. Others see an id
//! derived from it, so that sending somebody's public id makes nobody that somebody.

use std::sync::Arc;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use starling_kernel::{
    error::AppError,
    feature::Services,
    id::{UserId, random},
};
use tokio::sync::OnceCell;

/// Longest accepted key, in bytes.
const KEY: usize = 128;

pub(super) struct Guests {
    services: Arc<Services>,
    /// The same on all nodes; kept by the backend.
    secret: OnceCell<String>,
}

impl Guests {
    pub(super) fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            secret: OnceCell::new(),
        }
    }

    /// The public id for a guest's key.
    pub(super) async fn public_id(&self, key: &str) -> Result<UserId, AppError> {
        if key.is_empty() || key.len() > KEY {
            return Err(AppError::invalid(format!(
                "userId must be 1 to {KEY} bytes"
            )));
        }
        let rooms = &self.services.backend.rooms;
        let candidate = random(32);
        let secret = self
            .secret
            .get_or_try_init(|| rooms.secret("guests", &candidate))
            .await?;
        derive(secret, key)
    }
}

fn derive(secret: &str, key: &str) -> Result<UserId, AppError> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| AppError::unavailable())?;
    mac.update(key.as_bytes());
    let digest = mac.finalize().into_bytes();
    let hex: String = digest[..10]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    UserId::parse(&format!("guest-{hex}"))
}

#[cfg(test)]
mod tests {
    use super::derive;

    #[test]
    fn a_public_id_leads_to_another_id() {
        let public = derive("secret", "mine").unwrap();
        assert_eq!(derive("secret", "mine").unwrap(), public);
        assert_ne!(derive("secret", public.as_str()).unwrap(), public);
        assert_ne!(derive("other", "mine").unwrap(), public);
        assert!(!public.as_str().contains("mine"));
    }
}
