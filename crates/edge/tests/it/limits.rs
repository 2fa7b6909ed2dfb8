//! Too much, too slow, too many.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Client, Door, POLLING, Poller, get, open, open_with, post};

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_frame_over_the_limit_closes_the_connection_and_a_full_packet_does_not() {
    let door = open_with(|_, limits| limits.packet_bytes = 10_000).await;
    let mut client = Client::connect(&door).await;
    let text = |bytes: usize| json!({"n": 1, "text": "x".repeat(bytes)});
    assert_eq!(client.ask("add", text(9_900)).await["ok"], true);
    assert_eq!(
        client.ask("add", text(10_000)).await["error"]["code"],
        "too_large"
    );
    client.emit("add", text(20_000)).await;
    client.ended().await;
}

#[tokio::test]
async fn attachments_are_limited_in_number_and_in_bytes() {
    let door = open_with(|_, limits| {
        limits.packet_bytes = 10_000;
        limits.attachments = 2;
    });
    let door = door.await;
    let mut client = Client::connect(&door).await;
    client
        .send(r#"451-["mirror",{"_placeholder":true,"num":0}]"#)
        .await;
    client.send_binary(&[7; 10_000]).await;
    assert!(client.packet().await.unwrap().starts_with("451-"));
    client.packet().await.unwrap();
    client
        .send(r#"452-["mirror",{"_placeholder":true,"num":0}]"#)
        .await;
    client.send_binary(&[7; 6_000]).await;
    client.try_send_binary(&[7; 6_000]).await;
    client.ended().await;

    let mut client = Client::connect(&door).await;
    client.send(r#"453-["mirror",1]"#).await;
    client.ended().await;
}

#[tokio::test]
async fn attachments_have_to_come_before_the_next_ping_but_one() {
    let door = open_with(|config, _| config.ping_interval = Duration::from_millis(200)).await;
    // Pings are answered all the time.
    let mut client = Client::connect(&door).await;
    client
        .send(r#"451-["mirror",{"_placeholder":true,"num":0}]"#)
        .await;
    timeout(SOON, client.ended()).await.unwrap();
    let poller = Poller::connect(&door).await;
    let body = r#"452-["mirror",1]"#;
    assert_eq!(poller.post(&door, body).await.status, 200);
    let polling = async {
        loop {
            let answer = poller.poll(&door).await;
            match answer.body.as_str() {
                "2" if answer.status == 200 => poller.post(&door, "3").await,
                _ => return,
            };
        }
    };
    timeout(SOON, polling).await.unwrap();
    door.probe.ends(2).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let door = open_with(|_, limits| limits.packet_bytes = 10_000).await;
    let poller = Poller::connect(&door).await;
    let body = format!(r#"42["add",{{"n":1,"text":"{}"}}]"#, "x".repeat(20_000));
    assert_eq!(poller.post(&door, &body).await.status, 413);
    let open = get(&door, POLLING).await;
    assert!(open.body.contains(r#""maxPayload":17428"#), "{}", open.body);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go() {
    let door = open_with(|config, _| config.write_timeout = Duration::from_millis(300)).await;
    let mut lazy = Client::connect(&door).await;
    let mut busy = Client::connect(&door).await;
    // More than the system's buffers hold, in fewer packets than the send queue does.
    lazy.emit("many", json!({"count": 400, "bytes": 50_000}))
        .await;
    door.probe.ends(1).await;
    assert_eq!(busy.ask("add", json!({"n": 1})).await["ok"], true);
    // It is not kept waiting either: its connection was reset.
    timeout(SOON, lazy.ended()).await.unwrap();
}

#[tokio::test]
async fn a_full_send_queue_ends_the_connection_at_once() {
    let door = open_with(|config, _| config.send_queue = 16).await;
    let mut client = Client::connect(&door).await;
    client
        .emit("many", json!({"count": 100, "bytes": 50_000}))
        .await;
    door.probe.ends(1).await;
}

#[tokio::test]
async fn bytes_that_wait_are_limited_too() {
    let door = open_with(|_, _| {}).await;
    let mut lazy = Client::connect(&door).await;
    lazy.emit("many", json!({"count": 400, "bytes": 50_000}))
        .await;
    door.probe.ends(1).await;
}

#[tokio::test]
async fn bytes_that_wait_for_a_poll_are_limited_as_well() {
    let door = open().await;
    let lazy = Poller::connect(&door).await;
    let many = |count: u32| format!(r#"42["many",{{"count":{count},"bytes":50000}}]"#);
    // A client that polls may have any number of them.
    for _ in 0..3 {
        lazy.post(&door, &many(15)).await;
        lazy.until(&door, "[14,").await;
    }
    assert!(door.probe.disconnected.lock().unwrap().is_empty());
    lazy.post(&door, &many(30)).await;
    door.probe.ends(1).await;
}

#[tokio::test]
async fn a_polling_client_that_does_not_poll_is_let_go_and_one_that_does_stays() {
    let door = open_with(|config, _| config.write_timeout = Duration::from_secs(2)).await;
    let patient = Poller::connect(&door).await;
    let stops = Poller::connect(&door).await;
    let never = Poller::dial(&door).await;
    never.post(&door, "40").await;
    let waiting = patient.until(&door, r#"["mirror",1]"#);
    let others = async {
        door.probe.ends(2).await;
        patient.post(&door, r#"42["mirror",1]"#).await;
    };
    tokio::join!(waiting, others);
    for gone in [stops, never] {
        assert_eq!(gone.poll(&door).await.status, 400);
    }
}

#[tokio::test]
async fn headers_and_bodies_have_to_come_in_time() {
    let door = open_with(|config, _| {
        config.header_timeout = Duration::from_millis(200);
        config.body_timeout = Duration::from_millis(200);
    });
    let door = door.await;
    let silent = TcpStream::connect(door.address).await.unwrap();
    assert_eq!(rest(silent).await, "");
    let mut slow = TcpStream::connect(door.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n")
        .await
        .unwrap();
    assert!(!rest(slow).await.contains("200 OK"));
    let poller = Poller::dial(&door).await;
    let mut halfway = TcpStream::connect(door.address).await.unwrap();
    let path = format!("{POLLING}&sid={}", poller.sid);
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n42[");
    halfway.write_all(head.as_bytes()).await.unwrap();
    assert!(rest(halfway).await.starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn connections_over_the_limit_are_turned_away_and_the_next_find_room() {
    let door = open_with(|config, _| config.max_connections = 2).await;
    let first = Client::connect(&door).await;
    let _second = Client::connect(&door).await;
    has_room_for_two(&door, first).await;
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_on_websockets_too() {
    let door = open_with(|config, _| config.max_connections_per_address = Some(2)).await;
    let first = Client::connect(&door).await;
    let _second = TcpStream::connect(door.address).await.unwrap();
    has_room_for_two(&door, first).await;
}

/// Two are open: a third one is turned away, and another finds room when the first has gone.
async fn has_room_for_two(door: &Door, first: Client) {
    let third = TcpStream::connect(door.address).await.unwrap();
    assert_eq!(rest(third).await, "");
    drop(first);
    door.probe.ends(1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    Client::connect(door).await;
}

#[tokio::test]
async fn those_that_say_nothing_give_way_to_those_that_do() {
    let door = open_with(|config, _| config.max_handshakes = 3).await;
    let mut client = Client::connect(&door).await;
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(TcpStream::connect(door.address).await.unwrap());
    }
    for early in silent.drain(..7) {
        assert_eq!(rest(early).await, "");
    }
    // Of the three that still wait one gives way, and the other two are served if they ask after all.
    let _other = Client::connect(&door).await;
    let last = silent.pop().unwrap();
    assert!(ask(last).await.starts_with("HTTP/1.1 200"));
    assert_eq!(client.ask("add", json!({"n": 1})).await["ok"], true);
}

/// The answer to a request on this connection.
async fn ask(mut tcp: TcpStream) -> String {
    let request = format!("GET {POLLING} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).await.unwrap();
    rest(tcp).await
}

#[tokio::test]
async fn a_transport_without_a_namespace_is_closed() {
    let door = open_with(|config, _| config.connect_timeout = Duration::from_millis(200)).await;
    let mut client = Client::dial(&door).await;
    timeout(SOON, client.ended()).await.unwrap();
}

#[tokio::test]
async fn whoever_enters_late_is_let_in_whatever_else_has_a_limit() {
    let short = Duration::from_secs(1);
    let door = open_with(|config, _| {
        config.header_timeout = short;
        config.body_timeout = short;
        config.write_timeout = short;
        config.connect_timeout = Duration::from_secs(60);
    });
    let door = door.await;
    let mut client = Client::dial(&door).await;
    let poller = Poller::dial(&door).await;
    let polled = poller.until(&door, "40{");
    let late = async {
        tokio::time::sleep(short * 2).await;
        let answer = client.enter("/", json!({})).await;
        assert!(answer.starts_with("40{"), "{answer}");
        assert_eq!(poller.post(&door, "40").await.status, 200);
    };
    tokio::join!(polled, late);
}

#[tokio::test]
async fn sessions_that_are_kept_after_their_end_are_limited_too() {
    let door = open_with(|config, _| config.max_connections = 2).await;
    for _ in 0..2 {
        drop(Client::dial(&door).await);
        Poller::dial(&door).await.post(&door, "1").await;
    }
    let answer = get(&door, POLLING).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
}

#[tokio::test]
async fn entering_and_leaving_is_limited_like_events() {
    let door = open_with(|_, limits| {
        limits.events_per_second = 1;
        limits.events_burst = 5;
    });
    let door = door.await;
    let mut client = Client::dial(&door).await;
    for _ in 0..5 {
        assert!(
            client
                .enter("/", json!({"token": "x"}))
                .await
                .contains("Invalid token")
        );
    }
    assert!(
        client
            .enter("/", json!({"token": "x"}))
            .await
            .contains("slow down")
    );
}

#[tokio::test]
async fn a_client_that_does_not_answer_pings_is_gone() {
    let door: Door = open_with(|config, _| {
        config.ping_interval = Duration::from_millis(100);
        config.ping_timeout = Duration::from_millis(200);
    })
    .await;
    let client = Client::connect(&door).await;
    door.probe.ends(1).await;
    drop(client);
}

#[tokio::test]
async fn methods_that_no_client_uses_are_refused() {
    let door = open().await;
    let answer = post(&door, POLLING, "").await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_u64()),
        (400, Some(2))
    );
}

/// What comes until the server closes the connection.
async fn rest(mut tcp: TcpStream) -> String {
    let mut text = String::new();
    timeout(SOON, tcp.read_to_string(&mut text))
        .await
        .expect("the server closes")
        .ok();
    text
}
