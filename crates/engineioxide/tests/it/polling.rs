//! Sessions over polling, at the service itself.

use std::time::Duration;

use bytes::Bytes;
use engineioxide::{DisconnectReason, Frame, SendError};
use http::StatusCode;
use tokio::time::{Instant, sleep};

use crate::support::{Server, begin, settle, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_leaves_while_polling_has_left_once() {
    let server = Server::echo();
    let leaving = (0..200).map(|_| {
        let server = server.clone();
        tokio::spawn(async move {
            let sid = server.open().await;
            let poll = tokio::spawn({
                let (server, sid) = (server.clone(), sid.clone());
                async move { server.poll(&sid).await }
            });
            tokio::task::yield_now().await;
            server.post(&sid, "1").await;
            poll.await.expect("the poll is answered")
        })
    });
    for one in leaving.collect::<Vec<_>>() {
        one.await.expect("no panic");
    }
    until(|| server.ended() == 200).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_and_posted_arrives_in_order() {
    let server = Server::echo();
    let sid = server.open().await;
    for number in 0..10 {
        let body = format!("4{number}\u{1e}4{number}b\u{1e}bAQI=");
        let fine = (StatusCode::OK, "ok".into());
        assert_eq!(server.post(&sid, &body).await, fine);
        let (_, answer) = server.poll(&sid).await;
        assert_eq!(answer, body);
    }
}

#[tokio::test(start_paused = true)]
async fn version_3_has_bodies_of_its_own() {
    let server = Server::echo().version_3();
    let sid = server.open().await;
    server.post(&sid, "3:4\u{e4}b6:b4AQI=").await;
    assert_eq!(server.heard(), ["\u{e4}b", "[1, 2]"]);
    let (_, body) = server.poll(&sid).await;
    assert_eq!(body, "3:4\u{e4}b6:b4AQI=");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_is_answered_when_there_is_something() {
    let server = Server::new();
    let sid = server.open().await;
    let poll = begin(server.packets(&sid)).await;
    server.line().send(&Frame::text("a")).unwrap();
    assert_eq!(poll.await, ["4a"]);
    let begun = Instant::now();
    assert_eq!(server.packets(&sid).await, ["2"]);
    assert_eq!(begun.elapsed().as_secs(), 25);
}

#[tokio::test(start_paused = true)]
async fn what_is_volatile_is_for_a_poll_that_waits() {
    let server = Server::new();
    let sid = server.open().await;
    assert!(!server.line().send_volatile(&Frame::text("dropped")));
    let poll = begin(server.packets(&sid)).await;
    assert!(server.line().send_volatile(&Frame::text("fine")));
    assert_eq!(poll.await, ["4fine"]);
}

#[tokio::test(start_paused = true)]
async fn bodies_are_as_long_as_they_may_be_and_no_longer() {
    let server = Server::with(|config, _| config.max_payload = 100);
    let sid = server.open().await;
    let line = server.line();
    for number in 0..5 {
        let text = format!("{number}{}", "x".repeat(40));
        line.send(&Frame::text(&text)).unwrap();
    }
    let data = Bytes::from(vec![7; 60]);
    line.send(&Frame::message(&["data"], [&data, &data]))
        .unwrap();
    line.send(&Frame::text(&"long".repeat(100))).unwrap();
    let mut bodies = Vec::new();
    while line.waiting() > 0 {
        let packets = server.packets(&sid).await;
        let begins = packets.iter().map(|packet| &packet[..2]);
        bodies.push(begins.collect::<Vec<_>>().join(" "));
    }
    assert_eq!(bodies, ["40 41", "42 43", "44 4d", "bB", "bB", "4l"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_poll_ends_the_session() {
    let server = Server::new();
    let sid = server.open().await;
    let first = begin(server.poll(&sid)).await;
    assert_eq!(server.poll(&sid).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(first.await, (StatusCode::OK, "1".into()));
    settle().await;
    assert_eq!(server.ends(), [DisconnectReason::MultipleHttpPollingError]);
    assert_eq!(server.poll(&sid).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn a_second_post_ends_the_session() {
    let server = Server::new();
    let sid = server.open().await;
    let _first = begin(server.post_without_end(&sid)).await;
    assert_eq!(server.post(&sid, "4a").await.0, StatusCode::BAD_REQUEST);
    settle().await;
    assert_eq!(server.ends(), [DisconnectReason::MultipleHttpPollingError]);
    assert!(server.heard().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_has_to_come_in_time_and_the_next_one_may() {
    let server = Server::with(|config, _| config.ping_interval = 100 * SECOND);
    let sid = server.open().await;
    let _poll = begin(server.poll(&sid)).await;
    let begun = Instant::now();
    let status = server.post_without_end(&sid).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(server.post(&sid, "4a").await.0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_given_up_ends_the_session() {
    let server = Server::new();
    let sid = server.open().await;
    drop(begin(server.poll(&sid)).await);
    settle().await;
    assert_eq!(server.ends(), [DisconnectReason::TransportClose]);
    assert_eq!((server.lines.len(), server.lines.kept()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_is_told_of_the_end() {
    for kill in [true, false] {
        let server = Server::new();
        let sid = server.open().await;
        let poll = begin(server.poll(&sid)).await;
        match kill {
            true => server.line().kill(DisconnectReason::ClosingServer),
            false => server.line().close(DisconnectReason::ClosingServer),
        }
        assert_eq!(poll.await, (StatusCode::OK, "1".into()));
        settle().await;
        assert_eq!(server.ends(), [DisconnectReason::ClosingServer]);
        assert_eq!((server.lines.len(), server.lines.kept()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_of_a_client_that_leaves_is_answered() {
    let server = Server::new();
    let sid = server.open().await;
    let poll = begin(server.poll(&sid)).await;
    let (status, _) = server.post(&sid, "4a\u{1e}1\u{1e}4b").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(poll.await, (StatusCode::OK, "6".into()));
    assert_eq!(server.heard(), ["a"]);
    assert_eq!(server.ends(), [DisconnectReason::TransportClose]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_packet_ends_the_session() {
    for body in ["", "9", "2", "bxy", "4a\u{1e}"] {
        let server = Server::new();
        let sid = server.open().await;
        assert_eq!(server.post(&sid, body).await.0, StatusCode::BAD_REQUEST);
        settle().await;
        assert_eq!(server.ends(), [DisconnectReason::PacketParsingError]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_poll_is_ended_in_time() {
    let server = Server::new();
    let sid = server.open().await;
    server.post(&sid, "4a").await;
    sleep(19 * SECOND).await;
    assert_eq!(server.ended(), 0);
    sleep(2 * SECOND).await;
    assert_eq!(server.ends(), [DisconnectReason::TransportClose]);
    assert_eq!((server.lines.len(), server.lines.kept()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_is_not_answered_ends_the_session() {
    let server = Server::new();
    let sid = server.open().await;
    assert_eq!(server.packets(&sid).await, ["2"]);
    let pinged = Instant::now();
    assert_eq!(server.packets(&sid).await, ["1"]);
    assert_eq!(pinged.elapsed().as_secs(), 20);
    assert_eq!(server.ends(), [DisconnectReason::HeartbeatTimeout]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_says_so_to_who_sends_to_a_polling_client_as_well() {
    let server = Server::with(|config, _| config.max_buffer_size = 10);
    let sid = server.open().await;
    let line = server.line();
    for _ in 0..10 {
        line.send(&Frame::text("a")).unwrap();
    }
    assert_eq!(line.send(&Frame::text("a")), Err(SendError::Full));
    assert_eq!(server.packets(&sid).await.len(), 10);
    assert_eq!(line.send(&Frame::text("a")), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_closed_is_forgotten_after_a_while() {
    let server = Server::new();
    let _sid = server.open().await;
    server.line().send(&Frame::text("a")).unwrap();
    server.line().close(DisconnectReason::ClosingServer);
    sleep(4 * SECOND).await;
    assert_eq!((server.lines.len(), server.lines.kept()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn closing_lets_all_be_fetched_that_waits() {
    let server = Server::with(|config, _| config.max_payload = 100);
    let sid = server.open().await;
    let line = server.line();
    for number in 0..5 {
        let text = format!("{number}{}", "x".repeat(80));
        line.send(&Frame::text(&text)).unwrap();
    }
    line.close(DisconnectReason::ClosingServer);
    settle().await;
    assert_eq!(server.ends(), [DisconnectReason::ClosingServer]);
    for number in 0..5 {
        let packets = server.packets(&sid).await;
        assert_eq!(packets[0][..2], format!("4{number}"));
        assert_eq!(
            packets.get(1).is_some(),
            number == 4,
            "the close comes last"
        );
    }
    drop(line);
    assert_eq!(server.lines.kept(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_poll_is_given_up_at_its_end_is_forgotten() {
    let server = Server::new();
    let sid = server.open().await;
    let poll = begin(server.poll(&sid)).await;
    server.line().close(DisconnectReason::ClosingServer);
    settle().await;
    drop(poll);
    sleep(4 * SECOND).await;
    assert_eq!(server.ends(), [DisconnectReason::ClosingServer]);
    assert_eq!((server.lines.len(), server.lines.kept()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_at_what_is_posted_ends_the_session() {
    let server = Server::new();
    let sid = server.open().await;
    let poll = begin(server.poll(&sid)).await;
    let (posting, to) = (server.clone(), sid.clone());
    let post = tokio::spawn(async move { posting.post(&to, "4panic").await });
    assert!(post.await.is_err());
    assert_eq!(poll.await, (StatusCode::OK, "1".into()));
    assert_eq!(server.ends(), [DisconnectReason::TransportError]);
}
