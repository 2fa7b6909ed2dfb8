use std::{
    sync::{MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use starling_kernel::{
    id::{self, ConnId, Incarnation, RoomName, UserId},
    ports::{
        Beat, Entered, Entry, Holder, Leave, Member, Members, PortError, PortResult, Presence,
        Session, Status,
    },
    time::Timestamp,
    topic::Topic,
};
use tokio::time::Instant;

use super::{
    RedisNode,
    script::{self, Args, Reply},
};
use crate::{EPOCH_LEN, PRESENCE_HISTORY, SWEEP_BATCH};

/// How long a dead incarnation is refused. A process that was frozen for longer finds that its
/// lease is gone, which has the same effect.
const FENCE: Duration = Duration::from_secs(24 * 3600);

/// Connections that one step of reaping releases at most; then others get their turn.
const REAP_BATCH: usize = 200;

impl RedisNode {
    /// What every script that begins with `presence.lua` is sent.
    fn args(&self) -> Args {
        Args::default()
            .text("epoch", id::random(EPOCH_LEN))
            .text("keep", PRESENCE_HISTORY)
            .millis("grace", self.times.grace)
    }

    fn silence(&self) -> Duration {
        self.times.lease * 2 / 3
    }

    /// Reaps until nothing is left, which is `true`, or `until` has come.
    async fn reap_partition(
        &self,
        partition: String,
        incarnation: &Incarnation,
        until: Instant,
    ) -> PortResult<bool> {
        loop {
            let args = self
                .args()
                .text("incarnation", incarnation)
                .millis("fence", FENCE)
                .text("batch", REAP_BATCH);
            let key = partition.clone();
            let left: u64 = self.link.run(&script::REAP, key, args).await?;
            if left == 0 || Instant::now() >= until {
                return Ok(left == 0);
            }
        }
    }

    async fn members_of(
        &self,
        partition: String,
        place: &Topic,
        limit: usize,
    ) -> PortResult<Members> {
        let args = Args::default().text("place", place).text("limit", limit);
        let mut reply: Reply = self.link.run(&script::MEMBERS, partition, args).await?;
        let users: Vec<String> = reply.take("users")?;
        let since: Vec<u64> = reply.take("since")?;
        let infos: Vec<String> = reply.take("infos")?;
        let rows = users.iter().zip(since).zip(&infos);
        Ok(Members {
            list: rows
                .filter_map(|((user, at), info)| Some((member(user, info)?, Timestamp(at))))
                .collect(),
            total: reply.take("total")?,
        })
    }

    fn begun(&self) -> MutexGuard<'_, Option<Incarnation>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn renews(&self, incarnation: &Incarnation) -> bool {
        self.begun().as_ref() == Some(incarnation)
    }

    /// Nobody can tell what Redis still holds of this life: it ends, and the next one enters
    /// everything anew.
    async fn give_up(&self, incarnation: &Incarnation) -> PortResult<Beat> {
        if let Err(error) = self.retire(incarnation).await {
            self.moved.store(true, Ordering::Relaxed);
            return Err(error);
        }
        Err(PortError::Fenced)
    }
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Online => "online",
        Status::Away => "away",
    }
}

/// Reads `<status>:<username>`.
fn member(user: &str, info: &str) -> Option<Member> {
    let (status, username) = info.split_once(':')?;
    Some(Member {
        user: UserId::trusted(user),
        username: username.to_owned(),
        status: match status {
            "away" => Status::Away,
            _ => Status::Online,
        },
    })
}

/// An entry's name and flag, as `enter.lua` knows them.
fn with_entry(args: Args, entry: &Entry) -> Args {
    let (entry, flag, set) = match entry {
        Entry::Open { announce } => ("open", "announce", *announce),
        Entry::Create { private } => ("create", "private", *private),
        Entry::Join { granted } => ("join", "granted", *granted),
        Entry::Restore { private } => ("restore", "private", *private),
    };
    args.text("entry", entry).flag(flag, set)
}

#[async_trait]
impl Presence for RedisNode {
    async fn enter(
        &self,
        place: &Topic,
        member: &Member,
        holder: &Holder,
        entry: &Entry,
    ) -> PortResult<Entered> {
        let args = self
            .args()
            .text("place", place)
            .text("user", &member.user)
            .text("username", &member.username)
            .text("status", status_name(member.status))
            .text("incarnation", &holder.incarnation)
            .text("conn", &holder.conn);
        let args = with_entry(args, entry);
        let partition = self.keys.of_member(place, &member.user);
        let reply: Reply = self.link.run(&script::ENTER, partition, args).await?;
        let mut reply = reply.accepted()?;
        Ok(Entered {
            first: reply.take("first")?,
            private: reply.take("private")?,
        })
    }

    async fn exit(
        &self,
        place: &Topic,
        user: &UserId,
        holder: &Holder,
        leave: Leave,
    ) -> PortResult<bool> {
        let args = self
            .args()
            .text("place", place)
            .text("user", user)
            .text("incarnation", &holder.incarnation)
            .text("conn", &holder.conn)
            .flag("at_once", leave == Leave::Now);
        let partition = self.keys.of_member(place, user);
        self.link.run(&script::EXIT, partition, args).await
    }

    async fn evict(&self, place: &Topic, user: &UserId) -> PortResult<bool> {
        let partition = self.keys.of_member(place, user);
        let args = self.args().text("place", place).text("user", user);
        self.link.run(&script::EVICT, partition, args).await
    }

    async fn set_status(
        &self,
        place: &Topic,
        user: &UserId,
        conn: &ConnId,
        status: Status,
    ) -> PortResult<Option<Member>> {
        let partition = self.keys.of_member(place, user);
        let args = self
            .args()
            .text("place", place)
            .text("user", user)
            .text("conn", conn)
            .text("status", status_name(status));
        let username: Option<String> = self.link.run(&script::STATUS, partition, args).await?;
        Ok(username.map(|username| Member {
            user: user.clone(),
            username,
            status,
        }))
    }

    async fn members(&self, place: &Topic, limit: usize) -> PortResult<Members> {
        if matches!(place, Topic::Room(..)) {
            return self
                .members_of(self.keys.of_topic(place), place, limit)
                .await;
        }
        let parts = self.keys.every_partition();
        let parts = parts.map(|partition| self.members_of(partition, place, limit));
        let mut all = Members::default();
        for part in try_join_all(parts).await? {
            all.total += part.total;
            all.list.extend(part.list);
        }
        all.list
            .sort_by(|(a, since_a), (b, since_b)| (since_a, &a.user).cmp(&(since_b, &b.user)));
        all.list.truncate(limit);
        Ok(all)
    }

    async fn session(&self, namespace: &Topic, user: &UserId) -> PortResult<Option<Session>> {
        let partition = self.keys.of_member(namespace, user);
        let args = self.args().text("place", namespace).text("user", user);
        let found: Option<Reply> = self.link.run(&script::SESSION, partition, args).await?;
        let Some(mut reply) = found else {
            return Ok(None);
        };
        let (info, rooms): (String, Vec<String>) = (reply.take("info")?, reply.take("rooms")?);
        Ok(member(user.as_str(), &info).map(|member| Session {
            member,
            rooms: rooms.iter().map(|room| RoomName::trusted(room)).collect(),
        }))
    }

    async fn note_room(
        &self,
        namespace: &Topic,
        user: &UserId,
        room: &RoomName,
        add: bool,
    ) -> PortResult<()> {
        let partition = self.keys.of_member(namespace, user);
        let args = self
            .args()
            .text("place", namespace)
            .text("user", user)
            .text("room", room)
            .flag("add", add);
        self.link.run(&script::NOTE_ROOM, partition, args).await
    }

    async fn beat(&self, incarnation: &Incarnation) -> PortResult<Beat> {
        let renews = self.renews(incarnation);
        if renews && self.moved.swap(false, Ordering::Relaxed) {
            return self.give_up(incarnation).await;
        }
        let args = Args::default()
            .text("incarnation", incarnation)
            .flag("renews", renews)
            .millis("lease", self.times.lease)
            .millis("silence", self.silence())
            .millis("fence", FENCE);
        let nodes = self.keys.nodes();
        let reply: Reply = self.link.run(&script::BEAT, nodes, args).await?;
        let mut reply = reply.accepted()?;
        let dead: Vec<String> = reply.take("dead")?;
        *self.begun() = Some(incarnation.clone());
        Ok(Beat {
            now: Timestamp(reply.take("now")?),
            dead: dead.iter().map(|dead| Incarnation::trusted(dead)).collect(),
        })
    }

    async fn retire(&self, incarnation: &Incarnation) -> PortResult<()> {
        let args = Args::default()
            .text("incarnation", incarnation)
            .millis("fence", FENCE);
        self.link
            .run(&script::RETIRE, self.keys.nodes(), args)
            .await
    }

    async fn reap(&self, incarnation: &Incarnation) -> PortResult<()> {
        // No longer than a beat may be late: what is left is found with the next one.
        let until = Instant::now() + self.times.lease / 3;
        let parts = self.keys.every_partition();
        let parts = parts.map(|partition| self.reap_partition(partition, incarnation, until));
        if try_join_all(parts).await?.contains(&false) {
            return Ok(());
        }
        let args = Args::default().text("incarnation", incarnation);
        self.link
            .run(&script::REAPED, self.keys.nodes(), args)
            .await
    }

    async fn sweep(&self) -> PortResult<usize> {
        let parts = self.keys.every_partition().map(|partition| {
            let args = self
                .args()
                .millis("lease", self.times.lease)
                .millis("silence", self.silence())
                .text("batch", SWEEP_BATCH);
            self.link.run(&script::SWEEP, partition, args)
        });
        let swept: Vec<usize> = try_join_all(parts).await?;
        Ok(swept.iter().sum())
    }

    fn partitions(&self) -> u16 {
        self.keys.partitions()
    }
}
