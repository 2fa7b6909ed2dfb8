//! Key pairs, made for each run.

use std::sync::LazyLock;

use ed25519_dalek::SigningKey;
use jsonwebtoken::EncodingKey;
use p256::{SecretKey, elliptic_curve::rand_core::OsRng};
use rsa::{
    RsaPrivateKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding},
};

/// Both halves, as PEM.
struct Pair {
    private: String,
    public: String,
}

impl Pair {
    fn new(private: &impl EncodePrivateKey, public: &impl EncodePublicKey) -> Self {
        let private = private.to_pkcs8_pem(LineEnding::LF).unwrap();
        let public = public.to_public_key_pem(LineEnding::LF).unwrap();
        Self {
            private: private.to_string(),
            public,
        }
    }
}

/// Takes long enough to be made only once.
static RSA: LazyLock<Pair> = LazyLock::new(|| {
    let key = RsaPrivateKey::new(&mut OsRng, 2048).unwrap();
    Pair::new(&key, &key.to_public_key())
});

pub(super) fn rsa() -> (EncodingKey, String) {
    let key = EncodingKey::from_rsa_pem(RSA.private.as_bytes()).unwrap();
    (key, RSA.public.clone())
}

pub(super) fn ec() -> (EncodingKey, String) {
    let key = SecretKey::random(&mut OsRng);
    let pair = Pair::new(&key, &key.public_key());
    let key = EncodingKey::from_ec_pem(pair.private.as_bytes()).unwrap();
    (key, pair.public)
}

pub(super) fn ed() -> (EncodingKey, String) {
    let key = SigningKey::from_bytes(&rand::random());
    let pair = Pair::new(&key, &key.verifying_key());
    let key = EncodingKey::from_ed_pem(pair.private.as_bytes()).unwrap();
    (key, pair.public)
}

/// The `x` of a key set: of the 44 bytes of an Ed25519 public key the first 12, 16 letters, say what
/// it is.
pub(super) fn ed_x(public: &str) -> String {
    let body = public.lines().nth(1).unwrap();
    let x = body[16..].trim_end_matches('=');
    x.replace('+', "-").replace('/', "_")
}
