//! The demo page and the client bundles, taken in at build time.

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

const MISSING: &str = "This gateway was built without the Socket.IO client bundles, because Node.js \
    was missing: run `npm ci` in web/ and build it again.\n";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Files are asked for again each time, and sent again only when they have changed.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
];

/// Routes for all files.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let complete = BUNDLES.iter().all(|address| find(address).is_some());
    let mut router = Router::new();
    for file in FILES.iter().filter(|file| complete || file.address != "/") {
        router = router.route(file.address, get(move |request| answer(file, request)));
    }
    if !complete {
        router = router.route("/", get(missing));
    }
    for address in BUNDLES.iter().filter(|address| find(address).is_none()) {
        router = router.route(address, get(missing));
    }
    router
}

fn find(address: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.address == address)
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
    response.headers_mut().extend(HEADERS);
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
        Some("map") => "application/json",
        _ => "text/html; charset=utf-8",
    }
}

async fn missing() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, MISSING)
}
