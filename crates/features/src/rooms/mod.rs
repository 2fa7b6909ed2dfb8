//! Rooms: creating, joining, leaving, speaking in them, and who is there.

mod events;
mod history;
mod listing;
mod lists;
mod payload;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use starling_kernel::{
    envelope::{Draft, Envelope},
    error::AppError,
    feature::{Call, Feature, Reply, Routes, Services, done, reply},
    id::RoomName,
    ports::{Change, Entry, Leave, Page, Transition},
    session::{Identity, Session},
    topic::Topic,
};

use crate::common::{
    Nothing, member_lists::MemberLists, name_guest, not_to_oneself, once, vouched,
};
use listing::RoomListing;
use lists::ROOM_MEMBERS;
use payload::{Comer, Create, Join, Message, Named, RoomEvent, Said};

pub(crate) struct Rooms {
    services: Arc<Services>,
    lists: Arc<MemberLists>,
    listing: RoomListing,
    require_grant: bool,
}

impl Rooms {
    pub(crate) fn new(services: Arc<Services>, require_grant: bool) -> Self {
        Self {
            lists: MemberLists::new(services.clone(), ROOM_MEMBERS),
            listing: RoomListing::new(services.clone()),
            services,
            require_grant,
        }
    }

    async fn create(self: Arc<Self>, call: Call<Create>) -> Reply {
        let Call {
            session, command, ..
        } = call;
        name_guest(&session, command.username.as_deref())?;
        let room = command.room_name;
        if session.in_room(&room) {
            return Err(AppError::room_exists());
        }
        let entry = Entry::Create {
            private: command.private,
        };
        let membership = &self.services.membership;
        let joining = membership.enter(&session, &room, &entry, 0).await;
        self.listing.changed(&session);
        let joining = joining?;
        session.emit("room-created", &Named { room_name: &room });
        session.emit("joined-room", &Named { room_name: &room });
        joining.open();
        reply(json!({"roomName": room}))
    }

    async fn join(self: Arc<Self>, call: Call<Join>) -> Reply {
        let Call {
            session, command, ..
        } = call;
        name_guest(&session, command.username.as_deref())?;
        let room = command.room_name;
        // A history is long: whoever asks for many gets each when it has taken the one before.
        if !session.takes_more().await {
            return Err(AppError::join_failed());
        }
        if session.in_room(&room) {
            return self.greet_again(&session, &room).await;
        }
        let entry = Entry::Join {
            granted: self.granted(&session, &room).await?,
        };
        let (membership, history) = (&self.services.membership, self.services.limits.history);
        let joining = membership.enter(&session, &room, &entry, history).await;
        self.listing.changed(&session);
        let joining = joining?;
        greet(&session, &room, &joining.page);
        joining.open();
        let place = Topic::room(&room);
        self.lists.greet(&session, &place);
        self.lists.changed(&place);
        reply(json!({"roomName": room}))
    }

    /// Joining again changes nothing; the history and the list of members are sent once more, in their
    /// place. A connection that is being given what it missed gets the rest of that instead of a history:
    /// the newest would come before it.
    async fn greet_again(&self, session: &Arc<Session>, room: &RoomName) -> Reply {
        let waiting = self.services.hub.admit_again(session, &Topic::room(room));
        if let Some(waiting) = waiting {
            let page = history::latest(&self.services, session, room).await?;
            greet(session, room, &page);
            waiting.open_after(page.end());
        } else {
            session.emit("joined-room", &Named { room_name: room });
        }
        self.lists.greet(session, &Topic::room(room));
        self.lists.changed(&Topic::room(room));
        reply(json!({"roomName": room}))
    }

    /// Whether the token vouches for the user. Where every room needs a grant, one that is not
    /// vouched for must hold one.
    async fn granted(&self, session: &Session, room: &RoomName) -> Result<bool, AppError> {
        let vouched = vouched(session, room);
        if self.require_grant && !vouched {
            let user = session.identity().user;
            let found = self.services.backend.rooms.room(room, &user).await;
            let found = found.map_err(|_| AppError::join_failed())?;
            if !found.ok_or_else(AppError::room_not_found)?.granted {
                return Err(AppError::not_authorized());
            }
        }
        Ok(vouched)
    }

    async fn leave(self: Arc<Self>, call: Call<payload::Leave>) -> Reply {
        let (session, room) = (&call.session, &call.command.room_name);
        let how = match session.in_room(room) {
            true => Leave::Now,
            false => Leave::WithinGrace,
        };
        self.services.membership.leave(session, room, how).await;
        self.listing.changed(session);
        done()
    }

    async fn message(self: Arc<Self>, call: Call<Message>) -> Reply {
        let Message {
            room_name,
            text,
            client_id,
        } = call.command;
        let identity = call.session.identity();
        let timestamp = self.services.clock.now();
        let said = Said {
            room_name: &room_name,
            user_id: &identity.user,
            username: &identity.username,
            text: &text,
            timestamp,
        };
        let draft = Draft::new("room-message", &said)?.to_room(call.created);
        let once = once(&identity, client_id);
        let stored = self
            .services
            .hub
            .store(&Topic::room(&room_name), &draft, once.as_ref())
            .await?;
        reply(json!({"id": stored.position.id(), "seq": stored.position.seq}))
    }

    /// A named event with the sender's own data, as it came: not decoded, binary parts included.
    async fn event(self: Arc<Self>, call: Call<RoomEvent>) -> Reply {
        let RoomEvent {
            room_name,
            event,
            data,
        } = call.command;
        let mut envelope = Envelope::new(&event, &data)
            .except(&call.session.conn)
            .to_room(call.created);
        envelope.attachments = call.attachments;
        self.services
            .hub
            .publish(&Topic::room(&room_name), envelope)
            .await;
        done()
    }

    async fn list(self: Arc<Self>, call: Call<Nothing>) -> Reply {
        self.listing.send(&call.session).await
    }

    /// In a large room the lists alone tell who comes and goes.
    fn announce(&self, topic: &Topic, event: &str, transition: &Transition) {
        let Some(room) = topic.room_name() else {
            return;
        };
        self.lists.changed(topic);
        if transition.total > self.services.limits.large_room {
            return;
        }
        let comer = Comer {
            room_name: room,
            user_id: &transition.member.user,
            username: &transition.member.username,
        };
        let mut envelope = Envelope::new(event, &comer).to_room(transition.created);
        not_to_oneself(&mut envelope, transition);
        self.services.hub.emit_local(topic, &envelope);
    }
}

/// What whoever joins gets first.
fn greet(session: &Session, room: &RoomName, page: &Page) {
    history::send(session, room, page);
    session.emit("joined-room", &Named { room_name: room });
}

#[async_trait]
impl Feature for Rooms {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        routes
            .on("/", &events::CREATE, &self, Self::create)
            .on("/", &events::JOIN, &self, Self::join)
            .on("/", &events::LEAVE, &self, Self::leave)
            .on("/", &events::MESSAGE, &self, Self::message)
            .on("/", &events::EVENT, &self, Self::event)
            .on("/", &events::LIST, &self, Self::list);
    }

    fn put_out(&self, session: &Session, room: &RoomName) {
        let Identity { user, username } = session.identity();
        let comer = Comer {
            room_name: room,
            user_id: &user,
            username: &username,
        };
        session.emit("user-left-room", &comer);
    }

    fn transition(&self, transition: &Transition) {
        let Some(topic @ Topic::Room("/", _)) = Topic::parse(&transition.place, crate::NAMESPACES)
        else {
            return;
        };
        match transition.kind {
            Change::Entered => self.announce(&topic, "user-joined-room", transition),
            Change::Left => self.announce(&topic, "user-left-room", transition),
            Change::Restored => self.lists.changed(&topic),
            Change::Updated | Change::Lost => {}
        }
    }

    /// Comings and goings may have been missed: the lists tell how it is.
    fn lost(&self) {
        let topics = self.services.hub.topics();
        let rooms = topics.iter().filter(|topic| topic.room_name().is_some());
        rooms.for_each(|room| self.lists.changed(room));
    }

    fn broken(&self, topic: &Topic, page: &Page) -> Option<Envelope> {
        let room = topic.room_name()?;
        Some(history::begun_anew(room, page))
    }
}
