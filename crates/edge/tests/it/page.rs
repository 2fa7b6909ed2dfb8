//! The page, and the ways in that it is told of.

use serde_json::{Value, json};
use starling_edge::SignIn;

use crate::support::{Answer, Client, Door, SECRET, get, open, open_with, request};

async fn with_sign_in() -> Door {
    open_with(|config, _| {
        config.guests = false;
        config.sign_in = Some(SignIn {
            secret: SECRET.into(),
            issuer: None,
            audience: None,
        });
    })
    .await
}

async fn name(door: &Door, more: &str, body: &str) -> Answer {
    let lines = format!("Content-Type: application/json\r\n{more}");
    request(door, "POST", "/dev/token", &lines, body).await
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn the_page_learns_which_ways_in_there_are() {
    let ways = get(&open().await, "/site.json").await;
    assert_eq!(
        json_of(&ways),
        json!({"signIn": false, "guest": true, "maxText": 4096})
    );
    let ways = get(&with_sign_in().await, "/site.json").await;
    assert_eq!(
        json_of(&ways),
        json!({"signIn": true, "guest": false, "maxText": 4096})
    );
}

#[tokio::test]
async fn without_development_there_is_no_way_in_by_a_name() {
    let door = open().await;
    assert_eq!(name(&door, "", r#"{"name": "Ann"}"#).await.status, 404);
    assert_eq!(get(&door, "/dev/token").await.status, 404);
}

#[tokio::test]
async fn a_name_is_a_way_in_during_development() {
    let door = with_sign_in().await;
    let answer = json_of(&name(&door, "", r#"{"name": " Ann "}"#).await);
    assert_eq!(answer["userId"], "ann");
    assert_eq!(answer["username"], "Ann");
    let mut client = Client::dial(&door).await;
    let entered = client.enter("/", json!({"token": answer["token"]})).await;
    assert!(entered.starts_with("40{"), "{entered}");
}

#[tokio::test]
async fn only_the_own_page_and_sane_names_are_answered() {
    let door = with_sign_in().await;
    let ann = r#"{"name": "Ann"}"#;
    let own = format!("Origin: http://{}\r\n", door.address);
    assert_eq!(name(&door, &own, ann).await.status, 200);
    let other = "Origin: https://evil.example\r\n";
    assert_eq!(name(&door, other, ann).await.status, 403);
    for bad in [r#"{"name": ""}"#, r#"{"name": "a\nb"}"#, "{", "[]"] {
        let status = name(&door, "", bad).await.status;
        assert!((400..=422).contains(&status), "{bad}: {status}");
    }
    let long = format!(r#"{{"name": "{}"}}"#, "a".repeat(5_000));
    assert_eq!(name(&door, "", &long).await.status, 413);
}
