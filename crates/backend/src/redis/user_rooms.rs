//! The rooms of each user, kept where the user is.
//!
//! Where there is one partition only, as by default with a single Redis, the step that enters a room
//! notes it, and the one that removes a member forgets it.
//!
//! Else a room and its members are in one partition, a user in another. Entering takes two more steps,
//! before (may it?) and after. Leaving leaves a note in the room's partition (`forget`), in the step
//! that removes the member, and a sweep carries it out: it may be done twice, but it is done. Stamps
//! tell which came last.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::future::try_join_all;
use starling_kernel::{
    id::{Incarnation, RoomName, UserId},
    ports::{Entry, Holder, Leave, Order, PortError, PortResult, Presence, Swept},
    time::Stamp,
    topic::Topic,
};

use super::{
    RedisNode,
    presence::json,
    script::{self, Args, Reply},
};
use crate::{STALE, SWEEP_BATCH};

/// How long a note is left to who claimed it, before somebody else may carry it out, and how old it is
/// when it is carried out for the last time: no step that entered before takes longer.
const CLAIM: Duration = Duration::from_secs(5);

/// Notes that are carried out at the same time.
const AT_ONCE: usize = 16;

impl RedisNode {
    /// Adds a room to the user's, entered `at`, or asks whether one more may be added. `note` says
    /// which and whose, and of how many. Where there are too many, those that were left a moment ago
    /// are taken out first.
    pub(super) async fn remember(
        &self,
        partition: &str,
        note: &Args,
        at: Option<Stamp>,
    ) -> PortResult<()> {
        let at = at.map_or_else(String::new, |at| at.0.to_string());
        let args = note.clone().text("at", at);
        let ask = async || {
            let (key, args) = (partition.to_owned(), args.clone());
            let reply: Reply = self.link.run(&script::REMEMBER, key, args).await?;
            reply.accepted().map(drop)
        };
        match ask().await {
            Err(PortError::TooManyRooms) => {
                self.sweep().await?;
                ask().await
            }
            other => other,
        }
    }

    /// Where the room could not be noted, nothing is to have happened; where that cannot be had
    /// either, nobody knows.
    pub(super) async fn or_undo(
        &self,
        noted: PortResult<()>,
        place: &Topic,
        user: &UserId,
        holder: &Holder,
        entry: &Entry,
    ) -> PortResult<()> {
        match noted {
            Err(PortError::TooManyRooms) => {
                self.exit(place, user, holder, Leave::Now)
                    .await
                    .map_err(|error| PortError::Unknown(error.to_string()))?;
                Err(PortError::TooManyRooms)
            }
            // Whoever restores tries again, until it is done.
            Err(PortError::NotSent(why)) if !matches!(entry, Entry::Restore(_)) => {
                Err(PortError::Unknown(why))
            }
            other => other,
        }
    }

    /// Removes whose grace is over, and takes the rooms that were left from their users'.
    pub(super) async fn sweep_partition(&self, n: u16) -> PortResult<Swept> {
        let partition = self.keys.partition(n);
        let args = self
            .args()
            .text("incarnation", self.life()?)
            .millis("lease", self.times.lease)
            .millis("silence", self.silence())
            .millis("claim", CLAIM)
            .millis("stale", STALE)
            .text("batch", SWEEP_BATCH);
        let key = partition.clone();
        let reply: Reply = self.link.run(&script::SWEEP, key, args).await?;
        let mut reply = reply.accepted()?;
        let untold = reply.take("untold")?;
        self.untold[usize::from(n)].fetch_max(untold, Ordering::Relaxed);
        let notes: Vec<String> = reply.take("forget")?;
        for some in notes.chunks(AT_ONCE) {
            // What is not done now is done by whoever claims it next.
            try_join_all(some.iter().map(|note| self.carry_out(&partition, note))).await?;
        }
        // Where this fails, it is found again.
        for lost in reply.take::<Vec<String>>("lost")? {
            self.retire(&Incarnation::trusted(&lost)).await?;
        }
        let lowest: u64 = reply.take("lowest")?;
        let before = self.lowest[usize::from(n)].fetch_max(lowest, Ordering::Relaxed);
        Ok(Swept {
            removed: reply.take("removed")?,
            leapt: before < lowest,
        })
    }

    /// Carries out one note: `<place>\n<user>\n<when>`, and `\nevicted` where the user was.
    pub(super) async fn carry_out(&self, partition: &str, note: &str) -> PortResult<()> {
        let parts: Vec<_> = note.split('\n').collect();
        if let [place, user, at, evicted @ ..] = parts.as_slice()
            && let Some((namespace, room)) = place.split_once('#')
        {
            let args = self
                .args()
                .text("place", namespace)
                .text("user", user)
                .text("room", room)
                .text("at", at);
            let done = Args::default()
                .text("entry", note)
                .text("at", at)
                .millis("claim", CLAIM);
            let theirs = self.keys.of_text(user);
            self.link.run::<u8>(&script::FORGET, theirs, args).await?;
            if !evicted.is_empty() {
                self.order_out(user, room, at).await?;
            }
            let here = partition.to_owned();
            self.link.run::<u8>(&script::FORGOTTEN, here, done).await?;
        }
        Ok(())
    }

    /// Orders all nodes to put the user's connections out of a room.
    async fn order_out(&self, user: &str, room: &str, at: &str) -> PortResult<()> {
        let order = Order::Leave {
            user: UserId::trusted(user),
            room: RoomName::trusted(room),
            at: Stamp(at.parse().unwrap_or_default()),
        };
        let theirs = self.keys.of_text(user);
        let args = self.args().text("order", json(&order));
        self.link
            .run::<u8>(&script::ORDER, theirs, args)
            .await
            .map(drop)
    }
}
