//! The request for a websocket.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        CONNECTION, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};

use crate::{
    http::query::{self, Ask},
    ws::{extension, handshake},
};

/// Headers by the first byte of their lines. Any other stands for what a request has that is fine.
const NAMES: [(u8, HeaderName, &str); 4] = [
    (b'c', CONNECTION, "Upgrade"),
    (b'u', UPGRADE, "websocket"),
    (b'v', SEC_WEBSOCKET_VERSION, "13"),
    (b'k', SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// Reads each line as a query, as a header, and as an offer of extensions.
pub(super) fn read(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(query) = str::from_utf8(line) {
            asked(query);
        }
        let [kind, value @ ..] = line else { continue };
        let Ok(value) = HeaderValue::from_bytes(value) else {
            continue;
        };
        let name = NAMES.iter().find(|(byte, ..)| byte == kind);
        let name = name.map_or(SEC_WEBSOCKET_EXTENSIONS, |(_, name, _)| name.clone());
        headers.append(name, value);
    }
    for (_, name, fine) in NAMES {
        let fine = HeaderValue::from_static(fine);
        headers.entry(name).or_insert(fine);
    }
    accepted(&headers);
    agreed(&headers);
}

fn asked(query: &str) {
    for method in [Method::GET, Method::POST, Method::OPTIONS] {
        let Ok((_, ask)) = query::parse(&method, query, true) else {
            continue;
        };
        assert!(query.contains("EIO=") && query.contains("transport="));
        match ask {
            Ask::Poll(sid) | Ask::Post(sid) | Ask::Upgrade(sid) => {
                assert!(query.contains(&format!("sid={sid}")) && !sid.contains('&'));
            }
            Ask::OpenPolling | Ask::OpenWebsocket => assert_eq!(method, Method::GET),
        }
    }
}

/// Who is let in has sent a key of 16 bytes, and gets a hash of 20.
fn accepted(headers: &HeaderMap) {
    let Some(answer) = handshake::accept(headers) else {
        return;
    };
    let decoded = |value: &HeaderValue| BASE64_STANDARD.decode(value).map(|bytes| bytes.len());
    assert_eq!(decoded(&answer), Ok(20));
    assert_eq!(decoded(&headers[SEC_WEBSOCKET_KEY]), Ok(16));
    assert_eq!(headers[SEC_WEBSOCKET_VERSION], "13");
}

/// What is answered was offered, and an offer that is declined changes nothing for those after it.
fn agreed(headers: &HeaderMap) {
    let answer = extension::accept(headers);
    let offers: Vec<_> = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().collect();
    let has = |part: &str| {
        let texts = offers.iter().filter_map(|offer| offer.to_str().ok());
        texts.into_iter().any(|text| text.contains(part))
    };
    if let Some(answer) = answer.as_ref().and_then(|answer| answer.to_str().ok()) {
        assert!(answer.starts_with("permessage-deflate") && has("permessage-deflate"));
        assert!(answer.contains("server_no_context_takeover"));
        assert!(!answer.contains("window_bits") || has("server_max_window_bits"));
    }
    let mut more = HeaderMap::new();
    let declined = HeaderValue::from_static("permessage-deflate; server_max_window_bits=8, foo");
    more.append(SEC_WEBSOCKET_EXTENSIONS, declined);
    for offer in offers {
        more.append(SEC_WEBSOCKET_EXTENSIONS, offer.clone());
    }
    assert_eq!(extension::accept(&more), answer);
}
