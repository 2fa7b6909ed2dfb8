//! The opening handshake (RFC 6455, 4.2).

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use sha1::{Digest, Sha1};

/// What the key is hashed with (RFC 6455, 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The version that we speak.
const VERSION: &str = "13";
/// Bytes of a key, before it was encoded.
const KEY: usize = 16;

/// The answer to the key of a request that asks for a websocket; `None` where it does not, or not as it
/// should.
pub(crate) fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    let key = headers.get(SEC_WEBSOCKET_KEY)?.as_bytes();
    let asks = has_token(headers, &CONNECTION, "upgrade")
        && has_token(headers, &UPGRADE, "websocket")
        && headers.get(SEC_WEBSOCKET_VERSION)? == VERSION
        && BASE64_STANDARD.decode(key).ok()?.len() == KEY;
    if !asks {
        return None;
    }
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    HeaderValue::try_from(BASE64_STANDARD.encode(hash)).ok()
}

/// Whether a list in a header names it, in whatever case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> HeaderMap {
        let headers = [
            (CONNECTION, "keep-alive, Upgrade"),
            (UPGRADE, "WebSocket"),
            (SEC_WEBSOCKET_VERSION, "13"),
            (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        headers.into_iter().collect()
    }

    #[test]
    fn the_example_of_the_rfc_is_answered_as_there() {
        let answer = accept(&request()).unwrap();
        assert_eq!(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_is_no_handshake_is_not_answered() {
        for (name, value) in [
            (CONNECTION, "close"),
            (UPGRADE, "carrier-pigeon"),
            (SEC_WEBSOCKET_VERSION, "8"),
            (SEC_WEBSOCKET_KEY, "short"),
            (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZQ=="),
        ] {
            let mut headers = request();
            headers.insert(&name, HeaderValue::from_static(value));
            assert_eq!(accept(&headers), None, "{name}: {value}");
            headers.remove(&name);
            assert_eq!(accept(&headers), None, "no {name}");
        }
    }
}
