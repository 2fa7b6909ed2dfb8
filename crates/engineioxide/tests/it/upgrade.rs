//! Sessions that begin by polling and go on on a websocket.

use std::time::Duration;

use bytes::Bytes;
use engineioxide::{DisconnectReason, Frame, TransportType};
use http::StatusCode;
use tokio::time::{Instant, timeout};

use crate::support::{Client, Got, Server, begin, settle};

const SECOND: Duration = Duration::from_secs(1);

fn send(server: &Server, text: &str) {
    server.line().send(&Frame::text(text)).unwrap();
}

/// A session that polls, and a websocket that was told that it may take over.
async fn probing() -> (Server, String, Client) {
    let server = Server::new();
    let sid = server.open().await;
    let client = server.probe(&sid).await;
    (server, sid, client)
}

#[tokio::test(start_paused = true)]
async fn messages_stay_in_order_before_while_and_after_the_switch() {
    let server = Server::new();
    let sid = server.open().await;
    send(&server, "a");
    let mut client = server.probe(&sid).await;
    send(&server, "b");
    assert_eq!(server.packets(&sid).await, ["4a", "4b"]);
    send(&server, "c");
    server.post(&sid, "4x").await;
    client.send("5").await;
    client.send("4y").await;
    settle().await;
    send(&server, "d");
    for text in ["4c", "4d"] {
        assert_eq!(client.text().await, text);
    }
    assert_eq!(server.heard(), ["x", "y"]);
    assert_eq!(server.line().transport(), TransportType::Websocket);
}

#[tokio::test(start_paused = true)]
async fn a_message_of_which_a_part_was_polled_goes_on_on_the_websocket() {
    let server = Server::with(|config, _| config.max_payload = 20);
    let sid = server.open().await;
    let message = Frame::message(&["text"], [&Bytes::from(vec![7; 30])]);
    server.line().send(&message).unwrap();
    let mut client = server.probe(&sid).await;
    assert_eq!(server.packets(&sid).await, ["4text"]);
    client.send("5").await;
    assert_eq!(client.next().await, Some(Got::Binary(vec![7; 30])));
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_is_ended_for_the_switch_and_the_next_one_too() {
    let server = Server::new();
    let sid = server.open().await;
    let poll = begin(server.packets(&sid)).await;
    let _client = server.probe(&sid).await;
    let begun = Instant::now();
    assert_eq!(poll.await, ["6"]);
    assert_eq!(server.packets(&sid).await, ["6"]);
    assert!(begun.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn after_the_switch_nobody_polls_and_the_session_stays() {
    let (server, sid, mut client) = probing().await;
    let poll = begin(server.poll(&sid)).await;
    client.send("5").await;
    settle().await;
    assert_eq!(poll.await.0, StatusCode::BAD_REQUEST);
    assert_eq!(server.poll(&sid).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(server.post(&sid, "4a").await.0, StatusCode::BAD_REQUEST);
    let mut late = server.websocket(&format!("&sid={sid}"), 64);
    assert_eq!(late.next().await, None);
    send(&server, "b");
    assert_eq!(client.text().await, "4b");
    drop(client);
    settle().await;
    assert_eq!(server.ends(), [DisconnectReason::TransportClose]);
    assert_eq!((server.lines.len(), server.lines.kept()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn pings_go_on_after_the_switch() {
    let server = Server::new();
    let sid = server.open().await;
    assert_eq!(server.packets(&sid).await, ["2"]);
    let mut client = server.probe(&sid).await;
    client.send("5").await;
    client.send("3").await;
    assert_eq!(client.text().await, "2");
    assert_eq!(client.rest().await, []);
    assert_eq!(server.ends(), [DisconnectReason::HeartbeatTimeout]);
}

/// The session goes on as if nobody had tried, and another one may.
async fn polls_still(server: &Server, sid: &str) {
    send(server, "still");
    assert_eq!(server.packets(sid).await, ["4still"]);
    assert_eq!(server.post(sid, "4here").await.0, StatusCode::OK);
    assert_eq!(server.ended(), 0);
    let mut client = server.probe(sid).await;
    client.send("5").await;
    settle().await;
    send(server, "there");
    assert_eq!(client.text().await, "4there");
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_does_not_ask_as_it_should_changes_nothing() {
    let wrong: [&[(u8, &[u8])]; 9] = [
        &[(0x81, b"5")],
        &[(0x81, b"4message")],
        &[(0x81, b"3probe")],
        &[(0x81, b"2")],
        &[(0x82, b"2probe")],
        &[(0x89, b"")],
        &[(0x88, b"")],
        &[(0x83, b"")],
        &[(0x81, b"2probe"), (0x81, b"2probe")],
    ];
    for frames in wrong {
        let server = Server::new();
        let sid = server.open().await;
        let mut client = server.websocket(&format!("&sid={sid}"), 1024);
        for (first, payload) in frames {
            client.frame(*first, payload).await;
        }
        client.rest().await;
        assert!(client.served().await);
        polls_still(&server, &sid).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_goes_changes_nothing() {
    let server = Server::new();
    let sid = server.open().await;
    drop(server.websocket(&format!("&sid={sid}"), 64));
    settle().await;
    drop(server.probe(&sid).await);
    settle().await;
    polls_still(&server, &sid).await;
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_waits_too_long_changes_nothing() {
    for probed in [true, false] {
        let server = Server::with(|_, settings| settings.write_timeout = 100 * SECOND);
        let sid = server.open().await;
        let mut client = match probed {
            true => server.probe(&sid).await,
            false => server.websocket(&format!("&sid={sid}"), 64),
        };
        let begun = Instant::now();
        assert_eq!(client.rest().await, []);
        assert_eq!(begun.elapsed().as_secs(), 10);
        polls_still(&server, &sid).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_websocket_at_a_time_may_try() {
    let (server, sid, mut first) = probing().await;
    let mut second = server.websocket(&format!("&sid={sid}"), 64);
    assert_eq!(second.rest().await, []);
    first.send("5").await;
    settle().await;
    send(&server, "a");
    assert_eq!(first.text().await, "4a");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_killed_meanwhile_takes_the_websocket_with_it() {
    let (server, _, mut client) = probing().await;
    server.line().kill(DisconnectReason::ClosingServer);
    let rest = timeout(SECOND, client.rest()).await;
    assert_eq!(rest.unwrap(), []);
    assert_eq!(server.ends(), [DisconnectReason::ClosingServer]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_closed_meanwhile_ends_where_it_polls() {
    let (server, sid, mut client) = probing().await;
    send(&server, "last");
    server.line().close(DisconnectReason::ClosingServer);
    client.send("5").await;
    assert_eq!(client.rest().await, []);
    assert_eq!(server.packets(&sid).await, ["4last", "1"]);
    assert_eq!(server.ends(), [DisconnectReason::ClosingServer]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_the_session_is_closed_right_after_the_switch_is_sent() {
    let (server, _, mut client) = probing().await;
    send(&server, "a");
    client.send("5").await;
    settle().await;
    send(&server, "b");
    server.line().close(DisconnectReason::ClosingServer);
    let text = |text: &str| Got::Text(text.into());
    let rest = client.rest().await;
    assert_eq!(rest, [text("4a"), text("4b"), Got::Close(None)]);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_given_up_before_the_switch_ends_the_session() {
    let (server, sid, mut client) = probing().await;
    drop(begin(server.poll(&sid)).await);
    client.send("5").await;
    assert_eq!(client.rest().await, []);
    assert_eq!(server.ends(), [DisconnectReason::TransportClose]);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_given_up_after_the_switch_ends_nothing() {
    let (server, sid, mut client) = probing().await;
    let poll = begin(server.poll(&sid)).await;
    client.send("5").await;
    settle().await;
    drop(poll);
    settle().await;
    send(&server, "a");
    assert_eq!(client.text().await, "4a");
    assert_eq!(server.ended(), 0);
}

#[tokio::test(start_paused = true)]
async fn after_the_switch_it_is_the_websocket_that_tells_of_the_end() {
    let (server, sid, mut client) = probing().await;
    let poll = begin(server.poll(&sid)).await;
    client.send("5").await;
    settle().await;
    server.line().kill(DisconnectReason::ClosingServer);
    assert_eq!(poll.await.0, StatusCode::BAD_REQUEST);
    assert_eq!(server.ended(), 0, "a message may be under way there");
    settle().await;
    assert_eq!(server.ends(), [DisconnectReason::ClosingServer]);
}
