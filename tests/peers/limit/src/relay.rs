//! One Redis channel that all processes publish to and subscribe to.

use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::hall::Hall;

/// What comes before the length of a message.
const HEAD: &[u8] = b"*3\r\n$7\r\nmessage\r\n$5\r\nlimit\r\n$";
const SUBSCRIBED: &[u8] = b"*3\r\n$9\r\nsubscribe\r\n$5\r\nlimit\r\n:1\r\n";

/// Whose message it is; one's own come back.
fn own() -> &'static [u8] {
    static OWN: OnceLock<Vec<u8>> = OnceLock::new();
    OWN.get_or_init(|| format!("{:08x}", std::process::id()).into_bytes())
}

/// Connects twice, as publishers and subscribers must.
pub async fn start(hall: &Arc<Hall>, url: &str) -> Result<()> {
    let address = url.strip_prefix("redis://").context("REDIS_URL")?;
    let (mut replies, publisher) = TcpStream::connect(address).await?.into_split();
    tokio::spawn(async move {
        let mut nobody_looks = vec![0; 4 << 10];
        while replies.read(&mut nobody_looks).await.is_ok_and(|n| n > 0) {}
    });
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(publish(publisher, receiver));
    let _ = hall.relay.set(sender);
    let subscriber = TcpStream::connect(address).await?;
    let hall = hall.clone();
    tokio::spawn(async move {
        if let Err(error) = subscribe(&hall, subscriber).await {
            eprintln!("limit: {error:#}");
            std::process::exit(1);
        }
    });
    Ok(())
}

/// A message as it is published.
pub fn message(room: &[u8], frame: &[u8]) -> Vec<u8> {
    let length = own().len() + room.len() + 1 + frame.len();
    let head = format!("*3\r\n$7\r\nPUBLISH\r\n$5\r\nlimit\r\n${length}\r\n");
    [head.as_bytes(), own(), room, b"\n", frame, b"\r\n"].concat()
}

/// Whatever waits goes out in one write.
async fn publish(mut stream: OwnedWriteHalf, mut messages: UnboundedReceiver<Vec<u8>>) {
    while let Some(mut bytes) = messages.recv().await {
        while let Ok(more) = messages.try_recv() {
            bytes.extend(more);
        }
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn subscribe(hall: &Hall, mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"SUBSCRIBE limit\r\n").await?;
    let mut answer = vec![0; SUBSCRIBED.len()];
    stream.read_exact(&mut answer).await?;
    let mut bytes = Vec::with_capacity(64 << 10);
    while stream.read_buf(&mut bytes).await? > 0 {
        let mut taken = 0;
        while let Some((body, length)) = first(&bytes[taken..])? {
            deliver(hall, body);
            taken += length;
        }
        bytes.drain(..taken);
    }
    bail!("Redis is gone")
}

/// The first message, and how many bytes it takes; nothing while it is not complete.
fn first(bytes: &[u8]) -> Result<Option<(&[u8], usize)>> {
    let Some(rest) = bytes.get(HEAD.len()..) else {
        return Ok(None);
    };
    let Some(digits) = rest.iter().position(|byte| *byte == b'\r') else {
        return Ok(None);
    };
    let length: usize = std::str::from_utf8(&rest[..digits])?.parse()?;
    let begin = HEAD.len() + digits + 2;
    let body = bytes.get(begin..begin + length);
    let whole = begin + length + 2;
    Ok(body
        .filter(|_| bytes.len() >= whole)
        .map(|body| (body, whole)))
}

fn deliver(hall: &Hall, body: &[u8]) {
    let Some(rest) = body.get(own().len()..).filter(|_| !body.starts_with(own())) else {
        return;
    };
    if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        hall.deliver(&rest[..end], &rest[end + 1..]);
    }
}
