//! Many sessions at once on real sockets and several threads, each sent to from several places, switched
//! and ended at whatever moment.

use std::{sync::Arc, time::Duration};

use engineioxide::{DisconnectReason, Frame, Line};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use crate::{
    schedule::Dice,
    support::{Client, Got, Server, until},
};

const SESSIONS: u64 = 60;
const ROUNDS: u64 = 4;
const SENDERS: usize = 3;
const MESSAGES: usize = 300;

/// Serves HTTP; the port.
async fn serve(server: &Server) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = server.service.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let http = http1::Builder::new();
            let serving = http.serve_connection(TokioIo::new(tcp), service.clone());
            tokio::spawn(serving.with_upgrades());
        }
    });
    port
}

async fn websocket(port: u16, query: &str) -> Option<Client<TcpStream>> {
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = format!(
        "GET /engine.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: a\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    tcp.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(tcp.read_u8().await.ok()?);
    }
    answer
        .starts_with(b"HTTP/1.1 101")
        .then(|| Client::over(tcp))
}

/// What one client got, in order: from whom, and which. Last of them are the acknowledgements of what it
/// said itself.
#[derive(Default)]
struct Arrived([usize; SENDERS + 1]);

impl Arrived {
    fn take(&mut self, packet: &str) {
        let Some((sender, rest)) = packet.strip_prefix('4').and_then(|it| it.split_once(' '))
        else {
            return;
        };
        let sender: usize = sender.parse().unwrap();
        let number: usize = rest.split_once(' ').unwrap().0.parse().unwrap();
        match sender {
            // One for which there was no room was not sent.
            SENDERS => assert!(number >= self.0[sender], "{number} was acknowledged"),
            _ => assert_eq!(number, self.0[sender], "of {sender}"),
        }
        self.0[sender] = number + 1;
    }

    /// All that comes over a websocket.
    async fn read(&mut self, mut client: Client<TcpStream>, mut dice: Dice) {
        let mut said = 0;
        while let Some(got) = client.next().await {
            if let Got::Text(text) = got {
                self.take(&text);
            }
            if dice.one_in(10) {
                client.send(&format!("4{said}")).await;
                said += 1;
            }
            if dice.one_in(50) {
                sleep(Duration::from_millis(dice.below(3))).await;
            }
        }
    }

    /// Polls until it is over or another one has said that it is to stop.
    async fn poll(&mut self, server: &Server, sid: &str, stop: &tokio::sync::Notify) {
        let stopped = stop.notified();
        let mut stopped = std::pin::pin!(stopped);
        loop {
            let (status, body) = server.poll(sid).await;
            if status != 200 {
                return;
            }
            body.split('\u{1e}').for_each(|packet| self.take(packet));
            let now = timeout(Duration::ZERO, stopped.as_mut()).await;
            if now.is_ok() {
                return;
            }
        }
    }
}

/// Sends from several tasks, and ends the session from another one in the midst of it.
fn disturb(line: &Arc<Line>, mut dice: Dice) {
    for sender in 0..SENDERS {
        let line = line.clone();
        let long = if dice.one_in(4) { 20_000 } else { 100 };
        tokio::spawn(async move {
            let mut number = 0;
            while number < MESSAGES && !line.is_ended() {
                let text = format!("{sender} {number} {}", "x".repeat(long));
                match line.send(&Frame::text(&text)) {
                    Ok(()) => number += 1,
                    Err(_) => sleep(Duration::from_millis(1)).await,
                }
                if number % 16 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    let (line, after, kill) = (line.clone(), dice.below(250), dice.one_in(2));
    tokio::spawn(async move {
        sleep(Duration::from_millis(after)).await;
        match kill {
            true => line.kill(DisconnectReason::ClosingServer),
            false => line.close(DisconnectReason::ClosingServer),
        }
    });
}

async fn switched(server: &Server, port: u16, sid: &str, mut dice: Dice) -> Option<()> {
    let stop = tokio::sync::Notify::new();
    let mut arrived = Arrived::default();
    let polling = arrived.poll(server, sid, &stop);
    let (client, ()) = tokio::join!(
        async {
            sleep(Duration::from_millis(dice.below(100))).await;
            let client = websocket(port, &format!("&sid={sid}")).await;
            let answered = match client {
                Some(mut client) => {
                    client.send("2probe").await;
                    let answer = client.next().await;
                    (answer == Some(Got::Text("3probe".into()))).then_some(client)
                }
                None => None,
            };
            stop.notify_waiters();
            answered
        },
        polling
    );
    let mut client = client?;
    client.frame(0x81, b"5").await;
    arrived.read(client, dice).await;
    Some(())
}

async fn session(server: Server, port: u16, mut dice: Dice) {
    let more = |dice: &mut Dice| Dice::new(dice.below(u64::MAX));
    if dice.one_in(3) {
        let mut client = websocket(port, "").await.unwrap();
        let open = client.text().await;
        assert!(open.starts_with('0'));
        let mut arrived = Arrived::default();
        return arrived.read(client, more(&mut dice)).await;
    }
    let sid = server.open().await;
    switched(&server, port, &sid, more(&mut dice)).await;
}

async fn stress(gather: Duration) {
    let server = Server::with(|_, settings| settings.gather = gather);
    let lines = server.lines.clone();
    server.at_connect(move |socket, number| {
        let line = lines.get(socket.id).unwrap();
        disturb(&line, Dice::new(number));
    });
    let lines = server.lines.clone();
    server.at_message(move |socket, said| {
        if let Some(line) = lines.get(socket.id) {
            line.send(&Frame::text(&format!("{SENDERS} {said} "))).ok();
        }
    });
    let port = serve(&server).await;
    for round in 1..=ROUNDS {
        let number = |one| round * 1_000 + one;
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|one| tokio::spawn(session(server.clone(), port, Dice::new(number(one)))))
            .collect();
        for one in sessions {
            one.await.unwrap();
        }
    }
    until(|| server.lines.is_empty() && server.lines.kept() == 0).await;
    assert_eq!(server.ended() as u64, SESSIONS * ROUNDS);
    assert!(server.heard().len() as u64 > SESSIONS && server.counts.upgrades() > 0);
    assert_eq!(server.counts.open(), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_end_once_and_lose_nothing_whoever_is_faster() {
    stress(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_end_once_and_lose_nothing_when_messages_are_gathered() {
    stress(Duration::from_millis(1)).await;
}
