//! One connection to one namespace, and who is behind it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

use serde::Serialize;
use tokio::time::sleep;

use crate::{
    envelope::Envelope,
    error::AppError,
    id::{ConnId, RoomName, UserId},
    limits::Limits,
    ports::Held,
    rate::Meter,
    time::{Stamp, Timestamp},
    topic::{Namespace, Topic},
};

/// A client that has taken all but so many bytes is given more of what is long.
const UNTAKEN: usize = 64 * 1024;

/// How often is looked whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Why a message could not be handed to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Its queue is full: it does not read.
    Full,
    /// It is gone.
    Closed,
}

/// The transport's side of a connection. Everything that leaves goes through [`Peer::send`].
pub trait Peer: Send + Sync {
    /// Queues or writes a message; never waits. Messages arrive in the order of the calls, which several
    /// threads make. Not to call the hub. What is the same for many is made once: [`Envelope::encoded`].
    fn send(&self, envelope: &Envelope) -> Result<(), SendError>;

    /// Reads what [`Peer::send`] is about to need, and does nothing with it. Called for many one after the
    /// other, the processor fetches it for all of them at once; in the middle of sending it would wait
    /// for each.
    fn fetch(&self) {}

    /// Bytes that were sent and that the client has not taken yet, as far as the transport knows.
    /// What is long is sent in parts, each when the one before has been taken.
    fn backlog(&self) -> usize;

    /// Whether it has ended: nothing can be sent any more.
    fn closed(&self) -> bool;

    /// Ends the connection for good: the client does not come back by itself.
    fn disconnect(&self);

    /// Ends the transport: the client comes back by itself. For the slow and the flooding.
    fn kill(&self);
}

/// Who is behind a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Public id.
    pub user: UserId,
    /// Shown to others.
    pub username: String,
}

/// What a verified token says, or what a guest is given.
#[derive(Clone, Debug)]
pub struct Claims {
    /// Who.
    pub identity: Identity,
    /// From no token.
    pub guest: bool,
    /// Has the role `admin`.
    pub admin: bool,
    /// Patterns of the rooms that the user may join; `*` matches any run of characters.
    pub rooms: Vec<String>,
    /// When the token ends.
    pub expires: Option<Timestamp>,
}

/// What a client said when it connected, beside its token. Nothing of it is checked: whoever reads it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// The room that the connection is about, as it was written. No longer than [`Handshake::ROOM_BYTES`]:
    /// what was longer is cut, and still too long for any name.
    pub room: Option<String>,
    /// Whether it wants messages in batches.
    pub batch: bool,
    /// Who a guest is: a secret of its own. No longer than [`Handshake::GUEST_BYTES`], cut as the room is.
    pub guest: Option<String>,
}

impl Handshake {
    /// The most bytes that are kept of [`Handshake::room`].
    pub const ROOM_BYTES: usize = 256;
    /// The most bytes that are kept of [`Handshake::guest`].
    pub const GUEST_BYTES: usize = 256;
}

/// Why a token is refused; the texts are the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// None was sent.
    #[error("Authentication required")]
    Missing,
    /// Wrong in any way.
    #[error("Invalid token")]
    Invalid,
    /// Was good once.
    #[error("Token expired")]
    Expired,
}

/// Verifies tokens.
pub trait Tokens: Send + Sync {
    /// Who the token stands for, now.
    fn verify(&self, token: &str) -> Result<Claims, TokenError>;
}

/// One connection to one namespace.
pub struct Session {
    /// Public id of the connection.
    pub conn: ConnId,
    /// The namespace it is on.
    pub namespace: Namespace,
    /// What it said when it connected.
    pub handshake: Handshake,
    /// Its transport.
    pub peer: Arc<dyn Peer>,
    claims: RwLock<Claims>,
    state: Mutex<State>,
    /// Held through each step that changes where it is, so that steps of one connection follow each
    /// other. Only [`crate::membership`] takes it.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

struct State {
    meter: Meter,
    since: Stamp,
    ended: bool,
    places: BTreeMap<Topic, Held>,
}

impl Session {
    /// A session of a connection that was just accepted.
    pub fn new(
        namespace: Namespace,
        claims: Claims,
        handshake: Handshake,
        peer: Arc<dyn Peer>,
        limits: &Limits,
    ) -> Self {
        Self {
            conn: ConnId::random(),
            namespace,
            handshake,
            peer,
            claims: RwLock::new(claims),
            state: Mutex::new(State {
                meter: Meter::new(limits),
                since: Stamp::default(),
                ended: false,
                places: BTreeMap::new(),
            }),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Who is behind it now; a guest's identity changes when it registers.
    pub fn identity(&self) -> Identity {
        self.with_claims(|claims| claims.identity.clone())
    }

    /// Whether this user is behind it.
    pub fn is_of(&self, user: &UserId) -> bool {
        self.with_claims(|claims| claims.identity.user == *user)
    }

    /// Looks at what it may do.
    pub fn with_claims<T>(&self, look: impl FnOnce(&Claims) -> T) -> T {
        look(&self.claims.read().expect("no panic while held"))
    }

    /// What it may do.
    pub fn claims(&self) -> Claims {
        self.claims.read().expect("no panic while held").clone()
    }

    /// When its token ends, if it has one that does.
    pub fn expires(&self) -> Option<Timestamp> {
        self.claims.read().expect("no panic while held").expires
    }

    /// Replaces the claims, after a new token or a guest's registration.
    pub fn set_claims(&self, claims: Claims) {
        *self.claims.write().expect("no panic while held") = claims;
    }

    /// Sends an event with one argument to this connection only.
    pub fn emit(&self, event: &str, data: &impl Serialize) {
        self.send(&Envelope::new(event, data));
    }

    /// Sends to this connection only. One that cannot take it is killed: it comes back and restores
    /// its session, which a silent hole would not let it do.
    pub fn send(&self, envelope: &Envelope) {
        if self.peer.send(envelope) == Err(SendError::Full) {
            metrics::counter!(crate::metric::SLOW_CONSUMERS).increment(1);
            self.peer.kill();
        }
    }

    /// Waits until the client has taken most of what it was sent; `false` where the connection has
    /// ended. The transport sees to it that one that takes nothing ends.
    pub async fn takes_more(&self) -> bool {
        while !self.peer.closed() {
            if self.peer.backlog() <= UNTAKEN {
                return true;
            }
            sleep(LOOK_AGAIN).await;
        }
        false
    }

    /// Tells the client of a failure that no acknowledgement can carry.
    pub fn emit_error(&self, event: &str, error: &AppError) {
        #[derive(Serialize)]
        struct Wire<'a> {
            code: &'a str,
            message: &'a str,
            event: &'a str,
        }
        let (code, message) = (error.code.as_str(), error.message.as_ref());
        self.emit(
            "error",
            &Wire {
                code,
                message,
                event,
            },
        );
    }

    /// Whether this connection is in the room.
    pub fn in_room(&self, room: &RoomName) -> bool {
        self.created(&Topic::room(room)).is_some()
    }

    /// When the room was created that this connection is in; zero for a place that is no room.
    pub fn created(&self, place: &Topic) -> Option<Stamp> {
        self.lock().places.get(place).map(|held| held.created)
    }

    /// The rooms this connection is in.
    pub fn rooms(&self) -> Vec<RoomName> {
        let state = self.lock();
        let rooms = state.places.keys().filter_map(Topic::room_name);
        rooms.cloned().collect()
    }

    /// Whether the user is announced as present through this connection.
    pub fn registered(&self) -> bool {
        let online = Topic::Namespace(self.namespace);
        self.lock().places.contains_key(&online)
    }

    /// Where it is, for [`crate::membership`], which alone changes it.
    pub(crate) fn places<T>(&self, with: impl FnOnce(&mut BTreeMap<Topic, Held>) -> T) -> T {
        with(&mut self.lock().places)
    }

    /// When it connected, or its user was announced through it.
    pub(crate) fn since(&self) -> Stamp {
        self.lock().since
    }

    /// Sets [`Session::since`].
    pub(crate) fn set_since(&self, since: Stamp) {
        self.lock().since = since;
    }

    /// Whether the user logged out: the connection is about to be closed, and nothing it still sends
    /// counts.
    pub fn ended(&self) -> bool {
        self.lock().ended
    }

    /// Sets [`Session::ended`]; `false` where it was already.
    pub(crate) fn end(&self) -> bool {
        !std::mem::replace(&mut self.lock().ended, true)
    }

    /// Its rate limit.
    pub fn meter<T>(&self, with: impl FnOnce(&mut Meter) -> T) -> T {
        with(&mut self.lock().meter)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }
}
