//! Orders to all nodes: each carries them out on its own connections.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{Leave, Membership, Order, Session, Stamp, Topic, UserId};

/// How long a connection that logged out may still take to get its acknowledgement.
const LAST_WORDS: Duration = Duration::from_millis(50);

impl Membership {
    /// Orders of which this node will never hear may have been given: restoring everything finds out
    /// whom they concerned.
    pub(crate) fn orders_lost(&self) {
        if !self.lease.is_settling() {
            self.lease.doubt();
        }
    }

    pub(crate) fn obey(&self, order: &Order) {
        let Some(me) = self.me.upgrade() else {
            return;
        };
        for session in self.sessions_of(order.user()) {
            match order {
                Order::Disconnect { at, .. } if session.since() <= *at => me.end(&session),
                Order::Leave { room, at, .. } => {
                    let (me, topic, at) = (me.clone(), Topic::room(room), *at);
                    tokio::spawn(async move { me.put_out_of(&session, &topic, at).await });
                }
                _ => {}
            }
        }
    }

    fn sessions_of(&self, user: &UserId) -> Vec<Arc<Session>> {
        let sessions = self.sessions();
        let is_theirs = |session: &&Arc<Session>| session.is_of(user);
        sessions.values().filter(is_theirs).cloned().collect()
    }

    /// Ends a connection whose user logged out.
    pub(super) fn end(self: &Arc<Self>, session: &Arc<Session>) {
        if !session.end() {
            return;
        }
        let (me, session) = (self.clone(), session.clone());
        tokio::spawn(async move {
            {
                let _turn = session.turn.lock().await;
                me.leave_all(&session, Leave::Now).await;
            }
            sleep(LAST_WORDS).await;
            session.peer.disconnect();
        });
    }

    async fn put_out_of(&self, session: &Arc<Session>, topic: &Topic, at: Stamp) {
        let _turn = session.turn.lock().await;
        if session.places(|places| places.get(topic).is_some_and(|held| held.since <= at)) {
            self.leave_place(session, topic, Leave::Now).await;
            self.tell_put_out(session, topic);
        }
    }

    /// Tells a connection that it is not in the room any more, and did not ask for it.
    pub(super) fn tell_put_out(&self, session: &Arc<Session>, topic: &Topic) {
        if let (Some(room), Some(features)) = (topic.room_name(), self.features.get()) {
            features.iter().for_each(|f| f.put_out(session, room));
        }
    }
}
