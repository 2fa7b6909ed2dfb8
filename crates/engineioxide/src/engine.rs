//! The sessions of one handler: how they begin and end.

use std::{
    any::Any,
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use engineioxide_core::Sid;
use tokio::{sync::mpsc, time::Instant};
use tracing::error;

use crate::{
    DisconnectReason, Frame, Line, Lines, ProtocolVersion, Socket, Str, TransportType,
    config::EngineIoConfig,
    handler::EngineIoHandler,
    keeper::keep,
    line::How,
    payload::Packet,
    settings::{Settings, Took, attached},
    ws::wire::Wire,
};

/// A polling session that is over is kept for so long, for its client to fetch what waits.
const LAST_POLL: Duration = Duration::from_secs(2);

/// What is kept of a request.
pub(crate) type Kept = Option<Box<dyn Any + Send + Sync>>;
type Sockets<H> = HashMap<Sid, Arc<Socket<<H as EngineIoHandler>::Data>>>;

pub(crate) struct Engine<H: EngineIoHandler> {
    pub(crate) handler: Arc<H>,
    pub(crate) lines: Arc<Lines>,
    /// Those that poll, by their id in URLs.
    polling: Mutex<Sockets<H>>,
    /// Those that polled and are on a websocket now: whoever asks for them is told so.
    upgraded: Mutex<Sockets<H>>,
    /// What the keeper begins with.
    ended: Mutex<Option<mpsc::UnboundedReceiver<Sid>>>,
}

impl<H: EngineIoHandler> Engine<H> {
    pub(crate) fn new(handler: Arc<H>, config: EngineIoConfig) -> Arc<Self> {
        let (tell, ended) = mpsc::unbounded_channel();
        let lines = attached(|settings| Lines::new(config, settings, tell));
        Arc::new(Self {
            handler,
            lines,
            polling: Mutex::default(),
            upgraded: Mutex::default(),
            ended: Mutex::new(Some(ended)),
        })
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.lines.settings
    }

    pub(crate) fn config(&self) -> &EngineIoConfig {
        &self.lines.config
    }

    /// A session whose client polls; its id in URLs.
    pub(crate) fn open_polling(self: &Arc<Self>, protocol: ProtocolVersion, kept: Kept) -> Sid {
        let secret = Sid::new();
        let line = Line::polling(&self.lines, protocol, secret, kept);
        let socket = self.begin(line, TransportType::Polling);
        self.polling().insert(secret, socket.clone());
        self.handler.clone().on_connect(socket);
        secret
    }

    /// A session on a websocket, whose client may inflate messages; the handler is not told of it yet. Its
    /// id in URLs is of no use to anybody.
    pub(crate) fn open_websocket(
        self: &Arc<Self>,
        protocol: ProtocolVersion,
        (wire, inflates): (Wire, bool),
        kept: Kept,
    ) -> Arc<Socket<H::Data>> {
        let line = Line::websocket(&self.lines, protocol, wire, kept);
        line.inflates.store(inflates, Ordering::Relaxed);
        line.send_reserved(&Frame::packet(&self.open_packet(Sid::new(), false)));
        self.begin(line, TransportType::Websocket)
    }

    fn begin(self: &Arc<Self>, line: Arc<Line>, transport: TransportType) -> Arc<Socket<H::Data>> {
        if let Some(ended) = lock(&self.ended).take() {
            tokio::spawn(keep(Arc::downgrade(self), self.lines.clone(), ended));
        }
        self.settings().hooks.opened(transport);
        self.lines.heart.begin(&line);
        Socket::new(line)
    }

    /// What a client is told first.
    pub(crate) fn open_packet(&self, secret: Sid, polling: bool) -> String {
        let config = self.config();
        let upgrades = match polling && config.websocket {
            true => "\"websocket\"",
            false => "",
        };
        let (node, dash) = match &self.settings().node {
            Some(node) => (&**node, "-"),
            None => ("", ""),
        };
        format!(
            r#"0{{"sid":"{node}{dash}{secret}","upgrades":[{upgrades}],"pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
            config.ping_interval.as_millis(),
            config.ping_timeout.as_millis(),
            config.max_payload,
        )
    }

    /// The session that is called so in URLs. It polls, or did.
    pub(crate) fn find(&self, shown: &str) -> Option<(Sid, Arc<Socket<H::Data>>)> {
        let secret = match &self.settings().node {
            Some(node) => shown.strip_prefix(&**node)?.strip_prefix('-')?,
            None => shown,
        };
        let secret = secret.parse().ok()?;
        let polls = self.polling().get(&secret).cloned();
        let socket = polls.or_else(|| lock(&self.upgraded).get(&secret).cloned())?;
        Some((secret, socket))
    }

    /// It is on a websocket now.
    pub(crate) fn note_upgraded(&self, secret: Sid) {
        let mut polling = self.polling();
        if let Some(socket) = polling.remove(&secret) {
            lock(&self.upgraded).insert(secret, socket);
        }
    }

    /// It is over.
    pub(crate) fn forget(&self, secret: Sid) {
        self.polling().remove(&secret);
        lock(&self.upgraded).remove(&secret);
    }

    /// Tells the handler that a session is over, once.
    pub(crate) fn finish(&self, socket: &Arc<Socket<H::Data>>, reason: DisconnectReason) {
        if !socket.line.is_to_be_told() {
            return;
        }
        let told = || self.handler.on_disconnect(socket.clone(), reason);
        if catch_unwind(AssertUnwindSafe(told)).is_err() {
            error!(sid = %socket.id, "a handler panicked at the end of a session");
        }
        self.settings().hooks.closed(socket.line.transport());
        self.lines.remove(socket.id);
    }

    /// A polling session is over. It stays known while its client may fetch what waits.
    pub(crate) fn end_polling(&self, secret: Sid) {
        let Some(socket) = self.polling().get(&secret).cloned() else {
            return;
        };
        let Some(end) = socket.line.ended() else {
            return;
        };
        self.finish(&socket, end.reason);
        if end.how == How::Kill {
            self.forget(secret);
        }
    }

    /// Ends polling sessions that are not polled any more.
    pub(crate) fn end_silent(&self, now: Instant) {
        let polling: Vec<_> = self
            .polling()
            .iter()
            .map(|(secret, socket)| (*secret, socket.clone()))
            .collect();
        for (secret, socket) in polling {
            let Some(silent) = socket.line.silent_since().map(|since| now - since) else {
                continue;
            };
            if let Some(end) = socket.line.ended() {
                // What tells of it may still be on its way to the keeper.
                self.finish(&socket, end.reason);
                if silent >= LAST_POLL {
                    self.forget(secret);
                }
            } else if silent >= self.settings().write_timeout {
                self.settings().hooks.slow();
                socket.line.kill(DisconnectReason::TransportClose);
            }
        }
    }

    fn polling(&self) -> MutexGuard<'_, Sockets<H>> {
        lock(&self.polling)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic while held")
}

/// Does what a packet says; `false` where it is none that a client may send.
pub(crate) fn take<H: EngineIoHandler>(
    engine: &Engine<H>,
    socket: &Arc<Socket<H::Data>>,
    packet: Packet<'_>,
) -> bool {
    let line = &socket.line;
    match (packet, socket.protocol) {
        (Packet::Message(text), _) => return take_text(engine, socket, text),
        (Packet::Binary(data), _) => return take_binary(engine, socket, &data),
        (Packet::Pong(_), ProtocolVersion::V4) => line.lines.heart.pong(line),
        (Packet::Ping(data), ProtocolVersion::V3) => {
            line.lines.heart.expect_client(line);
            // Who pings and does not read is not answered for ever.
            line.send(&Frame::packet(&format!("3{data}"))).ok();
        }
        (Packet::Close, _) => line.leave(),
        (Packet::Upgrade | Packet::Noop, _) => {}
        (Packet::Ping(_), ProtocolVersion::V4) | (Packet::Pong(_), ProtocolVersion::V3) => {
            return false;
        }
    }
    true
}

fn take_text<H: EngineIoHandler>(
    engine: &Engine<H>,
    socket: &Arc<Socket<H::Data>>,
    text: &str,
) -> bool {
    let took = engine.settings().hooks.text(&socket.line, text);
    if took == Took::No {
        let text = Str::copy_from_slice(text);
        engine.handler.on_message(text, socket.clone());
    }
    took != Took::Wrong
}

/// A binary message; `false` where the client may not send it.
pub(crate) fn take_binary<H: EngineIoHandler>(
    engine: &Engine<H>,
    socket: &Arc<Socket<H::Data>>,
    data: &[u8],
) -> bool {
    let took = engine.settings().hooks.binary(&socket.line, data);
    if took == Took::No {
        let data = Bytes::copy_from_slice(data);
        engine.handler.on_binary(data, socket.clone());
    }
    took != Took::Wrong
}

#[cfg(test)]
mod tests;
