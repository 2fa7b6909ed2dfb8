//! The way in: the events of one connection, one after the other.

use std::{
    collections::VecDeque,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Waker},
};

use bytes::Bytes;
use engineioxide::Line;
use futures_util::FutureExt;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use socketioxide::{
    handler::DisconnectHandler,
    socket::{DisconnectReason, Socket},
};
use socketioxide_core::Str;
use starling_kernel::{
    error::{AppError, Code},
    feature::Reply,
    limits::Limits,
    metric,
    payload::{Payload, event_name},
    session::{Peer, SendError, Session},
    topic::Namespace,
};
use tracing::error;

use super::{Door, Opening, outlet::Outlet, peer::SocketPeer};

/// With this many packets' worth of bytes in events that wait, a connection is behind, however few they are.
const PENDING_PACKETS: usize = 4;

/// An event as it came in.
pub(super) struct Event {
    pub(super) text: Str,
    pub(super) attachments: Vec<Bytes>,
    pub(super) ack: Option<i64>,
}

impl Event {
    fn bytes(&self) -> usize {
        self.text.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }
}

/// One connection to one namespace: its session, and the queue of its events.
///
/// No task runs while the queue is empty. Whoever brings the first event handles it, as far as it waits for
/// nothing; a task does the rest, and goes when the queue is empty again. After the end of the connection
/// it handles what came before it, and then tells the dispatcher.
pub(super) struct Connection {
    pub(super) session: Arc<Session>,
    pub(super) peer: Arc<SocketPeer>,
    door: Arc<Door>,
    line: Arc<Line>,
    inbox: Mutex<Inbox>,
}

#[derive(Default)]
struct Inbox {
    events: VecDeque<Event>,
    bytes: usize,
    /// A task is at work, or has done the last there was to do.
    busy: bool,
    ended: bool,
    /// Behind: nothing is read of the whole session until half of it is done.
    behind: bool,
}

impl Inbox {
    /// Whether as much waits as may, or as much of it as one in `part`.
    fn is_full(&self, part: usize, limits: &Limits) -> bool {
        let bytes = limits.packet_bytes.saturating_mul(PENDING_PACKETS);
        self.events.len() * part >= limits.pending_events || self.bytes * part >= bytes
    }
}

/// What there is to do for whoever works the queue.
enum Next {
    Handle(Event),
    /// The next event will spawn a task anew.
    Rest,
    /// The connection has ended, and its last event is done.
    Finish,
}

impl Connection {
    pub(super) fn new(
        door: Arc<Door>,
        session: Arc<Session>,
        peer: Arc<SocketPeer>,
        line: Arc<Line>,
    ) -> Arc<Self> {
        Arc::new(Self {
            session,
            peer,
            door,
            line,
            inbox: Mutex::default(),
        })
    }

    /// Enters the house. The connection hears its namespace when this returns.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<(), AppError> {
        if let Err(error) = self.door.dispatcher.connect(&self.session).await {
            self.abandon();
            return Err(error);
        }
        if let Some(opening) = self.line.kept::<Opening>() {
            opening.incoming.enter(self);
        }
        sockets(self.session.namespace).increment(1);
        self.door.expiry.watch(&self.session);
        Ok(())
    }

    /// Queues an event. No more are read where the queue is full then.
    pub(super) fn push(self: &Arc<Self>, event: Event) {
        let mut inbox = self.inbox();
        if inbox.ended {
            return;
        }
        inbox.bytes += event.bytes();
        inbox.events.push_back(event);
        if !inbox.behind && inbox.is_full(1, self.door.limits()) {
            inbox.behind = true;
            self.line.pause();
        }
        if self.is_to_be_worked(inbox) {
            self.begin();
        }
    }

    /// The connection is gone: nothing more comes. What came before is still handled, as clients emit
    /// and disconnect in one breath. May be called more than once.
    pub(super) fn end(self: &Arc<Self>) {
        self.peer.close();
        if let Some(opening) = self.line.kept::<Opening>() {
            opening.incoming.leave(self);
        }
        let mut inbox = self.inbox();
        if !inbox.ended {
            inbox.ended = true;
            if self.is_to_be_worked(inbox) {
                tokio::spawn(self.clone().drain());
            }
        }
    }

    /// It never came to be: nobody is to be told of its end.
    fn abandon(&self) {
        self.peer.close();
        let mut inbox = self.inbox();
        inbox.ended = true;
        inbox.busy = true;
    }

    /// Whether nobody works the queue yet, so that the caller has to see to it.
    fn is_to_be_worked(&self, mut inbox: MutexGuard<'_, Inbox>) -> bool {
        !std::mem::replace(&mut inbox.busy, true)
    }

    /// Works the queue up to where there is something to wait for, and leaves the rest to a task. Most
    /// events wait for nothing, and a task costs as much as all that is done for one of them.
    fn begin(self: &Arc<Self>) {
        let mut drained = Box::pin(self.clone().drain());
        let mut cx = Context::from_waker(Waker::noop());
        if drained.as_mut().poll(&mut cx).is_pending() {
            // The task polls it anew, so nothing is lost of what the first waker was told.
            tokio::spawn(drained);
        }
    }

    async fn drain(self: Arc<Self>) {
        loop {
            match self.next() {
                Next::Handle(event) => self.serve(&event).await,
                Next::Rest => return,
                Next::Finish => return self.finish().await,
            }
        }
    }

    /// `busy` stays set after the end, so there is one [`Next::Finish`].
    fn next(&self) -> Next {
        let mut inbox = self.inbox();
        let event = inbox.events.pop_front();
        inbox.bytes -= event.as_ref().map_or(0, Event::bytes);
        if inbox.behind && !inbox.is_full(2, self.door.limits()) {
            inbox.behind = false;
            self.line.resume();
        }
        if let Some(event) = event {
            return Next::Handle(event);
        }
        inbox.busy = inbox.ended;
        if inbox.ended {
            Next::Finish
        } else {
            Next::Rest
        }
    }

    async fn serve(&self, event: &Event) {
        #[cfg(feature = "conformance")]
        if super::conformance::echoed(self, event) {
            return;
        }
        let expires = self.session.expires();
        let reply = AssertUnwindSafe(self.handle(event)).catch_unwind().await;
        self.answer(event, reply.unwrap_or_else(|_| Err(self.panicked(event))));
        // A new token may end sooner than the one before.
        if self.session.expires() != expires {
            self.door.expiry.watch(&self.session);
        }
    }

    async fn handle(&self, event: &Event) -> Reply {
        let limits = self.door.limits();
        if event.text.len() > limits.packet_bytes {
            let message = format!("at most {} bytes per packet", limits.packet_bytes);
            return Err(AppError::too_large(message));
        }
        let parsed = Payload::parse(&event.text, event.attachments.clone(), limits);
        if parsed.is_err() && !is_event(&event.text) {
            self.give_up();
        }
        let (name, payload) = parsed?;
        self.door
            .dispatcher
            .dispatch(&self.session, &name, payload)
            .await
    }

    /// Says how it went: in the acknowledgement where one was asked for, else only failures.
    fn answer(&self, event: &Event, reply: Reply) {
        let sent = match (event.ack, reply) {
            (Some(id), reply) => self.peer.ack(id, &acknowledgement(reply), &[]),
            (None, Err(error)) => {
                self.session.emit_error(&event_name(&event.text), &error);
                Ok(())
            }
            (None, Ok(_)) => Ok(()),
        };
        if sent == Err(SendError::Full) {
            metrics::counter!(metric::SLOW_CONSUMERS).increment(1);
            self.peer.kill();
        }
    }

    /// What the client sends is no event: it is not listened to any more.
    fn give_up(&self) {
        let mut inbox = self.inbox();
        inbox.events.clear();
        inbox.bytes = 0;
        drop(inbox);
        self.line
            .close(engineioxide::DisconnectReason::PacketParsingError);
    }

    fn panicked(&self, event: &Event) -> AppError {
        // The name is the client's: shown quoted and cut, so that it cannot fill or forge a log.
        let name: String = event_name(&event.text).chars().take(64).collect();
        error!(conn = %self.session.conn, event = ?name, "a handler panicked");
        AppError::new(Code::Internal, "Internal error")
    }

    async fn finish(&self) {
        self.door.expiry.forget(&self.session.conn);
        sockets(self.session.namespace).decrement(1);
        let told = AssertUnwindSafe(self.door.dispatcher.disconnect(&self.session));
        if told.catch_unwind().await.is_err() {
            error!(conn = %self.session.conn, "a handler panicked at the end of a connection");
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().expect("no panic while held")
    }
}

/// Whether it is the JSON array of an event, whatever stands in it.
fn is_event(text: &str) -> bool {
    let parts = serde_json::from_str::<Vec<serde::de::IgnoredAny>>(text);
    parts.is_ok_and(|parts| !parts.is_empty())
}

/// How many connections a namespace has.
pub(super) fn sockets(namespace: Namespace) -> metrics::Gauge {
    metrics::gauge!(metric::SOCKETS, "namespace" => namespace)
}

/// `[{"ok":true,…}]` or `[{"ok":false,"error":{…}}]`.
fn acknowledgement(reply: Reply) -> String {
    #[derive(Serialize)]
    struct Done {
        ok: bool,
        #[serde(flatten)]
        fields: Map<String, Json>,
    }
    #[derive(Serialize)]
    struct Failed {
        ok: bool,
        error: AppError,
    }
    let text = match reply {
        Ok(fields) => serde_json::to_string(&[Done { ok: true, fields }]),
        Err(error) => serde_json::to_string(&[Failed { ok: false, error }]),
    };
    text.unwrap_or_else(|_| "[]".into())
}

/// What socketioxide keeps of a [`Connection`]: its handler of the end. It is dropped with the socket, so a
/// connection whose CONNECT could not be sent is ended too.
pub(super) struct OnEnd(pub(super) Arc<Connection>);

impl Drop for OnEnd {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl DisconnectHandler<Outlet, ()> for OnEnd {
    fn call_with_defer(
        &self,
        socket: Arc<Socket<Outlet>>,
        _reason: DisconnectReason,
        defer: fn(Arc<Socket<Outlet>>),
    ) {
        self.0.end();
        defer(socket);
    }
}
