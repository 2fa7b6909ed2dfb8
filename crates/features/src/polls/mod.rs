//! `/polls`: a question, some options, and each user is counted once.

mod events;
mod payload;
mod results;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::json;
use starling_kernel::{
    envelope::{Draft, Envelope, Keep},
    error::{AppError, Code},
    feature::{Call, Feature, Reply, Routes, Services, reply},
    id,
    ports::{Cast, Page, Rate, Tally, Transition},
    session::Session,
    topic::{Namespace, Topic},
};

use crate::common::{
    once,
    room_streams::{RoomStreams, room_stream},
};
use payload::{Create, InRoom, List, Named, Poll, PollId, Vote, not_found};

const POLLS: Namespace = "/polls";

/// A poll is deleted when it is so old, with its votes.
const LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Polls that are listed of those for everybody, and of each room's: the newest.
const LISTED: usize = 100;

/// How fast a user may make polls, on all nodes together.
const CREATING: Rate = Rate {
    per_second: 1,
    burst: 10,
};

pub(crate) struct Polls {
    services: Arc<Services>,
    rooms: Arc<RoomStreams>,
}

/// Those for everybody are told of here.
fn everybody() -> Topic {
    Topic::Stream(POLLS, "all".into())
}

fn tally(id: &PollId) -> Topic {
    Topic::stream(POLLS, "poll", id.as_str())
}

/// Whom it is told.
fn audience(room: Option<&InRoom>) -> Topic {
    room.map_or_else(everybody, |room| {
        room_stream(POLLS, &room.name, room.created)
    })
}

impl Polls {
    pub(crate) fn new(services: Arc<Services>) -> Self {
        Self {
            rooms: RoomStreams::new(services.clone(), POLLS),
            services,
        }
    }

    /// A repeat with the same `clientId` makes no other poll, and completes what was done half.
    async fn create(self: Arc<Self>, call: Call<Create>) -> Reply {
        let Create {
            question,
            options,
            room_name,
            client_id,
        } = call.command;
        let identity = call.session.identity();
        self.limit(&call.session).await?;
        let client_id = client_id.unwrap_or_else(|| id::random(20));
        let mut poll = Poll {
            id: PollId::made_by(&identity.user, &client_id),
            question,
            options,
            created_by: identity.user.clone(),
            username: identity.username.clone(),
            created_at: self.services.clock.now().0,
            room: room_name.map(|name| InRoom {
                name,
                created: call.created,
            }),
        };
        let data = serde_json::to_string(&poll).map_err(|_| AppError::invalid("poll"))?;
        let (tallies, choices) = (&self.services.backend.tallies, poll.options.len() as u32);
        if !tallies.open(&tally(&poll.id), &data, choices, LIFE).await? {
            (poll, _) = self.find(&call.session, &poll.id).await?;
        }
        let told = json!({"poll": poll.shown(false)});
        let draft = Draft::new("poll-created", &told)?.keep(Keep::Newest(LISTED, LIFE));
        let once = once(&identity, Some(client_id));
        let topic = audience(poll.room.as_ref());
        self.services
            .hub
            .store(&topic, &draft, once.as_ref())
            .await?;
        reply(told)
    }

    /// Polls are kept for long: they are not made at the rate of messages.
    async fn limit(&self, session: &Session) -> Result<(), AppError> {
        let key = format!("polls:{}", session.identity().user);
        let limiter = &self.services.backend.limiter;
        match limiter.take(&key, 1, CREATING).await? {
            None => Ok(()),
            Some(_) => Err(AppError::new(
                Code::RateLimited,
                "Too many polls, wait a little",
            )),
        }
    }

    async fn vote(self: Arc<Self>, call: Call<Vote>) -> Reply {
        let Vote { poll_id, option } = call.command;
        let (poll, _) = self.find(&call.session, &poll_id).await?;
        let tell = results::told(&poll)?;
        let (tallies, user) = (&self.services.backend.tallies, call.session.identity().user);
        match tallies.cast(&tally(&poll_id), &user, option, &tell).await? {
            Cast::Counted(counts) => {
                let total: u64 = counts.iter().sum();
                reply(json!({"counts": counts, "total": total}))
            }
            Cast::Already => Err(AppError::new(Code::AlreadyVoted, "Already voted")),
            Cast::Closed => Err(AppError::new(Code::PollClosed, "Poll is closed")),
            Cast::NoSuchChoice => Err(AppError::invalid("option is none of the poll's")),
            Cast::Missing => Err(not_found()),
        }
    }

    async fn close(self: Arc<Self>, call: Call<Named>) -> Reply {
        let id = call.command.poll_id;
        let (poll, _) = self.find(&call.session, &id).await?;
        if !call.session.is_of(&poll.created_by) {
            let text = "Only who created the poll may close it";
            return Err(AppError::new(Code::NotAuthorized, text));
        }
        let tell = results::closed(&poll)?;
        let (tallies, topic) = (&self.services.backend.tallies, tally(&id));
        let closed = tallies.close(&topic, &tell).await?;
        closed.ok_or_else(not_found)?;
        reply(json!({"pollId": id}))
    }

    async fn get(self: Arc<Self>, call: Call<Named>) -> Reply {
        let (poll, tally) = self.find(&call.session, &call.command.poll_id).await?;
        let total: u64 = tally.counts.iter().sum();
        reply(json!({
            "poll": poll.shown(tally.closed), "counts": tally.counts, "total": total, "voted": tally.own,
        }))
    }

    /// The newest last, as they were told of.
    async fn list(self: Arc<Self>, call: Call<List>) -> Reply {
        let room = call.command.room_name.map(|name| InRoom {
            name,
            created: call.created,
        });
        let log = &self.services.backend.log;
        let page = log.latest(&audience(room.as_ref()), LISTED).await?;
        reply(json!({"polls": results::listed(&page)}))
    }

    /// A poll that the user may see, and how it stands.
    async fn find(&self, session: &Session, id: &PollId) -> Result<(Poll, Tally), AppError> {
        let user = session.identity().user;
        let backend = &self.services.backend;
        let found = backend.tallies.tally(&tally(id), Some(&user)).await?;
        let found = found.ok_or_else(not_found)?;
        let poll: Poll = serde_json::from_str(&found.data).map_err(|_| not_found())?;
        if let Some(InRoom { name, created }) = &poll.room {
            let room = backend.rooms.room(name, &user).await?;
            if !room.is_some_and(|room| room.member && room.created == *created) {
                return Err(AppError::not_a_member());
            }
        }
        Ok((poll, found))
    }

    async fn arrive(&self, session: &Arc<Session>) -> Result<(), AppError> {
        let (hub, topic) = (&self.services.hub, everybody());
        let admission = hub.admit(session, &topic).await?;
        let page = self.services.backend.log.latest(&topic, 0).await?;
        admission.open_after(page.end());
        self.rooms.follow(session).await
    }

    fn depart(&self, session: &Session) {
        self.services.hub.leave(session, &everybody());
        self.rooms.leave(session);
    }
}

#[async_trait]
impl Feature for Polls {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        routes
            .on(POLLS, &events::CREATE, &self, Self::create)
            .on(POLLS, &events::VOTE, &self, Self::vote)
            .on(POLLS, &events::CLOSE, &self, Self::close)
            .on(POLLS, &events::GET, &self, Self::get)
            .on(POLLS, &events::LIST, &self, Self::list);
    }

    async fn connected(&self, session: &Arc<Session>) -> Result<(), AppError> {
        if session.namespace != POLLS {
            return Ok(());
        }
        let arrived = self.arrive(session).await;
        if arrived.is_err() {
            self.depart(session);
        }
        arrived
    }

    async fn disconnected(&self, session: &Arc<Session>) {
        if session.namespace == POLLS {
            self.depart(session);
        }
    }

    fn moved(&self, session: &Arc<Session>, transition: &Transition) {
        if session.namespace == POLLS {
            self.rooms.moved(session, transition);
        }
    }

    /// Results are not stored as messages: how they stand is told again.
    fn lost(&self) {
        self.rooms.lost();
        results::tell_again(&self.services);
    }

    fn broken(&self, topic: &Topic, page: &Page) -> Option<Envelope> {
        match topic {
            Topic::Stream(POLLS, _) => {
                let polls = json!({"polls": results::listed(page)});
                Some(Envelope::new("poll-list", &polls))
            }
            _ => None,
        }
    }
}
