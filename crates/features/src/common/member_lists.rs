//! Lists of who is in a place, coalesced and paced: however many come and go, a place's list is sent
//! once an interval, and the more rarely the more it costs. The last one always tells how it is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use starling_kernel::{
    envelope::Envelope, feature::Services, ports::Members, session::Session, topic::Topic,
};
use tokio::{sync::Semaphore, time::sleep};

/// Lists read at the same time: after a reconnect all rooms want one.
const AT_ONCE: usize = 16;

/// Pause before a list that could not be read is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// What is told of a place, and to whom.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    /// Who is told.
    pub(crate) audience: fn(&Topic) -> Topic,
    /// The list, as they get it.
    pub(crate) encode: fn(&Topic, &Members) -> Envelope,
}

/// Lists of the places that this node has listeners for.
pub(crate) struct MemberLists {
    services: Arc<Services>,
    told: Told,
    /// Places whose list was sent of late.
    recent: Mutex<HashMap<Topic, Recent>>,
    turns: Semaphore,
}

#[derive(Default)]
struct Recent {
    /// It has changed since.
    again: bool,
    /// The list, where the next one may be long in coming: for those who join meanwhile.
    list: Option<Envelope>,
}

impl MemberLists {
    pub(crate) fn new(services: Arc<Services>, told: Told) -> Arc<Self> {
        Arc::new(Self {
            services,
            told,
            recent: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
        })
    }

    /// Sends the list now, or when the pause since the last one is over.
    pub(crate) fn changed(self: &Arc<Self>, place: &Topic) {
        let mut recent = self.lock();
        if let Some(recent) = recent.get_mut(place) {
            recent.again = true;
            return;
        }
        recent.insert(place.clone(), Recent::default());
        tokio::spawn(self.clone().send_while_changing(place.clone()));
    }

    /// Sends a comer the last list, where the next one may be long in coming.
    pub(crate) fn greet(&self, session: &Session, place: &Topic) {
        let list = self
            .lock()
            .get(place)
            .and_then(|recent| recent.list.clone());
        let created = session.created(place);
        if let Some(list) = list.filter(|list| created == Some(list.created)) {
            session.send(&list);
        }
    }

    async fn send_while_changing(self: Arc<Self>, place: Topic) {
        loop {
            let pause = self.send(&place).await;
            sleep(pause).await;
            let mut recent = self.lock();
            match recent.get_mut(&place) {
                Some(recent) if recent.again => recent.again = false,
                _ => {
                    recent.remove(&place);
                    return;
                }
            }
        }
    }

    /// Each node reads the list for its own listeners: what they see is how it is, whatever was
    /// missed on the way. Returns when the next one may be sent.
    async fn send(&self, place: &Topic) -> Duration {
        let limits = &self.services.limits;
        let members = {
            let _turn = self.turns.acquire().await;
            let presence = &self.services.backend.presence;
            presence.members(place, limits.list_entries).await
        };
        let Ok(members) = members else {
            self.again(place);
            return RETRY;
        };
        let list = (self.told.encode)(place, &members);
        let audience = (self.told.audience)(place);
        let receivers = self.services.hub.emit_local(&audience, &list);
        let bytes = list.text.len().saturating_mul(receivers);
        let pause = Duration::from_secs(1).mul_f64(bytes as f64 / limits.list_bytes_per_second);
        if pause > limits.list_interval {
            self.keep(place, list);
        }
        pause.max(limits.list_interval)
    }

    fn again(&self, place: &Topic) {
        if let Some(recent) = self.lock().get_mut(place) {
            recent.again = true;
        }
    }

    fn keep(&self, place: &Topic, list: Envelope) {
        if let Some(recent) = self.lock().get_mut(place) {
            recent.list = Some(list);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Topic, Recent>> {
        self.recent.lock().expect("no panic while held")
    }
}
