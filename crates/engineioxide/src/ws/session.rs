//! The task of a websocket: it reads, writes what had to wait, and ends its session.

use std::{
    any::Any,
    cell::Cell,
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use engineioxide_core::Sid;

use super::{
    deflate::inflate,
    frame::Opcode,
    goodbye::goodbye,
    probe::{Probe, Probed},
    reader::{self, Limits, Reader},
    wire::{Carrier, Incoming},
};
use crate::{
    DisconnectReason, Frame, ProtocolVersion, Socket, TransportType,
    engine::{Engine, Kept, take, take_binary},
    handler::EngineIoHandler,
    line::Remains,
    payload::{Packet, parse_binary_packet, parse_text_packet},
};

/// Bytes that are read at once. The buffer is the thread's and not the connection's.
const READ: usize = 64 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Why a websocket is done with.
#[derive(Clone, Copy)]
pub(super) struct Over {
    reason: DisconnectReason,
    /// A close frame is owed, with this code, if any.
    close: Option<Option<u16>>,
}

impl From<DisconnectReason> for Over {
    fn from(reason: DisconnectReason) -> Self {
        Self {
            reason,
            close: None,
        }
    }
}

/// What a websocket needs that is to carry a session.
pub(crate) struct Session<H: EngineIoHandler> {
    engine: Arc<Engine<H>>,
    socket: Arc<Socket<H::Data>>,
    incoming: Incoming,
    reader: Reader,
    /// Messages may be compressed.
    deflates: bool,
    /// It does not carry the session yet.
    probe: Option<Box<Probe>>,
    /// What the session was called in URLs, if it polled. On the heap: most never did.
    secret: Option<Box<Sid>>,
    _guard: Option<Box<dyn Any + Send>>,
}

/// A session of its own.
pub(crate) async fn open<H: EngineIoHandler>(
    engine: Arc<Engine<H>>,
    protocol: ProtocolVersion,
    kept: Kept,
    carrier: Carrier,
) {
    let socket = engine.open_websocket(protocol, (carrier.wire, carrier.deflates), kept);
    let ways = (carrier.incoming, carrier.guard);
    let session = Session::new(engine, socket, ways, carrier.deflates, None);
    // Should it panic, the session is there to end.
    let (handler, socket) = (session.engine.handler.clone(), session.socket.clone());
    handler.on_connect(socket);
    session.run(carrier.read).await;
}

/// A session that polls, and is to go on here. One websocket at a time may try, until one has succeeded.
pub(crate) async fn take_over<H: EngineIoHandler>(
    engine: Arc<Engine<H>>,
    socket: Arc<Socket<H::Data>>,
    carrier: Carrier,
) {
    let polls = socket.line.transport() == TransportType::Polling;
    if !polls || socket.line.probed.swap(true, Ordering::AcqRel) {
        return;
    }
    let probe = Probe::new(&socket.line, carrier.wire, carrier.deflates);
    let ways = (carrier.incoming, carrier.guard);
    let session = Session::new(engine, socket, ways, carrier.deflates, Some(probe));
    session.run(carrier.read).await;
}

impl<H: EngineIoHandler> Session<H> {
    fn new(
        engine: Arc<Engine<H>>,
        socket: Arc<Socket<H::Data>>,
        (incoming, guard): (Incoming, Option<Box<dyn Any + Send>>),
        deflates: bool,
        probe: Option<Box<Probe>>,
    ) -> Self {
        Self {
            engine,
            socket,
            incoming,
            reader: Reader::default(),
            deflates,
            probe,
            secret: None,
            _guard: guard,
        }
    }

    async fn run(mut self, mut read: Vec<u8>) {
        let over = self.feed(&mut read);
        drop(read);
        let over = match over {
            Some(over) => over,
            None => std::future::poll_fn(|cx| self.poll(cx)).await,
        };
        if self.probe.is_some() {
            return;
        }
        let remains = self.end(over.reason);
        if let Some(remains) = remains {
            // On the heap: it would be a part of every task otherwise.
            Box::pin(goodbye(&mut self.incoming, remains, over.close)).await;
        }
    }

    /// Ends the session, for this reason unless it has ended before.
    fn end(&self, reason: DisconnectReason) -> Option<Remains> {
        let line = &self.socket.line;
        let remains = line.take_websocket(reason);
        let reason = line.ended().map_or(reason, |end| end.reason);
        self.engine.finish(&self.socket, reason);
        if let Some(secret) = &self.secret {
            self.engine.forget(**secret);
        }
        remains
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        self.socket.line.register(cx);
        let mut buffer = BUFFER.take();
        buffer.resize(READ, 0);
        let over = loop {
            if let Some(over) = self.poll_over(cx) {
                break Poll::Ready(over);
            }
            if self.probe.is_none() && self.socket.line.is_paused() {
                break self.pump(cx);
            }
            if self.reader.has_rest() {
                match self.feed(&mut []) {
                    Some(over) => break Poll::Ready(over),
                    None => continue,
                }
            }
            match self.incoming.poll_read(cx, &mut buffer) {
                Poll::Pending => break Poll::Pending,
                Poll::Ready(Ok(0)) => break Poll::Ready(DisconnectReason::TransportClose.into()),
                Poll::Ready(Ok(read)) => {
                    if let Some(over) = self.feed(&mut buffer[..read]) {
                        break Poll::Ready(over);
                    }
                }
                Poll::Ready(Err(_)) => break Poll::Ready(DisconnectReason::TransportError.into()),
            }
        };
        BUFFER.set(buffer);
        over
    }

    /// Whether it is over for another reason than what the client sends; writes what waits if not.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Option<Over> {
        if let Some(probe) = &mut self.probe {
            let over = probe.poll_over(cx).is_ready();
            return over.then(|| DisconnectReason::TransportClose.into());
        }
        let line = &self.socket.line;
        if let Some(end) = line.ended() {
            return Some(end.reason.into());
        }
        let failed = line.poll_flush(cx).is_err();
        failed.then(|| DisconnectReason::TransportError.into())
    }

    /// While nothing is read, a stream that is no TCP stream is written to all the same.
    fn pump(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        match self.incoming.poll_pump(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(DisconnectReason::TransportError.into()),
            _ => Poll::Pending,
        }
    }

    /// Takes what the client sent, until whoever takes it is behind; how it is over, if it is.
    fn feed(&mut self, bytes: &mut [u8]) -> Option<Over> {
        let Self {
            engine,
            socket,
            reader,
            deflates,
            probe,
            secret,
            ..
        } = self;
        let limits = Limits {
            frame: engine.config().ws_max_frame_size,
            message: engine.config().ws_max_message_size,
            fragments: engine.settings().fragments,
            compressed: *deflates,
        };
        let mut over = None;
        let mut take = |incoming: reader::Incoming<'_>| {
            over = match probe {
                Some(_) => probing(engine, (probe, secret), &incoming),
                None => received(engine, socket, &incoming),
            };
            match over.is_some() || socket.line.is_paused() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        match reader.feed(bytes, &limits, &mut inflate, &mut take) {
            Ok(()) => over,
            Err(violation) => Some(Over {
                reason: DisconnectReason::PacketParsingError,
                close: Some(Some(violation.code())),
            }),
        }
    }
}

/// However it ends, by a panic of a handler for instance.
impl<H: EngineIoHandler> Drop for Session<H> {
    fn drop(&mut self) {
        if self.probe.is_none() {
            self.end(DisconnectReason::TransportError);
        }
    }
}

/// A packet before the upgrade.
fn probing<H: EngineIoHandler>(
    engine: &Engine<H>,
    (probe, secret): (&mut Option<Box<Probe>>, &mut Option<Box<Sid>>),
    incoming: &reader::Incoming<'_>,
) -> Option<Over> {
    let probed = match (incoming, probe.as_mut()) {
        (reader::Incoming::Text(text), Some(probe)) => probe.packet(text),
        (reader::Incoming::Pong, _) => Probed::Goes,
        _ => Probed::Failed,
    };
    match probed {
        Probed::Goes => None,
        Probed::Failed => Some(DisconnectReason::TransportClose.into()),
        Probed::Done(known) => {
            *probe = None;
            *secret = Some(Box::new(known));
            engine.note_upgraded(known);
            engine.settings().hooks.upgraded();
            None
        }
    }
}

/// A packet of the session.
fn received<H: EngineIoHandler>(
    engine: &Engine<H>,
    socket: &Arc<Socket<H::Data>>,
    incoming: &reader::Incoming<'_>,
) -> Option<Over> {
    let line = &socket.line;
    if line.is_ended() {
        return Some(DisconnectReason::TransportClose.into());
    }
    #[cfg(test)]
    if echo::takes(&*engine.settings().hooks, line, incoming) {
        return None;
    }
    match incoming {
        reader::Incoming::Text(text) => return packet(engine, socket, text),
        reader::Incoming::Binary(data) => match parse_binary_packet(line.protocol, data) {
            Ok(data) if take_binary(engine, socket, data) => {}
            _ => return Some(DisconnectReason::PacketParsingError.into()),
        },
        reader::Incoming::Ping(data) => {
            line.send_volatile(&Frame::control(Opcode::Pong, data));
        }
        reader::Incoming::Pong => {}
        reader::Incoming::Close(code) => {
            return Some(Over {
                reason: DisconnectReason::TransportClose,
                close: Some(*code),
            });
        }
    }
    None
}

fn packet<H: EngineIoHandler>(
    engine: &Engine<H>,
    socket: &Arc<Socket<H::Data>>,
    text: &str,
) -> Option<Over> {
    match parse_text_packet(socket.protocol, text) {
        Ok(Packet::Close) => return Some(DisconnectReason::TransportClose.into()),
        Ok(packet) => {
            if !take(engine, socket, packet) {
                return Some(DisconnectReason::PacketParsingError.into());
            }
        }
        Err(_) => return Some(DisconnectReason::PacketParsingError.into()),
    }
    None
}

#[cfg(test)]
mod echo;
