//! The server's side of websockets, as much as it takes (RFC 6455).

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest head of a request, in bytes.
const HEAD: usize = 8 << 10;
/// Longest payload, in bytes.
const LONGEST: u64 = 1 << 20;

/// Answers the request for a websocket.
pub async fn accept(stream: &mut TcpStream) -> Result<()> {
    let mut request = Vec::with_capacity(512);
    while !request.ends_with(b"\r\n\r\n") {
        if request.len() > HEAD || stream.read_buf(&mut request).await? == 0 {
            bail!("no request");
        }
    }
    let key = std::str::from_utf8(&request)?
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .context("no websocket wanted")?;
    let sum = Sha1::new()
        .chain_update(key.trim())
        .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(sum.finalize())
    );
    Ok(stream.write_all(answer.as_bytes()).await?)
}

/// A text frame.
pub fn text(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 4);
    frame.push(0x81);
    match payload.len() {
        short @ 0..=125 => frame.push(short as u8),
        medium @ 126..=0xffff => {
            frame.push(126);
            frame.extend((medium as u16).to_be_bytes());
        }
        long => {
            frame.push(127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// The payload of the first frame, unmasked, and how many bytes the frame takes; nothing while it is not
/// complete.
pub fn decode(bytes: &mut [u8]) -> Result<Option<(&[u8], usize)>> {
    let &mut [first, second, ..] = bytes else {
        return Ok(None);
    };
    if first != 0x81 || second & 0x80 == 0 {
        bail!("no masked text");
    }
    let (length, head) = match second & 0x7f {
        126 => (bytes.get(2..4), 4),
        127 => (bytes.get(2..10), 10),
        _ => (bytes.get(1..2), 2),
    };
    let Some(length) = length else {
        return Ok(None);
    };
    let length = length
        .iter()
        .fold(0, |all, byte| all << 8 | u64::from(*byte));
    let length = if head == 2 { length & 0x7f } else { length };
    if length > LONGEST {
        bail!("too long");
    }
    let end = head + 4 + length as usize;
    let Some(frame) = bytes.get_mut(head..end) else {
        return Ok(None);
    };
    let (mask, payload) = frame.split_at_mut(4);
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Ok(Some((payload, end)))
}
