//! Sessions on a websocket, over a stream that is simulated.

use std::time::Duration;

use crate::support::{Got, Server, settle};
use engineioxide::{DisconnectReason, Frame, SendError};
use tokio::time::{Instant, advance, sleep};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_first_thing_on_the_wire_is_the_open_packet() {
    let server = Server::new();
    let mut client = server.websocket("", 1024);
    let open = client.text().await;
    assert!(open.starts_with(r#"0{"sid":""#), "{open}");
    assert!(open.contains(r#""upgrades":[]"#), "{open}");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_a_ping_is_ended_when_its_time_is_over() {
    let server = Server::new();
    let mut client = server.dial().await;
    assert_eq!(client.text().await, "2");
    // What else it says is no answer.
    client.send("4hello").await;
    let pinged = Instant::now();
    assert_eq!(client.rest().await, []);
    assert_eq!(pinged.elapsed().as_secs(), 20);
    assert!(client.served().await);
    assert_eq!(server.ends(), [DisconnectReason::HeartbeatTimeout]);
}

#[tokio::test(start_paused = true)]
async fn in_version_3_clients_ping_and_who_does_not_is_ended() {
    let server = Server::new().version_3();
    let mut client = server.dial().await;
    for _ in 0..4 {
        sleep(30 * SECOND).await;
        client.send("2").await;
        assert_eq!(client.text().await, "3");
    }
    let last = Instant::now();
    assert_eq!(client.rest().await, []);
    assert!((45..50).contains(&last.elapsed().as_secs()));
    assert_eq!(server.ends(), [DisconnectReason::HeartbeatTimeout]);
}

#[tokio::test(start_paused = true)]
async fn messages_arrive_in_order_in_both_directions() {
    let server = Server::echo();
    let mut client = server.dial().await;
    for number in 0..100 {
        client.send(&format!("4{number}")).await;
        client.send_binary(&[number]).await;
    }
    for number in 0..100 {
        assert_eq!(client.text().await, format!("4{number}"));
        assert_eq!(client.next().await, Some(Got::Binary(vec![number])));
    }
}

#[tokio::test(start_paused = true)]
async fn in_version_3_binary_messages_have_their_type_before_them() {
    let server = Server::echo().version_3();
    let mut client = server.dial().await;
    client.send_binary(&[4, 1, 2]).await;
    assert_eq!(client.next().await, Some(Got::Binary(vec![4, 1, 2])));
    assert_eq!(server.heard(), ["[1, 2]"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_gathered_arrives_in_order_and_together() {
    let server = Server::new();
    let mut client = server.dial().await;
    settle().await;
    advance(SECOND).await;
    let line = server.line();
    for number in 0..10 {
        line.send(&Frame::text(&number.to_string())).unwrap();
    }
    settle().await;
    assert_eq!(client.text().await, "40", "the first one at once");
    assert_eq!(client.parse(), None);
    let begun = Instant::now();
    assert_eq!(client.text().await, "41");
    assert!(begun.elapsed() <= Duration::from_millis(5));
    for number in 2..10 {
        assert_eq!(client.parse(), Some(Got::Text(format!("4{number}"))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_says_so_and_takes_more_when_it_was_read() {
    let server = Server::with(|_, settings| settings.max_waiting = 100_000);
    let mut client = server.websocket("", 1024);
    client.text().await;
    let (line, frame) = (server.line(), Frame::text(&"x".repeat(10_000)));
    let mut sent = 0;
    while line.send(&frame).is_ok() {
        sent += 1;
        settle().await;
        advance(SECOND / 10).await;
    }
    assert_eq!(line.send(&frame), Err(SendError::Full));
    assert!(server.socket().reserve().is_err());
    assert!((10..30).contains(&sent), "{sent}");
    for _ in 0..sent {
        assert_eq!(client.text().await.len(), 10_001);
    }
    settle().await;
    assert_eq!(line.send(&frame), Ok(()));
    assert_eq!(client.text().await.len(), 10_001);
    assert_eq!(server.ended(), 0);
}

#[tokio::test(start_paused = true)]
async fn packets_that_wait_are_counted_too() {
    let server = Server::with(|config, _| config.max_buffer_size = 5);
    let _client = server.websocket("", 16);
    settle().await;
    let line = server.line();
    let frame = Frame::text(&"x".repeat(70_000));
    let mut taken = 0;
    while line.send(&frame).is_ok() {
        taken += 1;
    }
    assert!((5..8).contains(&taken), "{taken}");
}

#[tokio::test(start_paused = true)]
async fn what_is_volatile_is_dropped_where_it_would_wait_for_the_client() {
    let server = Server::new();
    let mut client = server.websocket("", 1024);
    client.text().await;
    let line = server.line();
    assert!(line.send_volatile(&Frame::text("fine")));
    line.send(&Frame::text(&"x".repeat(200_000))).unwrap();
    settle().await;
    advance(SECOND).await;
    settle().await;
    let waiting = line.waiting();
    assert!(!line.send_volatile(&Frame::text("dropped")));
    assert_eq!(line.waiting(), waiting);
    assert_eq!(client.text().await, "4fine");
    assert_eq!(client.text().await.len(), 200_001);
    settle().await;
    assert!(line.send_volatile(&Frame::text("again")));
    assert_eq!(client.text().await, "4again");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_ended_in_time() {
    let server = Server::new();
    let mut client = server.websocket("", 1024);
    client.text().await;
    server
        .line()
        .send(&Frame::text(&"x".repeat(500_000)))
        .unwrap();
    let begun = Instant::now();
    server.socket().closed().await;
    assert!(begun.elapsed() <= 20 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(server.ends(), [DisconnectReason::TransportError]);
    assert_eq!(server.counts.slow(), 1);
    assert!(client.served().await);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_little_now_and_then_is_ended_as_well() {
    let server = Server::new();
    let mut client = server.websocket("", 1024);
    client.text().await;
    server
        .line()
        .send(&Frame::text(&"x".repeat(900_000)))
        .unwrap();
    let begun = Instant::now();
    while server.ended() == 0 {
        client.take(100).await;
        sleep(SECOND / 10).await;
    }
    assert!(begun.elapsed() <= 30 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(server.ends(), [DisconnectReason::TransportError]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_but_enough_stays() {
    let server = Server::with(|config, _| config.ping_interval = 1000 * SECOND);
    let mut client = server.websocket("", 64 * 1024);
    client.text().await;
    server
        .line()
        .send(&Frame::text(&"x".repeat(900_000)))
        .unwrap();
    for _ in 0..50 {
        client.take(16 * 1024).await;
        sleep(SECOND).await;
    }
    assert_eq!(server.ended(), 0);
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_a_client_that_does_not_read() {
    let server = Server::new();
    let mut client = server.websocket("", 256);
    let line = server.socket_after(&mut client).await;
    line.send(&Frame::text(&"x".repeat(50_000))).unwrap();
    let begun = Instant::now();
    line.close(DisconnectReason::ClosingServer);
    settle().await;
    assert_eq!(
        server.ends(),
        [DisconnectReason::ClosingServer],
        "told at once"
    );
    assert!(client.served().await);
    assert!(begun.elapsed() <= 4 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn killing_ends_a_session_at_once_whatever_waits() {
    let server = Server::new();
    let mut client = server.websocket("", 256);
    let line = server.socket_after(&mut client).await;
    line.send(&Frame::text(&"x".repeat(50_000))).unwrap();
    let begun = Instant::now();
    line.kill(DisconnectReason::TransportError);
    line.close(DisconnectReason::ClosingServer);
    assert!(client.served().await);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(server.ends(), [DisconnectReason::TransportError]);
    assert!(server.lines.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_gone_ends_its_session() {
    let server = Server::new();
    drop(server.dial().await);
    settle().await;
    assert_eq!(server.ends(), [DisconnectReason::TransportClose]);
    assert!(server.lines.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_heard_after_the_end() {
    let server = Server::new();
    let mut client = server.dial().await;
    client.send("4before").await;
    settle().await;
    server.line().close(DisconnectReason::ClosingServer);
    client.send("4after").await;
    client.rest().await;
    assert_eq!(server.heard(), ["before"]);
}

#[tokio::test(start_paused = true)]
async fn pings_of_the_websocket_are_answered() {
    let server = Server::new();
    let mut client = server.dial().await;
    client.frame(0x89, b"abc").await;
    assert_eq!(client.next().await, Some(Got::Pong(b"abc".to_vec())));
}

#[tokio::test(start_paused = true)]
async fn a_ping_comes_after_an_interval_and_an_answer_brings_the_next_after_another() {
    // The answer may take longer than the interval, as by default in the gateway.
    let server = Server::with(|config, _| config.ping_timeout = 60 * SECOND);
    let mut client = server.dial().await;
    let begun = Instant::now();
    for beat in 1..4 {
        assert_eq!(client.text().await, "2");
        assert_eq!(begun.elapsed().as_secs(), beat * 25);
        client.send("3").await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_another_is_waited_for_is_pinged_in_time() {
    let server = Server::with(|config, _| config.ping_timeout = 60 * SECOND);
    let mut silent = server.dial().await;
    assert_eq!(silent.text().await, "2");
    sleep(SECOND).await;
    let mut other = server.dial().await;
    let begun = Instant::now();
    assert_eq!(other.text().await, "2");
    assert_eq!(begun.elapsed().as_secs(), 25);
}
fn texts(got: &[Got]) -> usize {
    let is_text = |one: &&Got| matches!(one, Got::Text(_));
    got.iter().filter(is_text).count()
}

#[tokio::test(start_paused = true)]
async fn closing_sends_what_waits_first() {
    let server = Server::new();
    let mut client = server.websocket("", 256);
    let line = server.socket_after(&mut client).await;
    for _ in 0..5 {
        line.send(&Frame::text(&"x".repeat(50_000))).unwrap();
    }
    line.close(DisconnectReason::ClosingServer);
    assert_eq!(line.send(&Frame::text("late")), Err(SendError::Closed));
    let rest = client.rest().await;
    assert_eq!(texts(&rest), 5);
    assert_eq!(rest.last(), Some(&Got::Close(None)));
    assert_eq!(server.ends(), [DisconnectReason::ClosingServer]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_ends_its_session_once() {
    let server = Server::new();
    let mut client = server.dial().await;
    let mut other = server.dial().await;
    client.send("4panic").await;
    assert!(!client.served().await);
    assert_eq!(client.rest().await, []);
    assert_eq!(server.ends(), [DisconnectReason::TransportError]);
    assert_eq!(server.lines.len(), 1);
    other.send("4fine").await;
    settle().await;
    assert_eq!(server.heard(), ["fine"]);
}

#[tokio::test(start_paused = true)]
async fn the_handler_is_told_why_a_session_ended() {
    let cases: [(u8, &[u8], DisconnectReason, &[Got]); 6] = [
        (0x81, b"1", DisconnectReason::TransportClose, &[]),
        (0x81, b"9", DisconnectReason::PacketParsingError, &[]),
        (0x81, b"2", DisconnectReason::PacketParsingError, &[]),
        (
            0x83,
            b"",
            DisconnectReason::PacketParsingError,
            &[Got::Close(Some(1002))],
        ),
        (
            0x88,
            &[3, 232],
            DisconnectReason::TransportClose,
            &[Got::Close(Some(1000))],
        ),
        // As browsers close where no code was said.
        (
            0x88,
            b"",
            DisconnectReason::TransportClose,
            &[Got::Close(None)],
        ),
    ];
    for (first, payload, reason, answer) in cases {
        let server = Server::new();
        let mut client = server.dial().await;
        client.frame(first, payload).await;
        assert_eq!(client.rest().await, answer, "{first:#x} {payload:?}");
        assert_eq!(server.ends(), [reason], "{first:#x} {payload:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_at_the_beginning_ends_the_session_too() {
    let server = Server::new();
    server.panic_at_connect();
    let mut client = server.websocket("", 1024);
    assert!(!client.served().await);
    assert_eq!(server.ended(), 1);
    assert!(server.lines.is_empty());
}

#[tokio::test(start_paused = true)]
async fn pings_of_a_client_that_reads_nothing_do_not_pile_up() {
    let server = Server::with(|config, _| config.max_buffer_size = 10).version_3();
    let mut client = server.websocket("", 16);
    for _ in 0..100_000 {
        client.send("2").await;
    }
    settle().await;
    assert!(
        server.line().waiting() < 2_000,
        "{}",
        server.line().waiting()
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_rest_does_not_come_ends_the_session() {
    for version_3 in [false, true] {
        let server = match version_3 {
            false => Server::new(),
            true => Server::new().version_3(),
        };
        let mut client = server.dial().await;
        client.frame(0x01, b"4beg").await;
        let begun = Instant::now();
        while server.ended() == 0 {
            // As if it were there: only this may come within a message.
            client.frame(0x89, b"").await;
            sleep(SECOND).await;
        }
        assert!((45..50).contains(&begun.elapsed().as_secs()));
        assert_eq!(server.ends(), [DisconnectReason::HeartbeatTimeout]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_ended_for_another_reason_is_not_called_slow() {
    let server = Server::new();
    let mut client = server.websocket("", 1024);
    let line = server.socket_after(&mut client).await;
    line.send(&Frame::text(&"x".repeat(500_000))).unwrap();
    settle().await;
    line.kill(DisconnectReason::ClosingServer);
    // Somebody keeps it.
    sleep(60 * SECOND).await;
    assert_eq!(line.waiting(), 0);
    assert_eq!(server.counts.slow(), 0);
}
