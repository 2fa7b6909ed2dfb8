//! The end of tokens while their connections are open.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::support::{Client, Door, open, token};

async fn connect_for(door: &Door, lifetime: Duration) -> Client {
    let mut client = Client::dial(door).await;
    let token = token("ann", false, lifetime);
    assert!(
        client
            .enter("/", json!({"token": token}))
            .await
            .starts_with("40{")
    );
    client.event().await;
    client.event().await;
    client
}

#[tokio::test]
async fn a_client_is_told_before_its_token_ends_and_disconnected_then() {
    let door = open().await;
    let mut client = connect_for(&door, Duration::from_secs(2)).await;
    assert_eq!(client.event().await[1]["code"], "token_expired");
    assert_eq!(client.packet().await.unwrap(), "41");
    door.probe.ends(1).await;
}

#[tokio::test]
async fn a_renewed_token_is_as_good_as_a_new_one() {
    let door = open().await;
    let mut client = connect_for(&door, Duration::from_secs(2)).await;
    assert_eq!(client.event().await[1]["code"], "token_expired");
    assert_eq!(
        client.ask("renew", json!({"n": 3_600_000})).await["ok"],
        true
    );
    assert!(
        timeout(Duration::from_millis(2500), client.packet())
            .await
            .is_err()
    );
    assert_eq!(client.ask("add", json!({"n": 1})).await["ok"], true);
}

#[tokio::test]
async fn a_renewed_token_is_held_to_its_own_end_though_the_first_was_good_for_longer() {
    let door = open().await;
    let mut client = connect_for(&door, Duration::from_secs(3600)).await;
    assert_eq!(client.ask("renew", json!({"n": 1000})).await["ok"], true);
    assert_eq!(client.event().await[1]["code"], "token_expired");
    assert_eq!(client.packet().await.unwrap(), "41");
    door.probe.ends(1).await;
}
