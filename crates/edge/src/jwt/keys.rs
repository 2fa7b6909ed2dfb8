//! The keys that signatures are checked with.

use std::collections::HashSet;

use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation, decode, errors,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use starling_kernel::session::TokenError;

use super::{KeyConfig, claims::RawClaims};

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("the key is empty")]
    Empty,
    /// It is not what it is said to be.
    #[error("the key cannot be read: {0}")]
    Malformed(#[source] errors::Error),
    /// The file is no JSON Web Key Set.
    #[error("the JWKS cannot be read: {0}")]
    NotJwks(#[source] serde_json::Error),
    /// The set holds no key for RS256, ES256 or EdDSA.
    #[error("the JWKS holds no key for RS256, ES256 or EdDSA")]
    NoUsableKey,
}

/// One key, and what it may be used with.
struct Key {
    id: Option<String>,
    key: DecodingKey,
    validation: Validation,
}

/// The configured keys. The algorithm belongs to the key: a token cannot choose it.
pub(super) struct Keys(Vec<Key>);

impl Keys {
    pub(super) fn new(config: &KeyConfig) -> Result<Self, KeyError> {
        let (key, algorithm) = match config {
            KeyConfig::Hs256(secret) if secret.is_empty() => return Err(KeyError::Empty),
            KeyConfig::Hs256(secret) => (
                Ok(DecodingKey::from_secret(secret.as_bytes())),
                Algorithm::HS256,
            ),
            KeyConfig::Rs256(pem) => (DecodingKey::from_rsa_pem(pem.as_bytes()), Algorithm::RS256),
            KeyConfig::Es256(pem) => (DecodingKey::from_ec_pem(pem.as_bytes()), Algorithm::ES256),
            KeyConfig::EdDsa(pem) => (DecodingKey::from_ed_pem(pem.as_bytes()), Algorithm::EdDSA),
            KeyConfig::Jwks(text) => return Self::from_jwks(text),
        };
        let key = key.map_err(KeyError::Malformed)?;
        Ok(Self(vec![Key {
            id: None,
            key,
            validation: signature_only(algorithm),
        }]))
    }

    /// Keys of other kinds or for other uses are passed over: a set often holds some.
    fn from_jwks(text: &str) -> Result<Self, KeyError> {
        let set: JwkSet = serde_json::from_str(text).map_err(KeyError::NotJwks)?;
        let mut keys = Vec::new();
        for jwk in &set.keys {
            if let Some(algorithm) = algorithm_of(jwk) {
                let key = DecodingKey::from_jwk(jwk).map_err(KeyError::Malformed)?;
                let validation = signature_only(algorithm);
                keys.push(Key {
                    id: jwk.common.key_id.clone(),
                    key,
                    validation,
                });
            }
        }
        if keys.is_empty() {
            Err(KeyError::NoUsableKey)
        } else {
            Ok(Self(keys))
        }
    }

    /// The claims, if a key that fits the header signed them.
    pub(super) fn decode(&self, token: &str, header: &Header) -> Result<RawClaims, TokenError> {
        self.0
            .iter()
            .filter(|key| key.fits(header))
            .find_map(|key| decode(token, &key.key, &key.validation).ok())
            .map(|data| data.claims)
            .ok_or(TokenError::Invalid)
    }
}

impl Key {
    /// A token or a key without an id fits any.
    fn fits(&self, header: &Header) -> bool {
        self.id.is_none() || header.kid.is_none() || self.id == header.kid
    }
}

/// The algorithm of a key's kind, unless the set says another; secrets have no place in a set.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    if jwk
        .common
        .public_key_use
        .as_ref()
        .is_some_and(|u| *u != PublicKeyUse::Signature)
    {
        return None;
    }
    let (algorithm, said) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(p) if p.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(p) if p.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    jwk.common
        .key_algorithm
        .is_none_or(|alg| alg == said)
        .then_some(algorithm)
}

fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims = HashSet::new();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}
