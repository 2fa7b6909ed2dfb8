//! `room-list`: the public rooms are read once an interval for everybody, the private ones for each.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use serde_json::json;
use starling_kernel::{
    envelope::Envelope,
    feature::{Reply, Services, reply},
    id::UserId,
    ports::{Listing, PortError, PortResult, Room},
    session::Session,
};
use tokio::{sync::watch, time::Instant};

use super::payload::Listed;
use crate::common::Cut;

/// What `list-rooms` is answered with.
pub(super) struct RoomListing {
    services: Arc<Services>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last reading of the public rooms, perhaps still under way.
    latest: Option<Reading>,
    /// Who changed something since it began: it need not show that.
    changed: HashSet<UserId>,
}

type Answer = Option<PortResult<Arc<Public>>>;

struct Reading {
    until: Instant,
    answer: watch::Receiver<Answer>,
}

/// The public rooms, and the list of whoever sees nothing else.
struct Public {
    listing: Listing,
    alone: (Envelope, Cut),
}

impl Reading {
    /// Whether it may be shown. One that failed is not, and one that is under way is waited for,
    /// however long it takes.
    fn is_good(&self) -> bool {
        match &*self.answer.borrow() {
            Some(Ok(_)) => Instant::now() < self.until,
            Some(Err(_)) => false,
            None => self.answer.has_changed().is_ok(),
        }
    }
}

impl RoomListing {
    pub(super) fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            state: Mutex::default(),
        }
    }

    /// The session's user may have created, entered or left a room just now, and sees that in the
    /// next list; others see it within an interval.
    pub(super) fn changed(&self, session: &Session) {
        let mut state = self.lock();
        if state.latest.as_ref().is_some_and(Reading::is_good) {
            state.changed.insert(session.identity().user);
        } else {
            *state = State::default();
        }
    }

    /// Sends the public rooms, and the private ones that the user may join.
    pub(super) async fn send(&self, session: &Session) -> Reply {
        let limit = self.services.limits.list_entries;
        let claims = session.claims();
        let (user, rooms) = (&claims.identity.user, &self.services.backend.rooms);
        let (public, private) =
            tokio::try_join!(self.public(user), rooms.private(user, &claims.rooms, limit))?;
        let both;
        let (list, cut) = match private.total {
            0 => &public.alone,
            _ => {
                both = list(&merge(&public.listing, private), limit);
                &both
            }
        };
        session.send(list);
        reply(json!({"total": cut.total, "truncated": cut.truncated}))
    }

    async fn public(&self, user: &UserId) -> PortResult<Arc<Public>> {
        let mut answer = self.reading(user);
        let answer = answer.wait_for(Option::is_some).await;
        let found = answer.ok().and_then(|answer| answer.clone());
        found.unwrap_or_else(|| Err(PortError::NotSent("the reading ended".to_owned())))
    }

    /// The last reading, or where it does not do for `user` a new one.
    fn reading(&self, user: &UserId) -> watch::Receiver<Answer> {
        let mut state = self.lock();
        if let Some(latest) = state.latest.as_ref().filter(|latest| latest.is_good())
            && !state.changed.contains(user)
        {
            return latest.answer.clone();
        }
        let (sender, answer) = watch::channel(None);
        state.changed.clear();
        state.latest = Some(Reading {
            until: Instant::now() + self.services.limits.list_interval,
            answer: answer.clone(),
        });
        // Of its own, so that it ends though whoever asked is gone.
        tokio::spawn(read(self.services.clone(), sender));
        answer
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }
}

async fn read(services: Arc<Services>, answer: watch::Sender<Answer>) {
    let limit = services.limits.list_entries;
    let listing = services.backend.rooms.public(limit).await;
    let public = listing.map(|listing| {
        Arc::new(Public {
            alone: list(&listing, limit),
            listing,
        })
    });
    answer.send_replace(Some(public));
}

/// Both together. A public room that ended since it was read may have given its name to a private one.
fn merge(public: &Listing, private: Listing) -> Listing {
    let names: HashSet<_> = private.rooms.iter().map(|room| &room.name).collect();
    let others = public.rooms.iter();
    let others: Vec<_> = others.filter(|room| !names.contains(&room.name)).collect();
    let gone = public.rooms.len() - others.len();
    let mut rooms: Vec<Room> = others.into_iter().cloned().collect();
    rooms.extend(private.rooms);
    rooms.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
    Listing {
        rooms,
        total: public.total + private.total - gone as u64,
    }
}

fn list(listing: &Listing, limit: usize) -> (Envelope, Cut) {
    let rooms = listing.rooms.iter().take(limit).map(Listed::from);
    let rooms: Vec<_> = rooms.collect();
    let cut = Cut::new(rooms.len(), listing.total);
    (Envelope::with_args("room-list", &(&rooms, &cut)), cut)
}
