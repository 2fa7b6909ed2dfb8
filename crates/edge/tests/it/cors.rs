//! What pages of other origins may do.

use starling_edge::Origins;

use crate::support::{Answer, Client, Door, POLLING, get, open, open_with, request};

const APPS: [&str; 5] = [
    "https://APP.example",
    "http://localhost:5173",
    "capacitor://localhost",
    "tauri://localhost",
    "null",
];

/// A door for pages of [`APPS`] and its own.
async fn listed(credentials: bool) -> Door {
    open_with(|config, _| {
        config.origins = Origins::List(APPS.map(str::to_owned).to_vec());
        config.credentials = credentials;
    })
    .await
}

async fn from(door: &Door, origin: &str) -> Answer {
    request(door, "GET", POLLING, &format!("Origin: {origin}\r\n"), "").await
}

async fn preflight(door: &Door, origin: &str, headers: &str) -> Answer {
    let lines = format!(
        "Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: {headers}\r\n"
    );
    request(door, "OPTIONS", POLLING, &lines, "").await
}

#[tokio::test]
async fn any_page_may_connect_where_all_may() {
    let door = open().await;
    let answer = from(&door, "https://a.example").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn with_credentials_the_page_is_named() {
    let door = open_with(|config, _| config.credentials = true).await;
    let answer = from(&door, "https://a.example").await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://a.example")
    );
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
}

#[tokio::test]
async fn where_there_is_a_list_the_others_are_refused() {
    let door = listed(false).await;
    for origin in [
        "https://app.example",
        "http://localhost:5173",
        "capacitor://localhost",
        "tauri://localhost",
        "null",
    ] {
        let answer = from(&door, origin).await;
        assert_eq!(answer.status, 200, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    }
    for origin in [
        "https://b.example",
        "http://app.example",
        "https://app.example:8443",
        "capacitor://other",
        "file://",
    ] {
        let answer = from(&door, origin).await;
        assert_eq!(answer.status, 403, "{origin}");
        assert_eq!(answer.json()["code"], 4);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(get(&door, POLLING).await.status, 200);
    let own = format!("http://{}", door.address);
    assert_eq!(from(&door, &own).await.status, 200);
}

#[tokio::test]
async fn websockets_are_held_to_the_list_too() {
    let door = listed(false).await;
    Client::dial_with(&door, &[("origin", "tauri://LOCALHOST")]).await;
    let lines = "Origin: tauri://other\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let path = "/socket.io/?EIO=4&transport=websocket";
    assert_eq!(request(&door, "GET", path, lines, "").await.status, 403);
}

#[tokio::test]
async fn a_preflight_allows_whatever_headers_an_allowed_page_asks_for() {
    let door = listed(true).await;
    let wanted = "authorization,content-type,x-tenant,x-request-id";
    let answer = preflight(&door, "https://app.example", wanted).await;
    assert_eq!(answer.status, 200);
    let header = |name| answer.header(name).unwrap_or_default();
    assert_eq!(header("access-control-allow-headers"), wanted);
    assert!(header("access-control-allow-methods").contains("POST"));
    assert_eq!(header("access-control-allow-origin"), "https://app.example");
    assert_eq!(header("access-control-allow-credentials"), "true");
    let refused = preflight(&door, "https://b.example", wanted).await;
    assert_eq!(refused.header("access-control-allow-origin"), None);
}
