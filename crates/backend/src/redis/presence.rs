use std::{
    sync::{MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use fred::types::{FromValue, Value, scripts::Script};
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

use super::{RedisNode, log::unreadable, script};
use crate::{EPOCH_LEN, PRESENCE_HISTORY, SWEEP_BATCH};

/// How long a dead incarnation is refused. A process that was frozen for longer finds that its
/// lease is gone, which has the same effect.
const FENCE: Duration = Duration::from_secs(24 * 3600);

/// Connections that one step of reaping releases at most; then others get their turn.
const REAP_BATCH: usize = 200;

impl RedisNode {
    /// Runs a script that begins with `presence.lua`.
    async fn change<R: FromValue>(
        &self,
        script: &Script,
        partition: String,
        args: impl IntoIterator<Item = Value>,
    ) -> PortResult<R> {
        let mut all: Vec<Value> = vec![
            id::random(EPOCH_LEN).into(),
            millis(self.times.grace),
            PRESENCE_HISTORY.to_string().into(),
        ];
        all.extend(args);
        self.link.run(script, partition, all).await
    }

    fn silence(&self) -> Value {
        millis(self.times.lease * 2 / 3)
    }

    /// Reaps until nothing is left, which is `true`, or `until` has come.
    async fn reap_partition(
        &self,
        partition: String,
        incarnation: &Incarnation,
        until: Instant,
    ) -> PortResult<bool> {
        loop {
            let args = [
                text(incarnation),
                millis(FENCE),
                REAP_BATCH.to_string().into(),
            ];
            let left: u64 = self.change(&script::REAP, partition.clone(), args).await?;
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
        let args = vec![text(place), limit.to_string().into()];
        let reply: Vec<String> = self.link.run(&script::MEMBERS, partition, args).await?;
        let Some((total, list)) = reply.split_first() else {
            return Err(unreadable(&reply));
        };
        let member = |row: &[String]| {
            let [user, since, info] = row else {
                return None;
            };
            Some((member(user, info)?, Timestamp(since.parse().ok()?)))
        };
        Ok(Members {
            list: list.chunks(3).filter_map(member).collect(),
            total: total.parse().map_err(|_| unreadable(&reply))?,
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

fn text(of: &impl ToString) -> Value {
    of.to_string().into()
}

fn flag(set: bool) -> Value {
    if set { "1" } else { "0" }.into()
}

fn millis(time: Duration) -> Value {
    time.as_millis().to_string().into()
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
fn entry_args(entry: &Entry) -> [Value; 2] {
    let (name, set) = match entry {
        Entry::Open { announce } => ("open", *announce),
        Entry::Create { private } => ("create", *private),
        Entry::Join { granted } => ("join", *granted),
        Entry::Restore { private } => ("restore", *private),
    };
    [name.into(), flag(set)]
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
        let who = [
            text(place),
            text(&member.user),
            member.username.clone().into(),
            status_name(member.status).into(),
            text(&holder.incarnation),
            text(&holder.conn),
        ];
        let partition = self.keys.of_member(place, &member.user);
        let args = who.into_iter().chain(entry_args(entry));
        let reply: Vec<String> = self.change(&script::ENTER, partition, args).await?;
        let words: Vec<_> = reply.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["ok", first, private] => Ok(Entered {
                first: *first == "1",
                private: *private == "1",
            }),
            ["fenced"] => Err(PortError::Fenced),
            ["no_room"] => Err(PortError::NoRoom),
            ["room_exists"] => Err(PortError::RoomExists),
            ["not_authorized"] => Err(PortError::NotAuthorized),
            _ => Err(unreadable(&reply)),
        }
    }

    async fn exit(
        &self,
        place: &Topic,
        user: &UserId,
        holder: &Holder,
        leave: Leave,
    ) -> PortResult<bool> {
        let args = [
            text(place),
            text(user),
            text(&holder.incarnation),
            text(&holder.conn),
            flag(leave == Leave::Now),
        ];
        let partition = self.keys.of_member(place, user);
        self.change(&script::EXIT, partition, args).await
    }

    async fn evict(&self, place: &Topic, user: &UserId) -> PortResult<bool> {
        let partition = self.keys.of_member(place, user);
        let args = [text(place), text(user)];
        self.change(&script::EVICT, partition, args).await
    }

    async fn set_status(
        &self,
        place: &Topic,
        user: &UserId,
        conn: &ConnId,
        status: Status,
    ) -> PortResult<Option<Member>> {
        let partition = self.keys.of_member(place, user);
        let args = [
            text(place),
            text(user),
            text(conn),
            status_name(status).into(),
        ];
        let username: Option<String> = self.change(&script::STATUS, partition, args).await?;
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
        let args = [text(namespace), text(user)];
        let found: Option<(String, Vec<String>)> =
            self.change(&script::SESSION, partition, args).await?;
        Ok(found.and_then(|(info, rooms)| {
            Some(Session {
                member: member(user.as_str(), &info)?,
                rooms: rooms.iter().map(|room| RoomName::trusted(room)).collect(),
            })
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
        let args = [text(namespace), text(user), text(room), flag(add)];
        self.change(&script::NOTE_ROOM, partition, args).await
    }

    async fn beat(&self, incarnation: &Incarnation) -> PortResult<Beat> {
        let renews = self.renews(incarnation);
        if renews && self.moved.swap(false, Ordering::Relaxed) {
            return self.give_up(incarnation).await;
        }
        let args = vec![
            text(incarnation),
            flag(renews),
            millis(self.times.lease),
            self.silence(),
            millis(FENCE),
        ];
        let reply: Value = self
            .link
            .run(&script::BEAT, self.keys.nodes(), args)
            .await?;
        let beat: Result<(String, u64, Vec<String>), _> = reply.convert();
        let Ok((_, now, dead)) = beat else {
            return Err(PortError::Fenced);
        };
        *self.begun() = Some(incarnation.clone());
        Ok(Beat {
            now: Timestamp(now),
            dead: dead.iter().map(|dead| Incarnation::trusted(dead)).collect(),
        })
    }

    async fn retire(&self, incarnation: &Incarnation) -> PortResult<()> {
        let args = vec![text(incarnation), millis(FENCE)];
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
        let args = vec![text(incarnation)];
        self.link
            .run(&script::REAPED, self.keys.nodes(), args)
            .await
    }

    async fn sweep(&self) -> PortResult<usize> {
        let parts = self.keys.every_partition().map(|partition| {
            let args = [
                millis(self.times.lease),
                self.silence(),
                SWEEP_BATCH.to_string().into(),
            ];
            self.change::<usize>(&script::SWEEP, partition, args)
        });
        Ok(try_join_all(parts).await?.iter().sum())
    }

    fn partitions(&self) -> u16 {
        self.keys.partitions()
    }
}
