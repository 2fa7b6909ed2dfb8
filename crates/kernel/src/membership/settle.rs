//! A new life: everything that is noted here is restored in the backend.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::time::sleep;
use tracing::warn;

use super::{
    AT_ONCE, Entered, Entry, Held, Membership, PortError, PortResult, Session, Topic, member,
};
use crate::id::Incarnation;

/// Pause before a step that could not be sent is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// Restores everything, then lets the old life go: nobody is gone between.
pub(super) async fn settle(membership: Arc<Membership>, old: Incarnation) {
    // Orders that were missed are looked for first: restoring respects what they were about.
    membership.hub.compare_presence();
    let settled = async {
        membership.restore_all().await?;
        membership.port.retire(&old).await
    };
    match settled.await {
        Ok(()) => {
            membership.hub.compare();
            // If this fails, it is on the list of the next beat.
            let _ = membership.port.reap(&old).await;
        }
        Err(error) => {
            warn!(%error, "could not settle in the new incarnation");
            membership.lease.doubt_later();
        }
    }
    membership.lease.settled();
}

impl Membership {
    async fn restore_all(&self) -> PortResult<()> {
        let all = stream::iter(self.all_sessions());
        let restored = all.map(|session| async move { self.restore_session(&session).await });
        let mut restored = restored.buffer_unordered(AT_ONCE);
        while let Some(result) = restored.next().await {
            result?;
        }
        Ok(())
    }

    /// Where a step cannot be sent it waits, and lets the connection go on meanwhile.
    async fn restore_session(&self, session: &Arc<Session>) -> PortResult<()> {
        loop {
            match self.try_restore(session).await {
                Err(PortError::NotSent(_)) => sleep(PAUSE).await,
                other => return other,
            }
        }
    }

    async fn try_restore(&self, session: &Arc<Session>) -> PortResult<()> {
        let _turn = session.turn.lock().await;
        let places: Vec<_> = session.places(|places| {
            let all = places.iter();
            all.map(|(topic, held)| (topic.clone(), held.clone()))
                .collect()
        });
        // Rooms first: who is told of a user's return is who shares a room with it.
        let (rooms, others): (Vec<_>, Vec<_>) = places
            .into_iter()
            .partition(|(place, _)| place.room_name().is_some());
        for (place, held) in rooms.into_iter().chain(others) {
            self.restore_place(session, &place, held).await?;
        }
        Ok(())
    }

    async fn restore_place(
        &self,
        session: &Arc<Session>,
        place: &Topic,
        held: Held,
    ) -> PortResult<()> {
        let (member, holder) = (member(session), self.holder(session));
        let entry = Entry::Restore(held);
        let result = self
            .port
            .enter(place, &member, &holder, &entry, usize::MAX)
            .await;
        match result {
            Ok(entered) => return self.note_restored(session, place, &entered).await,
            Err(error @ (PortError::NotSent(_) | PortError::Unknown(_) | PortError::Fenced)) => {
                return Err(error);
            }
            Err(_) => self.put_out(session, place),
        }
        Ok(())
    }

    /// It is in the room that it was in, or in the next one of that name, which begins for it then.
    async fn note_restored(
        &self,
        session: &Arc<Session>,
        place: &Topic,
        entered: &Entered,
    ) -> PortResult<()> {
        let note = || {
            session.places(|places| {
                if let Some(held) = places.get_mut(place) {
                    (held.created, held.private) = (entered.created, entered.private);
                    held.holds_grant = entered.holds_grant;
                }
            });
        };
        if session.created(place) == Some(entered.created) {
            return Ok(());
        }
        let begun = self.hub.begin_anew(session, place, entered.created, note);
        match begun.await {
            // It is another one once more: restoring finds out whether it may be there.
            Err(PortError::NotAMember) => Err(PortError::NotSent("the room has gone".into())),
            other => other,
        }
    }

    /// The user was evicted while this node was away, or another room of that name does not let it
    /// in.
    fn put_out(&self, session: &Arc<Session>, place: &Topic) {
        session.places(|places| places.remove(place));
        if place.room_name().is_some() {
            self.hub.leave(session, place);
            self.tell_put_out(session, place);
        } else if let Some(me) = self.me.upgrade() {
            me.end(session);
        }
    }
}
