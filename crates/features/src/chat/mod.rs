//! `/chat`: one conversation of everybody who joined, and messages between two.

mod events;
mod payload;
mod whispers;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::json;
use starling_kernel::{
    envelope::{Draft, Envelope, Keep},
    error::{AppError, Code},
    feature::{Call, Feature, Reply, Routes, Services, done, reply},
    ports::{Change, Members, Page, Transition},
    session::Session,
    time::Stamp,
    topic::{Namespace, Topic},
};

use crate::common::{
    Cut, Nothing,
    member_lists::{MemberLists, Told},
    name_guest, not_to_oneself, once,
    typists::Typists,
};
use payload::{Comer, Join, Listed, Said, Say};

const CHAT: Namespace = "/chat";

/// Who has joined is in this place.
const JOINED: Topic = Topic::Namespace(CHAT);

/// After this time without a message the conversation is forgotten.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Messages that are kept; each who joins is sent them.
const HISTORY: usize = 100;

const USER_LIST: Told = Told {
    audience: |_| conversation(),
    encode: user_list,
};

pub(crate) struct Chat {
    services: Arc<Services>,
    lists: Arc<MemberLists>,
    typists: Arc<Typists>,
}

/// What those who joined listen to.
fn conversation() -> Topic {
    Topic::Stream(CHAT, "all".into())
}

impl Chat {
    pub(crate) fn new(services: Arc<Services>) -> Self {
        Self {
            lists: MemberLists::new(services.clone(), USER_LIST),
            typists: Typists::new(services.clone()),
            services,
        }
    }

    /// What was said comes first, then what is said from now on. Joining again sends it once more.
    async fn join(self: Arc<Self>, call: Call<Join>) -> Reply {
        let session = &call.session;
        name_guest(session, call.command.username.as_deref())?;
        if !session.takes_more().await {
            return Err(AppError::unavailable());
        }
        let (hub, topic) = (&self.services.hub, conversation());
        let admission = hub.admit_anyhow(session, &topic).await?;
        self.services.membership.register(session, false).await?;
        if let Some(admission) = admission {
            let page = self.services.backend.log.latest(&topic, HISTORY).await?;
            session.send(&history(&page));
            admission.open_after(page.end());
        }
        whispers::listen(&self.services, session).await?;
        self.lists.greet(session, &JOINED);
        self.lists.changed(&JOINED);
        let identity = session.identity();
        reply(json!({"userId": identity.user, "username": identity.username}))
    }

    async fn message(self: Arc<Self>, call: Call<Say>) -> Reply {
        require_joined(&self.services, &call.session).await?;
        let identity = call.session.identity();
        let said = Said {
            user_id: &identity.user,
            username: &identity.username,
            text: &call.command.text,
            timestamp: self.services.clock.now(),
        };
        let keep = Keep::Newest(HISTORY, REMEMBERED);
        let draft = Draft::new("chat-message", &said)?.keep(keep);
        let once = once(&identity, call.command.client_id);
        let hub = &self.services.hub;
        let stored = hub.store(&conversation(), &draft, once.as_ref()).await?;
        reply(json!({"id": stored.position.id(), "seq": stored.position.seq}))
    }

    async fn typing(self: Arc<Self>, call: Call<Nothing>) -> Reply {
        require_joined(&self.services, &call.session).await?;
        let audience = (conversation(), Stamp::default());
        self.typists.start(&call.session, audience).await;
        done()
    }

    async fn stop_typing(self: Arc<Self>, call: Call<Nothing>) -> Reply {
        let audience = (conversation(), Stamp::default());
        self.typists.stop(&call.session, audience).await;
        done()
    }

    fn announce(&self, event: &str, transition: &Transition) {
        let comer = Comer {
            user_id: &transition.member.user,
            username: &transition.member.username,
            timestamp: transition.at,
        };
        let mut envelope = Envelope::new(event, &comer);
        not_to_oneself(&mut envelope, transition);
        self.services.hub.emit_local(&conversation(), &envelope);
    }

    /// Sends a list, where anybody here is to see it.
    fn list(&self) {
        if !self.services.hub.listeners(&conversation()).is_empty() {
            self.lists.changed(&JOINED);
        }
    }
}

/// Whoever joined may speak, on this connection, on another one, or within the grace.
async fn require_joined(services: &Services, session: &Session) -> Result<(), AppError> {
    if session.registered() {
        return Ok(());
    }
    let user = session.identity().user;
    let found = services
        .backend
        .presence
        .whereabouts(&JOINED, &user)
        .await?;
    match found.member {
        Some(_) => Ok(()),
        None => Err(AppError::new(Code::NotJoined, "Please join first")),
    }
}

fn history(page: &Page) -> Envelope {
    Envelope::new("history", &page.messages())
}

fn user_list(_: &Topic, members: &Members) -> Envelope {
    let list = members.list.iter();
    let list: Vec<_> = list
        .map(|(member, at)| Listed {
            id: &member.user,
            username: &member.username,
            joined_at: *at,
        })
        .collect();
    let cut = Cut::new(list.len(), members.total);
    Envelope::with_args("user-list", &(list, cut))
}

#[async_trait]
impl Feature for Chat {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        routes
            .on(CHAT, &events::JOIN, &self, Self::join)
            .on(CHAT, &events::MESSAGE, &self, Self::message)
            .on(CHAT, &events::TYPING, &self, Self::typing)
            .on(CHAT, &events::STOP_TYPING, &self, Self::stop_typing)
            .on(CHAT, &events::WHISPER, &self, Self::whisper)
            .tell(CHAT, &events::GONE);
    }

    async fn disconnected(&self, session: &Arc<Session>) {
        if session.namespace == CHAT {
            self.services.hub.leave(session, &conversation());
            whispers::leave(&self.services, session);
            self.typists.gone(session).await;
        }
    }

    fn heard(&self, topic: &Topic, envelope: &Envelope) {
        if let Topic::Stream(CHAT, _) = topic {
            self.typists.heard(topic, envelope);
        }
    }

    fn transition(&self, transition: &Transition) {
        if transition.place != CHAT {
            return;
        }
        match transition.kind {
            Change::Entered if transition.again => {}
            Change::Entered => self.announce("user-joined", transition),
            Change::Left => self.announce("user-left", transition),
            Change::Lost => return,
            Change::Updated | Change::Restored => {}
        }
        self.list();
    }

    /// Comings and goings may have been missed: the list tells how it is.
    fn lost(&self) {
        self.list();
    }

    fn broken(&self, topic: &Topic, page: &Page) -> Option<Envelope> {
        match topic {
            Topic::Presence(_) => self.list(),
            topic if *topic == conversation() => return Some(begun_anew(page)),
            topic => return whispers::broken(topic, page),
        }
        None
    }
}

/// There is a hole before what is held.
fn begun_anew(page: &Page) -> Envelope {
    Envelope::with_args("history", &(page.messages(), json!({"recovered": false})))
}
