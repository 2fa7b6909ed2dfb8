//! How a websocket is closed (RFC 6455, 7.1).

use std::{future::poll_fn, io, time::Duration};

use tokio::time::timeout;

use super::{
    frame::Opcode,
    wire::{Incoming, Wire},
};
use crate::{
    Frame, ProtocolVersion,
    line::{How, Remains},
};

/// Time for what waits to be written, for the close frame, and for the client to close as well.
const TIME: Duration = Duration::from_secs(2);
/// Bytes that are read at once, to be thrown away.
const READ: usize = 4096;

/// Closes a websocket; what waits is written first, unless its session was killed. `close` is what is
/// owed to the client: a close frame, with a code or without.
pub(super) async fn goodbye(
    incoming: &mut Incoming,
    mut remains: Remains,
    close: Option<Option<u16>>,
) {
    if remains.how == How::Kill && close.is_none() {
        return match remains.queue.is_empty() {
            true => remains.wire.shut(),
            false => remains.wire.cut(),
        };
    }
    let payload = close.flatten().map(u16::to_be_bytes);
    let payload = payload.as_ref().map_or(&[][..], |code| code);
    let frame = Frame::control(Opcode::Close, payload);
    remains
        .queue
        .push(frame.bytes(ProtocolVersion::V4, None).into_owned());
    let written = timeout(TIME, write(incoming, &mut remains)).await;
    if !matches!(written, Ok(Ok(()))) {
        return remains.wire.cut();
    }
    remains.wire.shut();
    // A stream that is closed with something unread in it is reset, and what was written may be lost.
    timeout(TIME, read_out(incoming)).await.ok();
}

async fn write(incoming: &mut Incoming, remains: &mut Remains) -> io::Result<()> {
    while !remains.queue.is_empty() {
        match remains.wire.try_write(&remains.queue.pieces()) {
            Ok(written) => remains.queue.took(written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait(incoming, &remains.wire).await?;
            }
            Err(error) => return Err(error),
        }
    }
    poll_fn(|cx| incoming.poll_pump(cx)).await
}

async fn wait(incoming: &mut Incoming, wire: &Wire) -> io::Result<()> {
    poll_fn(|cx| {
        let _ = incoming.poll_pump(cx)?;
        match wire.poll_ready(cx) {
            Ok(true) => std::task::Poll::Ready(Ok(())),
            Ok(false) => std::task::Poll::Pending,
            Err(error) => std::task::Poll::Ready(Err(error)),
        }
    })
    .await
}

async fn read_out(incoming: &mut Incoming) {
    let mut buffer = vec![0; READ];
    while let Ok(1..) = poll_fn(|cx| incoming.poll_read(cx, &mut buffer)).await {}
}
