//! The page and the client bundles, taken in at build time.

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};

struct File {
    address: &'static str,
    tag: &'static str,
    content: &'static [u8],
}

const FILES: &[File] = &include!(concat!(env!("OUT_DIR"), "/site.rs"));

/// What the npm package provides, whether it was there at build time or not.
const BUNDLES: [&str; 6] = [
    "/socket.io/socket.io.js",
    "/socket.io/socket.io.js.map",
    "/socket.io/socket.io.min.js",
    "/socket.io/socket.io.min.js.map",
    "/socket.io/socket.io.esm.min.js",
    "/socket.io/socket.io.esm.min.js.map",
];

const MISSING: &str = "This gateway was built without its page and the Socket.IO client bundles: \
    Node.js was missing, or the page could not be built. Install Node.js 20.19 or newer with npm, \
    `touch web/index.html`, and build the gateway again: cargo says what is wrong.\n";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Files are asked for again each time, and sent again only when they have changed.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// Names in this folder have a hash of their content: another content is another file.
const HASHED: &str = "/assets/";
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
];

/// Routes for all files.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut router = Router::new();
    for file in FILES {
        router = router.route(file.address, get(move |request| answer(file, request)));
    }
    for address in ["/"].iter().chain(&BUNDLES) {
        if !FILES.iter().any(|file| file.address == *address) {
            router = router.route(address, get(missing));
        }
    }
    router
}

async fn answer(file: &'static File, request: Request) -> Response {
    let tag = HeaderValue::from_static(file.tag);
    let known = request
        .headers()
        .get_all(IF_NONE_MATCH)
        .iter()
        .any(|known| mentions(known, &tag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, content_type(file.address))], file.content).into_response()
    };
    let cache = if file.address.starts_with(HASHED) {
        KEEP
    } else {
        ASK_AGAIN
    };
    response.headers_mut().extend(HEADERS);
    response.headers_mut().insert(CACHE_CONTROL, cache);
    response.headers_mut().insert(ETAG, tag);
    response
}

/// A balancer that compresses makes strong tags weak (`W/"…"`).
fn mentions(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (known, tag) = (
        known.to_str().unwrap_or_default(),
        tag.to_str().unwrap_or_default(),
    );
    known
        .split(',')
        .any(|one| one.trim().trim_start_matches("W/") == tag)
}

fn content_type(address: &str) -> &'static str {
    match address.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("map") => "application/json",
        _ => "text/html; charset=utf-8",
    }
}

async fn missing() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, MISSING)
}
