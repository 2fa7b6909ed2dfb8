//! What stands in front of the engine: ids, headers, and which requests get through.

use serde_json::json;

use crate::support::{Client, POLLING, Poller, get, open, open_with, post};

#[tokio::test]
async fn a_polling_client_sees_the_node_in_its_id_and_can_do_everything() {
    let door = open().await;
    let poller = Poller::connect(&door).await;
    assert!(poller.sid.starts_with("gw1-"), "{}", poller.sid);
    assert_eq!(poller.post(&door, r#"421["add",{"n":7}]"#).await.body, "ok");
    poller
        .until(&door, r#"431[{"ok":true,"count":1,"n":7}]"#)
        .await;
}

#[tokio::test]
async fn ids_of_other_nodes_and_unknown_ones_are_answered_in_the_protocols_words() {
    let door = open().await;
    let poller = Poller::dial(&door).await;
    let bare = poller.sid.strip_prefix("gw1-").unwrap();
    for sid in [
        bare,
        &format!("gw2-{bare}"),
        "gw1-AAAAAAAAAAAAAAAA",
        "gw1-",
        "",
    ] {
        let answer = get(&door, &format!("{POLLING}&sid={sid}")).await;
        assert_eq!(answer.status, 400, "{sid}");
        assert_eq!(
            answer.json(),
            json!({"code": 1, "message": "Session ID unknown"}),
            "{sid}"
        );
        assert_eq!(
            post(&door, &format!("{POLLING}&sid={sid}"), "1")
                .await
                .status,
            400
        );
    }
    assert_eq!(poller.post(&door, "40").await.status, 200);
}

#[tokio::test]
async fn handshakes_set_the_cookie_and_everything_names_the_node() {
    let door = open().await;
    let answer = get(&door, POLLING).await;
    let cookie = "starling_node=gw1; Path=/socket.io; HttpOnly; SameSite=Lax";
    assert_eq!(answer.header("set-cookie"), Some(cookie));
    assert_eq!(answer.header("x-starling-node"), Some("gw1"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let missing = get(&door, "/nowhere").await;
    assert_eq!(
        (missing.status, missing.header("x-starling-node")),
        (404, Some("gw1"))
    );
    assert_eq!(missing.json()["error"]["code"], "not_found");
    assert_eq!(missing.header("set-cookie"), None);
}

#[tokio::test]
async fn old_clients_are_let_in_only_when_allowed() {
    const OLD: &str = "/socket.io/?EIO=3&transport=polling";
    let answer = get(&open().await, OLD).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.json(),
        json!({"code": 5, "message": "Unsupported protocol version"})
    );
    let door = open_with(|config, _| config.allow_eio3 = true).await;
    let answer = get(&door, OLD).await;
    let (length, packet) = answer.body.split_once(':').unwrap();
    assert_eq!(length.parse(), Ok(packet.len()));
    assert!(packet.contains(r#""sid":"gw1-"#), "{packet}");
}

#[tokio::test]
async fn a_killed_polling_session_is_unknown_to_its_next_poll() {
    let door = open().await;
    let poller = Poller::connect(&door).await;
    poller.post(&door, r#"42["kill",{}]"#).await;
    door.probe.ends(1).await;
    let mut answer = poller.poll(&door).await;
    if answer.status == 200 {
        answer = poller.poll(&door).await;
    }
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_polling_session_moves_to_a_websocket() {
    let door = open().await;
    let poller = Poller::connect(&door).await;
    let mut client = Client::upgrade(&door, &poller.sid).await;
    assert_eq!(client.ask("add", json!({"n": 1})).await["ok"], true);
    assert_eq!(poller.poll(&door).await.status, 400);
    drop(client);
    door.probe.ends(1).await;
}
