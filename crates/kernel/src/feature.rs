//! How a feature joins the house: one folder, one registry line.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use bytes::Bytes;
use metrics::Counter;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    envelope::Envelope,
    error::AppError,
    event::{Event, Events},
    hub::Hub,
    id::RoomName,
    limits::Limits,
    membership::Membership,
    payload::Payload,
    ports::{Backend, Page, Transition},
    session::{Session, Tokens},
    time::{Clock, Stamp},
    topic::{Namespace, Topic},
};

/// What features work with.
pub struct Services {
    /// The ports.
    pub backend: Backend,
    /// Messages to connections.
    pub hub: Arc<Hub>,
    /// Who is where.
    pub membership: Arc<Membership>,
    /// Limits.
    pub limits: Limits,
    /// Cluster time.
    pub clock: Arc<Clock>,
    /// Tokens.
    pub tokens: Arc<dyn Tokens>,
}

/// What a handler returns: the fields of the acknowledgement beside `ok`.
pub type Reply = Result<Map<String, Value>, AppError>;

/// The acknowledgement `{ok: true}`.
pub fn done() -> Reply {
    Ok(Map::new())
}

/// The acknowledgement with the fields of a `json!({…})`.
pub fn reply(fields: Value) -> Reply {
    match fields {
        Value::Object(fields) => Ok(fields),
        _ => done(),
    }
}

/// What a client asks for, decoded. Unknown fields are ignored, as Socket.IO users expect.
pub trait Command: DeserializeOwned + Send + 'static {
    /// Checks what types cannot say.
    fn check(&self, _limits: &Limits) -> Result<(), AppError> {
        Ok(())
    }

    /// The room that the user must be a member of: on this connection, on another one, or within the
    /// grace. (A client sends what it buffered while it was away before it can ask to be restored.)
    fn room(&self) -> Option<&RoomName> {
        None
    }
}

/// Anything, or nothing: the handler looks at it itself, or not at all.
impl Command for Value {}
impl Command for Box<RawValue> {}

/// A decoded, checked and permitted command on its way to its handler.
pub struct Call<C> {
    /// From whom.
    pub session: Arc<Session>,
    /// What.
    pub command: C,
    /// Its binary parts.
    pub attachments: Vec<Bytes>,
    /// When the room was created that the command is about ([`Command::room`]): what it says is for
    /// nobody in another one of that name.
    pub created: Stamp,
}

/// A piece of what the cluster does for its users.
#[async_trait]
pub trait Feature: Send + Sync {
    /// Declares the events it handles.
    fn routes(self: Arc<Self>, routes: &mut Routes);

    /// A connection is about to be told that it is connected. An error refuses it: the client gets a
    /// `connect_error` with its message. Whoever refuses undoes what it did itself.
    async fn connected(&self, _session: &Arc<Session>) -> Result<(), AppError> {
        Ok(())
    }

    /// A connection is gone; called once, after its last event, or when another feature refused it.
    async fn disconnected(&self, _session: &Arc<Session>) {}

    /// Somebody came, went or changed; called on every node that has to know, in the order of the place
    /// (or the partition, of a namespace), for several places at the same time. Must not
    /// wait: spawn what takes long.
    fn transition(&self, _transition: &Transition) {}

    /// The user of a connection that listens to [`Topic::Moves`] entered or left a room of the root
    /// namespace; in order. Must not wait.
    fn moved(&self, _session: &Arc<Session>, _transition: &Transition) {}

    /// A connection was put out of a room, and did not ask for it. Must not wait.
    fn put_out(&self, _session: &Session, _room: &RoomName) {}

    /// Another node has told something that is not stored, on a topic that has listeners here. Called for
    /// each such message, in the order of its topic. Must not wait.
    fn heard(&self, _topic: &Topic, _envelope: &Envelope) {}

    /// The topic's history has a hole that cannot be filled, or began anew; `page` is the newest that
    /// is held. Returns what to tell the connections that miss something, instead of what they miss.
    /// Must not wait.
    fn broken(&self, _topic: &Topic, _page: &Page) -> Option<Envelope> {
        None
    }

    /// Unstored messages may have been lost on any topic. Must not wait.
    fn lost(&self) {}
}

type Handled = Pin<Box<dyn Future<Output = Reply> + Send>>;

type Handle = dyn Fn(Arc<Session>, Payload, Arc<Services>) -> Handled + Send + Sync;

/// A decoder, checker and handler of one event.
pub(crate) struct Route {
    pub(crate) handle: Box<Handle>,
    /// Tokens of the connection's rate limit that an event takes.
    pub(crate) cost: f64,
    /// Counts those that went well: to look it up costs as much as to parse an event.
    pub(crate) went_well: OnceLock<Counter>,
}

/// All events of all namespaces, and what is told of them.
#[derive(Default)]
pub struct Routes {
    pub(crate) by_namespace: HashMap<Namespace, HashMap<&'static str, Route>>,
    told: Events,
}

impl Routes {
    /// Sends `event` on `namespace` to `handler`, a method of `feature`.
    ///
    /// # Panics
    /// When two features want the same event: a mistake of the programmer's, seen at start.
    pub fn on<F, C, H, Fut>(
        &mut self,
        namespace: Namespace,
        event: &'static Event,
        feature: &Arc<F>,
        handler: H,
    ) -> &mut Self
    where
        F: Send + Sync + 'static,
        C: Command,
        H: Fn(Arc<F>, Call<C>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        let feature = feature.clone();
        let handle = move |session: Arc<Session>, payload: Payload, services: Arc<Services>| {
            let feature = feature.clone();
            Box::pin(async move {
                let command: C = payload.decode()?;
                command.check(&services.limits)?;
                let created = match command.room() {
                    Some(room) => require_member(&session, room, &services).await?,
                    None => Stamp::default(),
                };
                let attachments = payload.attachments;
                handler(
                    feature,
                    Call {
                        session,
                        command,
                        attachments,
                        created,
                    },
                )
                .await
            }) as Handled
        };
        let events = self.by_namespace.entry(namespace).or_default();
        let before = events.insert(
            event.name,
            Route {
                handle: Box::new(handle),
                cost: event.cost,
                went_well: OnceLock::new(),
            },
        );
        assert!(
            before.is_none(),
            "two handlers for {namespace} {}",
            event.name
        );
        self.tell(namespace, event)
    }

    /// Declares what happens on `namespace` without an event of a client's.
    pub fn tell(&mut self, namespace: Namespace, event: &'static Event) -> &mut Self {
        self.told.entry(namespace).or_default().push(event);
        self
    }

    /// What was declared.
    pub fn told(&self) -> &Events {
        &self.told
    }

    /// The namespaces that have events.
    pub fn namespaces(&self) -> Vec<Namespace> {
        let mut all: Vec<_> = self.by_namespace.keys().copied().collect();
        all.sort_unstable();
        all
    }

    /// The names of all events.
    pub fn events(&self) -> impl Iterator<Item = &'static str> {
        self.by_namespace
            .values()
            .flat_map(|events| events.keys().copied())
    }
}

/// When the room was created that the user is a member of.
async fn require_member(
    session: &Session,
    room: &RoomName,
    services: &Services,
) -> Result<Stamp, AppError> {
    if let Some(created) = session.created(&Topic::room(room)) {
        return Ok(created);
    }
    let user = session.identity().user;
    match services.backend.rooms.room(room, &user).await? {
        Some(room) if room.member => Ok(room.created),
        Some(_) => Err(AppError::not_a_member()),
        None => Err(AppError::room_not_found()),
    }
}
