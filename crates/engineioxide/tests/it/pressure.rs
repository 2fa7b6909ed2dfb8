//! Whoever takes what clients send is behind: nothing more is read until it is not.

use std::time::Duration;

use engineioxide::{DisconnectReason, Frame};
use http::StatusCode;
use tokio::time::{Instant, sleep};

use crate::support::{Client, Got, Server, begin, settle, until};

const SECOND: Duration = Duration::from_secs(1);
const SEPARATOR: &str = "\u{1e}";

/// A websocket whose server is behind from now on.
async fn paused(server: &Server) -> Client {
    let mut client = server.dial().await;
    client.send("4pause").await;
    settle().await;
    assert_eq!(server.heard(), ["pause"]);
    client
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_one_is_behind_and_then_all_of_it_in_order() {
    let server = Server::new();
    let mut client = paused(&server).await;
    // More than a connection and its buffers hold.
    let sending = async {
        for number in 0..30_000 {
            client.send(&format!("4{number}")).await;
        }
    };
    let sending = begin(sending).await;
    settle().await;
    assert_eq!(server.heard(), ["pause"]);
    let line = server.line();
    line.pause();
    line.resume();
    settle().await;
    assert_eq!(server.heard(), ["pause"], "one of two is behind still");
    line.resume();
    sending.await;
    settle().await;
    let expected: Vec<_> = (0..30_000).map(|number| number.to_string()).collect();
    assert_eq!(server.heard()[1..], expected);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_in_one_piece_waits_behind_the_message_that_was_too_many() {
    let server = Server::new();
    let mut client = server.dial().await;
    let mut bytes = Vec::new();
    for text in ["4a", "4pause", "4b", "4pause", "4c"] {
        bytes.extend([0x81, 0x80 | text.len() as u8, 0, 0, 0, 0]);
        bytes.extend(text.as_bytes());
    }
    client.bytes(&bytes).await;
    settle().await;
    assert_eq!(server.heard(), ["a", "pause"]);
    server.line().resume();
    settle().await;
    assert_eq!(server.heard(), ["a", "pause", "b", "pause"]);
    client.send("4d").await;
    settle().await;
    assert_eq!(server.heard().len(), 4);
    server.line().resume();
    settle().await;
    assert_eq!(server.heard()[4..], ["c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_to_the_client_goes_on() {
    let server = Server::new();
    let mut client = paused(&server).await;
    sleep(SECOND).await;
    let long = "x".repeat(500_000);
    server.line().send(&Frame::text(&long)).unwrap();
    server.line().send(&Frame::text("more")).unwrap();
    assert_eq!(client.text().await.len(), 500_001);
    assert_eq!(client.text().await, "4more");
}

#[tokio::test(start_paused = true)]
async fn a_pong_that_was_not_read_is_waited_for_and_clients_are_pinged_meanwhile() {
    let server = Server::new();
    let mut client = paused(&server).await;
    let begun = Instant::now();
    for ping in 0..10 {
        assert_eq!(client.text().await, "2");
        assert_eq!(begun.elapsed().as_secs(), 25 + 20 * ping);
    }
    client.send("3").await;
    server.line().resume();
    // It is answered, so the next ping comes after an interval.
    assert_eq!(client.text().await, "2");
    assert_eq!(begun.elapsed().as_secs(), 25 + 20 * 9 + 25);
    assert_eq!(server.ended(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_has_a_whole_timeout_once_reading_goes_on() {
    let server = Server::new();
    let mut client = paused(&server).await;
    assert_eq!(client.text().await, "2");
    sleep(19 * SECOND).await;
    server.line().resume();
    let resumed = Instant::now();
    assert_eq!(client.text().await, "2");
    assert_eq!(client.rest().await, []);
    assert_eq!(resumed.elapsed().as_secs(), 21);
    assert_eq!(server.ends(), [DisconnectReason::HeartbeatTimeout]);
}

#[tokio::test(start_paused = true)]
async fn in_version_3_a_ping_that_was_not_read_is_waited_for() {
    let server = Server::new().version_3();
    let mut client = paused(&server).await;
    sleep(100 * SECOND).await;
    assert_eq!(server.ended(), 0);
    client.send("2").await;
    server.line().resume();
    assert_eq!(client.text().await, "3");
    let last = Instant::now();
    assert_eq!(client.rest().await, []);
    assert!((45..100).contains(&last.elapsed().as_secs()));
    assert_eq!(server.ends(), [DisconnectReason::HeartbeatTimeout]);
}

#[tokio::test(start_paused = true)]
async fn it_is_killed_and_closed_as_ever() {
    for (kills, last) in [(true, vec![]), (false, vec![Got::Text("4bye".into())])] {
        let server = Server::new();
        let mut client = paused(&server).await;
        client.send("4unread").await;
        let line = server.line();
        match kills {
            true => line.kill(DisconnectReason::TransportError),
            false => {
                line.send(&Frame::text("bye")).unwrap();
                line.close(DisconnectReason::ClosingServer);
            }
        }
        let begun = Instant::now();
        let rest = client.rest().await;
        assert_eq!(rest[..last.len()], last, "{kills}");
        assert!(begun.elapsed() < 3 * SECOND, "{kills}");
        assert!(client.served().await);
        assert_eq!(server.ended(), 1, "{kills}");
        line.resume();
        settle().await;
        assert_eq!(server.heard(), ["pause"], "{kills}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_is_noticed_once_reading_goes_on_after_what_it_said() {
    let server = Server::new();
    let mut client = paused(&server).await;
    let line = server.line();
    client.send("4last").await;
    drop(client);
    settle().await;
    assert_eq!(server.ended(), 0);
    line.resume();
    settle().await;
    assert_eq!(server.heard(), ["pause", "last"]);
    assert_eq!(server.ended(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_posted_waits_in_the_middle_and_is_answered_when_all_was_taken() {
    for version_3 in [false, true] {
        let (server, body) = match version_3 {
            true => (Server::new().version_3(), "2:4a6:4pause2:4b".to_owned()),
            false => (Server::new(), ["4a", "4pause", "4b"].join(SEPARATOR)),
        };
        let sid = server.open().await;
        let post = begin(server.post(&sid, &body)).await;
        settle().await;
        assert_eq!(server.heard(), ["a", "pause"]);
        server.line().resume();
        assert_eq!(post.await, (StatusCode::OK, "ok".into()));
        assert_eq!(server.heard(), ["a", "pause", "b"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_post_waits_and_polls_go_on() {
    let server = Server::new();
    let sid = server.open().await;
    // It was the last packet: all of the body was taken.
    assert_eq!(server.post(&sid, "4pause").await.0, StatusCode::OK);
    let post = begin(server.post(&sid, "4a")).await;
    server.line().send(&Frame::text("b")).unwrap();
    assert_eq!(server.packets(&sid).await, ["4b"]);
    assert_eq!(server.packets(&sid).await, ["2"]);
    let poll = begin(server.packets(&sid)).await;
    sleep(50 * SECOND).await;
    assert_eq!(server.ended(), 0, "the pong may be behind");
    assert_eq!(server.heard(), ["pause"]);
    assert_eq!(poll.await, ["2", "2"]);
    let _poll = begin(server.packets(&sid)).await;
    server.line().resume();
    assert_eq!(post.await.0, StatusCode::OK);
    assert_eq!(server.heard(), ["pause", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_post_that_waits_ends_with_its_session_and_its_session_with_it() {
    let server = Server::new();
    let sid = server.open().await;
    let body = ["4pause", "4b"].join(SEPARATOR);
    let post = begin(server.post(&sid, &body)).await;
    server.line().kill(DisconnectReason::ClosingServer);
    post.await;
    assert_eq!(server.heard(), ["pause"]);
    // Sessions that end together are told of in any order.
    settle().await;
    assert_eq!(server.ends(), [DisconnectReason::ClosingServer]);

    let sid = server.open().await;
    drop(begin(server.post(&sid, &body)).await);
    settle().await;
    let ends = [
        DisconnectReason::ClosingServer,
        DisconnectReason::TransportError,
    ];
    assert_eq!(server.ends(), ends, "what it brought is lost");
    assert_eq!(server.heard(), ["pause", "pause"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_posted_goes_before_what_comes_by_the_websocket_that_takes_over() {
    let server = Server::new();
    let sid = server.open().await;
    let body = ["4pause", "4b", "4c"].join(SEPARATOR);
    let post = begin(server.post(&sid, &body)).await;
    let mut client = server.probe(&sid).await;
    client.send("5").await;
    client.send("4d").await;
    assert_eq!(post.await.0, StatusCode::OK);
    settle().await;
    assert_eq!(server.heard(), ["pause", "b", "c"]);
    server.line().resume();
    until(|| server.heard().len() == 4).await;
    assert_eq!(server.heard()[3], "d");
}
