//! What the page asks before it connects: which ways in there are; and one of them, for development only.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State, rejection::JsonRejection},
    routing::{get, post},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, HOST, ORIGIN},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    EdgeConfig,
    jwt::{NewToken, gen_token},
};

/// A name has to fit, and nothing else.
const MAX_BODY: usize = 1024;
const MAX_NAME: usize = 64;
/// A user id has 128 bytes at most; longer names keep their beginning and get a fingerprint.
const MAX_ID: usize = 100;
/// A day's work.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);

const NO_STORE: [(http::HeaderName, HeaderValue); 1] =
    [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// Lets whoever names themselves in, with a token of their own. For development: never where others
/// can reach the port.
#[derive(Clone)]
pub struct SignIn {
    /// Signs the tokens (HS256).
    pub secret: String,
    /// Their `iss`, where one is required.
    pub issuer: Option<String>,
    /// Their `aud`, where one is required.
    pub audience: Option<String>,
}

impl fmt::Debug for SignIn {
    /// Secrets do not get into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIn(…)")
    }
}

type Answer = (
    StatusCode,
    [(http::HeaderName, HeaderValue); 1],
    Json<Value>,
);

/// `/site.json`, and `/dev/token` where signing in by name is switched on.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(
    config: &EdgeConfig,
    text_chars: usize,
) -> Router<S> {
    let ways = json!({
        "signIn": config.sign_in.is_some(),
        "guest": config.guests,
        "maxText": text_chars,
    });
    let ways = move || async move { (NO_STORE, Json(ways)) };
    let mut router = Router::new().route("/site.json", get(ways));
    if let Some(sign_in) = config.sign_in.clone() {
        let token = post(token)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(sign_in);
        router = router.route("/dev/token", token);
    }
    router
}

#[derive(Deserialize)]
struct Wish {
    name: String,
}

async fn token(
    State(sign_in): State<SignIn>,
    headers: HeaderMap,
    wish: Result<Json<Wish>, JsonRejection>,
) -> Answer {
    if !is_own_page(&headers) {
        let message = "Only the gateway's own page may sign in";
        return refuse(StatusCode::FORBIDDEN, "not_authorized", message);
    }
    let wish = match wish {
        Ok(Json(wish)) => wish,
        Err(rejection) => {
            return refuse(rejection.status(), "invalid_payload", "Send {\"name\": …}");
        }
    };
    let Some(name) = sane(&wish.name) else {
        let message = "A name has 1 to 64 characters, and no control characters";
        return refuse(StatusCode::BAD_REQUEST, "invalid_payload", message);
    };
    give(&sign_in, name)
}

fn give(sign_in: &SignIn, name: &str) -> Answer {
    let user = user_id(name);
    let signed = gen_token(
        &sign_in.secret,
        &NewToken {
            user: &user,
            username: Some(name),
            lifetime: LIFETIME,
            admin: false,
            rooms: &[],
            issuer: sign_in.issuer.as_deref(),
            audience: sign_in.audience.as_deref(),
        },
    );
    match signed {
        Ok(token) => {
            let body = json!({"token": token, "userId": user, "username": name});
            (StatusCode::OK, NO_STORE, Json(body))
        }
        Err(_) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
        ),
    }
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Answer {
    let error = json!({"code": code, "message": message, "retryable": false});
    (status, NO_STORE, Json(json!({"ok": false, "error": error})))
}

/// Browsers say whose page asks; programs say nothing.
fn is_own_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let own = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    matches!((host, own), (Some((_, host)), Some(own)) if host.eq_ignore_ascii_case(own))
}

fn sane(name: &str) -> Option<&str> {
    let name = name.trim();
    let fits = (1..=MAX_NAME).contains(&name.chars().count());
    (fits && !name.chars().any(char::is_control)).then_some(name)
}

/// The same name is the same person, also on another device.
fn user_id(name: &str) -> String {
    let id = name.to_lowercase();
    if id.len() <= MAX_ID {
        return id;
    }
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    let head = &id[..id.floor_char_boundary(MAX_ID)];
    format!("{head}-{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert_eq!(sane("  Ann "), Some("Ann"));
        let longest = "ä".repeat(64);
        assert_eq!(sane(&longest), Some(&*longest));
        for bad in ["", "  ", "a\nb", "a\u{7}", &"a".repeat(65)] {
            assert_eq!(sane(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_id_fits_a_token_and_tells_long_names_apart() {
        assert_eq!(user_id("Ann B"), "ann b");
        let (one, other) = ("語".repeat(64), "語".repeat(63) + "言");
        assert!(user_id(&one).len() <= 128);
        assert_ne!(user_id(&one), user_id(&other));
    }

    #[test]
    fn pages_of_others_are_refused() {
        let headers = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("localhost:3000"));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            headers
        };
        assert!(is_own_page(&headers(None)));
        assert!(is_own_page(&headers(Some("http://localhost:3000"))));
        for origin in ["http://localhost:3001", "https://evil.example", "null"] {
            assert!(!is_own_page(&headers(Some(origin))), "{origin}");
        }
    }
}
