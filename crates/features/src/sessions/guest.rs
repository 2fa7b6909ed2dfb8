//! Who a guest is.
//!
//! The `userId` that a guest sends is its own secret, made up by its client. Others see an id
//! derived from it, so that sending somebody's public id makes nobody that somebody.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use starling_kernel::{
    error::AppError,
    feature::Services,
    id::{UserId, random},
};

/// Longest accepted key, in bytes.
const KEY: usize = 128;

pub(super) struct Guests {
    services: Arc<Services>,
    /// The same on all nodes; kept by the backend.
    secret: Mutex<Option<String>>,
    /// The backend may have been wiped since it was asked.
    doubt: AtomicBool,
}

impl Guests {
    pub(super) fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            secret: Mutex::default(),
            doubt: AtomicBool::new(false),
        }
    }

    /// The public id for a guest's key.
    pub(super) async fn public_id(&self, key: &str) -> Result<UserId, AppError> {
        if key.is_empty() || key.len() > KEY {
            return Err(AppError::invalid(format!(
                "userId must be 1 to {KEY} bytes"
            )));
        }
        derive(&self.secret().await?, key)
    }

    /// The backend may have lost the secret: puts it back, before another node makes up a new one.
    pub(super) fn restore(self: &Arc<Self>) {
        if self.known().is_none() {
            return;
        }
        self.doubt.store(true, Ordering::Relaxed);
        let guests = self.clone();
        // Where it fails the next guest tries again.
        tokio::spawn(async move { guests.secret().await });
    }

    async fn secret(&self) -> Result<String, AppError> {
        // Cleared first: a doubt that comes while the backend is asked is another one.
        let doubted = self.doubt.swap(false, Ordering::Relaxed);
        let known = self.known();
        if let (Some(secret), false) = (&known, doubted) {
            return Ok(secret.clone());
        }
        let candidate = known.unwrap_or_else(|| random(32));
        let asked = self.services.backend.rooms.secret("guests", &candidate);
        let secret = asked
            .await
            .inspect_err(|_| self.doubt.store(true, Ordering::Relaxed))?;
        *self.lock() = Some(secret.clone());
        Ok(secret)
    }

    fn known(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.secret.lock().expect("no panic while held")
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
