//! Events on their way in and out.

use std::time::Duration;

use serde_json::json;
use starling_kernel::{topic::Topic, workers::Workers};
use tokio::time::timeout;

use crate::support::{Client, Poller, open, open_with, token, until};

const HOUR: Duration = Duration::from_secs(3600);
/// In which nothing is to happen.
const MOMENT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_thousand_events_are_handled_and_answered_in_order() {
    let door = open().await;
    let mut client = Client::connect(&door).await;
    for n in 0..1000 {
        client.send(&format!(r#"42{n}["add",{{"n":{n}}}]"#)).await;
    }
    for n in 0..1000 {
        let answer = client.packet().await.unwrap();
        let count = n + 1;
        assert_eq!(
            answer,
            format!(r#"43{n}[{{"ok":true,"count":{count},"n":{n}}}]"#)
        );
    }
    assert_eq!(
        *door.probe.seen.lock().unwrap(),
        (0..1000).collect::<Vec<u64>>()
    );
}

#[tokio::test]
async fn a_failure_is_acknowledged_or_emitted_and_never_both() {
    let door = open().await;
    let mut client = Client::connect(&door).await;
    let unknown = json!({"code": "unknown_event", "message": "Unknown event", "retryable": false});
    assert_eq!(
        client.ask("nope", json!({})).await,
        json!({"ok": false, "error": unknown})
    );
    client.emit("nope", json!({})).await;
    let emitted = json!({"code": "unknown_event", "message": "Unknown event", "event": "nope"});
    assert_eq!(client.event().await, json!(["error", emitted]));
    // Nothing else came of either.
    assert_eq!(client.ask("add", json!({"n": 1})).await["ok"], true);
}

#[tokio::test]
async fn any_name_that_is_no_event_of_ours_is_unknown_and_the_connection_lives() {
    let door = open().await;
    let mut client = Client::connect(&door).await;
    let long = "x".repeat(10_000);
    let names = [
        "",
        " ",
        "ADD",
        "add ",
        "connect",
        "disconnect",
        "error",
        "newListener",
        "__proto__",
        "a/b,",
        "[",
        "]}",
        "{",
        "1",
        "null",
        "ä",
        "日本語",
        "💥",
        "\u{7f}",
        "\u{2028}",
        "\u{fffd}",
        "*",
        &long,
    ];
    for name in names {
        let refused = client.ask(name, json!({})).await;
        assert_eq!(refused["error"]["code"], "unknown_event", "{name:?}");
        client.send(&format!("42{}", json!([name]))).await;
        let error = json!({"code": "unknown_event", "message": "Unknown event", "event": name});
        assert_eq!(client.event().await, json!(["error", error]));
    }
    assert_eq!(client.ask("add", json!({"n": 1})).await["ok"], true);
}

#[tokio::test]
async fn a_name_that_is_no_string_is_unknown_and_the_connection_lives() {
    let door = open().await;
    let mut client = Client::connect(&door).await;
    let refused = r#"437[{"ok":false,"error":{"code":"unknown_event","message":"Unknown event","retryable":false}}]"#;
    let error = json!({"code": "unknown_event", "message": "Unknown event", "event": ""});
    for event in [
        r#"[1,"x"]"#,
        "[null]",
        r#"[{"a":1}]"#,
        r#"[["add"]]"#,
        "[true]",
    ] {
        client.send(&format!("42{event}")).await;
        assert_eq!(client.event().await, json!(["error", error]), "{event}");
        client.send(&format!("427{event}")).await;
        assert_eq!(client.packet().await.unwrap(), refused, "{event}");
    }
    client.send(r#"451-[{"_placeholder":true,"num":0}]"#).await;
    client.send_binary(&[1]).await;
    assert_eq!(client.event().await, json!(["error", error]));
    assert_eq!(client.ask("add", json!({"n": 1})).await["ok"], true);
}

#[tokio::test]
async fn what_has_no_name_at_all_ends_the_connection() {
    for event in ["[]", "{}", r#""add""#, "1", "null", "[1"] {
        let door = open().await;
        let mut client = Client::connect(&door).await;
        client.send(&format!("42{event}")).await;
        client.ended().await;
    }
}

#[tokio::test]
async fn a_handler_that_panics_answers_internal_and_the_queue_goes_on() {
    let door = open().await;
    let mut client = Client::connect(&door).await;
    assert_eq!(
        client.ask("panic", json!({})).await["error"]["code"],
        "internal"
    );
    client.emit("panic", json!({})).await;
    assert_eq!(client.event().await[1]["code"], "internal");
    assert_eq!(client.ask("add", json!({"n": 1})).await["ok"], true);
}

#[tokio::test]
async fn a_wrong_shape_is_an_error_of_its_event() {
    let door = open().await;
    let mut client = Client::connect(&door).await;
    assert_eq!(
        client.ask("add", json!({})).await["error"]["code"],
        "invalid_payload"
    );
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    client.send(&format!(r#"42["add",{deep}]"#)).await;
    let error = client.event().await;
    assert_eq!(error[1]["code"], "invalid_payload");
    assert_eq!(error[1]["event"], "add");
}

#[tokio::test]
async fn binary_parts_come_in_and_go_out() {
    let door = open().await;
    let mut client = Client::connect(&door).await;
    client
        .send(r#"451-["mirror",{"_placeholder":true,"num":0}]"#)
        .await;
    client.send_binary(&[1, 2, 3]).await;
    let packet = client.packet().await.unwrap();
    assert_eq!(packet, r#"451-["mirror",{"_placeholder":true,"num":0}]"#);
    assert_eq!(client.packet().await.unwrap(), "[1, 2, 3]");
}

#[tokio::test]
async fn more_events_than_may_wait_are_read_later_and_answered_in_order() {
    let door = open_with(|_, limits| limits.pending_events = 10).await;
    let mut client = Client::connect(&door).await;
    client.emit("hold", json!({})).await;
    door.probe.held.notified().await;
    for n in 0..1000 {
        client.send(&format!(r#"42{n}["add",{{"n":{n}}}]"#)).await;
    }
    door.probe.release.notify_one();
    for n in 0..1000 {
        let answer = client.packet().await.unwrap();
        assert!(
            answer.starts_with(&format!(r#"43{n}[{{"ok":true"#)),
            "{n}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_namespace_that_is_behind_keeps_the_whole_session_waiting() {
    let door = open_with(|_, limits| limits.pending_events = 2).await;
    let mut client = Client::connect(&door).await;
    client
        .enter("/admin", json!({"token": token("ann", true, HOUR)}))
        .await;
    for _ in 0..2 {
        let welcome = client.packet().await.unwrap();
        assert!(welcome.contains("welcome"), "{welcome}");
    }
    client.emit("hold", json!({})).await;
    door.probe.held.notified().await;
    client.emit("add", json!({"n": 1})).await;
    client.emit("add", json!({"n": 2})).await;
    client.send(r#"42/admin,7["who",{}]"#).await;
    assert!(timeout(MOMENT, client.packet()).await.is_err());
    door.probe.release.notify_one();
    let answer = client.packet().await.unwrap();
    assert!(answer.starts_with("43/admin,7["), "{answer}");
    assert_eq!(*door.probe.seen.lock().unwrap(), [1, 2]);
}

#[tokio::test]
async fn few_events_that_are_large_are_read_later_too() {
    let door = open_with(|_, limits| limits.packet_bytes = 1_000).await;
    let mut client = Client::connect(&door).await;
    client.emit("hold", json!({})).await;
    door.probe.held.notified().await;
    let text = "x".repeat(900);
    for n in 0..50 {
        client
            .send(&format!(r#"42{n}["add",{{"n":{n},"text":"{text}"}}]"#))
            .await;
    }
    client.send("41").await;
    assert!(timeout(MOMENT, door.probe.ends(1)).await.is_err());
    door.probe.release.notify_one();
    door.probe.ends(1).await;
    assert_eq!(
        *door.probe.seen.lock().unwrap(),
        (0..50).collect::<Vec<u64>>()
    );
}

#[tokio::test]
async fn a_post_with_more_events_than_may_wait_is_answered_when_they_were_taken() {
    let door = open_with(|_, limits| limits.pending_events = 10).await;
    let poller = Poller::connect(&door).await;
    let events = (0..100).map(|n| format!(r#"42["add",{{"n":{n}}}]"#));
    let body: Vec<_> = [r#"42["hold",{}]"#.to_owned()]
        .into_iter()
        .chain(events)
        .collect();
    let body = body.join("\u{1e}");
    let mut post = Box::pin(poller.post(&door, &body));
    assert!(timeout(MOMENT, &mut post).await.is_err());
    door.probe.release.notify_one();
    assert_eq!(post.await.status, 200);
    until(|| door.probe.seen.lock().unwrap().len() == 100).await;
    assert_eq!(
        *door.probe.seen.lock().unwrap(),
        (0..100).collect::<Vec<u64>>()
    );
}

#[tokio::test]
async fn what_a_client_emitted_before_it_went_is_handled() {
    // Off the namespace, off the transport, off the network.
    for last in [Some("41"), Some("1"), None] {
        let door = open().await;
        let mut client = Client::connect(&door).await;
        client.emit("pause", json!({"n": 100})).await;
        for n in 0..20 {
            client.send(&format!(r#"421["add",{{"n":{n}}}]"#)).await;
        }
        if let Some(packet) = last {
            client.send(packet).await;
        }
        drop(client);
        door.probe.ends(1).await;
        let seen = door.probe.seen.lock().unwrap().clone();
        assert_eq!(seen, (0..20).collect::<Vec<u64>>(), "{last:?}");
    }
}

#[tokio::test]
async fn what_a_polling_client_emitted_before_it_went_is_handled() {
    let door = open().await;
    let poller = Poller::connect(&door).await;
    let body = [
        r#"42["pause",{"n":100}]"#,
        r#"42["add",{"n":1}]"#,
        r#"42["add",{"n":2}]"#,
        "41",
        "1",
    ];
    assert_eq!(poller.post(&door, &body.join("\u{1e}")).await.status, 200);
    door.probe.ends(1).await;
    assert_eq!(*door.probe.seen.lock().unwrap(), [1, 2]);
}

#[tokio::test]
async fn what_is_queued_of_a_user_who_logged_out_is_not_handled() {
    let door = open().await;
    let (membership, hub) = (&door.services.membership, &door.services.hub);
    membership.run().await.unwrap();
    let _listening = hub
        .run(vec![Topic::Presence(0)], &Workers::here())
        .await
        .unwrap();
    let mut client = Client::connect(&door).await;
    let session = door.probe.sessions.lock().unwrap()[0].clone();
    membership.register(&session, false).await.unwrap();

    client.emit("hold", json!({})).await;
    client.emit("add", json!({"n": 1})).await;
    door.probe.held.notified().await;
    let user = session.claims().identity.user;
    membership.logout(&user).await.unwrap();
    until(|| session.ended()).await;
    door.probe.release.notify_one();
    client.ended().await;
    door.probe.ends(1).await;
    assert!(door.probe.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_disconnected_client_is_told_and_its_transport_closed_should_it_stay() {
    let door = open().await;
    let mut client = Client::connect(&door).await;
    client.emit("bye", json!({})).await;
    assert_eq!(client.packet().await.unwrap(), "41");
    client.ended().await;
    door.probe.ends(1).await;
}

#[tokio::test]
async fn who_asks_for_batches_gets_messages_together_and_all_before_it_is_sent_away() {
    let door = open().await;
    let mut client = Client::dial(&door).await;
    let answer = client.enter("/", json!({"batch": true})).await;
    assert!(answer.starts_with("40{"), "{answer}");
    let session = door.probe.sessions.lock().unwrap().pop().unwrap();
    assert_eq!(client.event().await, json!(["welcome", 1]));
    assert_eq!(client.event().await, json!(["welcome", 2]));
    for n in 1..=3 {
        session.emit("room-message", &n);
    }
    session.emit("after", &0);
    assert_eq!(client.event().await, json!(["messages-batch", [1]]));
    assert_eq!(client.event().await, json!(["messages-batch", [2, 3]]));
    assert_eq!(client.event().await, json!(["after", 0]));
    session.emit("room-message", &4);
    session.peer.disconnect();
    assert_eq!(client.event().await, json!(["messages-batch", [4]]));
    assert_eq!(client.packet().await.unwrap(), "41");
}
