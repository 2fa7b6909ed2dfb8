//! What a delivery costs at least: a frame is encoded once and written straight to the socket of each
//! member, by the task that read it. No Engine.IO heartbeat, no Socket.IO namespaces, no rules. As one process
//! it is the floor for any server on tokio; with `--relay`, several share their rooms by one Redis channel,
//! which is the floor for a cluster.
//!
//! `PORT` and `REDIS_URL` say where. Of the protocols it knows what the load generator says.

mod hall;
mod relay;
mod websocket;

use std::cell::RefCell;
use std::io::ErrorKind;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};

use hall::{Hall, Member};

/// What is read at once, into one buffer for each thread: a connection that says nothing holds none.
const READ: usize = 64 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

#[tokio::main]
async fn main() -> Result<()> {
    let port: u16 = std::env::var("PORT").context("PORT")?.parse()?;
    let hall = Arc::new(Hall::default());
    if std::env::args().any(|argument| argument == "--relay") {
        relay::start(&hall, &std::env::var("REDIS_URL").context("REDIS_URL")?).await?;
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // Whoever says what it should not, or goes away, is dropped.
        tokio::spawn(serve(hall.clone(), stream));
    }
}

async fn serve(hall: Arc<Hall>, mut stream: TcpStream) -> Result<()> {
    websocket::accept(&mut stream).await?;
    let member = Arc::new(Member::new(stream));
    member.send(&websocket::text(
        br#"0{"sid":"limit","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#,
    ));
    let read = read(&hall, &member).await;
    hall.leave(&member);
    read
}

async fn read(hall: &Hall, member: &Arc<Member>) -> Result<()> {
    let mut rest = Vec::new();
    loop {
        member.stream.readable().await?;
        let open = BUFFER.with_borrow_mut(|buffer| match member.stream.try_read(buffer) {
            Ok(0) => Ok(false),
            Ok(got) if rest.is_empty() => {
                let taken = frames(hall, member, &mut buffer[..got])?;
                rest.extend_from_slice(&buffer[taken..got]);
                Ok(true)
            }
            Ok(got) => {
                rest.extend_from_slice(&buffer[..got]);
                let taken = frames(hall, member, &mut rest)?;
                rest.drain(..taken);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(anyhow::Error::from(error)),
        })?;
        if !open {
            return Ok(());
        }
    }
}

/// Handles every complete frame; returns how many bytes they took.
fn frames(hall: &Hall, member: &Arc<Member>, bytes: &mut [u8]) -> Result<usize> {
    let mut taken = 0;
    while let Some((payload, length)) = websocket::decode(&mut bytes[taken..])? {
        packet(hall, member, payload);
        taken += length;
    }
    Ok(taken)
}

fn packet(hall: &Hall, member: &Arc<Member>, text: &[u8]) {
    if text.starts_with(b"40") {
        return member.send(&websocket::text(br#"40{"sid":"limit"}"#));
    }
    let Some(event) = text.strip_prefix(b"42") else {
        return;
    };
    let digits = event.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, array) = event.split_at(digits);
    if let Some((room, said)) = array.strip_prefix(br#"["say",""#).and_then(word) {
        hall.say(room, &websocket::text(&[b"42[\"said\"", said].concat()));
    } else if let Some((room, _)) = array.strip_prefix(br#"["join",""#).and_then(word) {
        hall.join(room, member);
        member.send(&websocket::text(
            &[b"43", number, b"[{\"ok\":true}]"].concat(),
        ));
    } else if let Some(args) = array.strip_prefix(br#"["echo","#) {
        let text = args.strip_suffix(b"]").unwrap_or(args);
        let parts = [b"43", number, b"[{\"ok\":true,\"text\":", text, b"}]"];
        member.send(&websocket::text(&parts.concat()));
    }
}

/// What comes before the next quotation mark, and what after it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'"')?;
    Some((&text[..end], &text[end + 1..]))
}
