use std::{
    sync::{MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use serde::Serialize;
use starling_kernel::{
    envelope::Position,
    id::{self, ConnId, Incarnation, RoomName, UserId},
    ports::{
        Beat, Entered, Entry, Holder, Known, Leave, Member, Members, PortError, PortResult,
        Presence, Status, Swept, Whereabouts,
    },
    time::{Stamp, Timestamp},
    topic::Topic,
};
use tokio::time::Instant;

use super::{
    RedisNode,
    script::{self, Args, Reply},
};
use crate::{EPOCH_LEN, EVICTED, PAST, PRESENCE_HISTORY, SETTLING};

/// Connections that one step of reaping releases at most; then others get their turn.
const REAP_BATCH: usize = 200;

/// What a node notes of the life that it has begun last.
pub(super) struct Begun {
    incarnation: Incarnation,
    found: Vec<Found>,
}

/// What a node finds in a partition when it begins a life.
#[derive(Clone, Default)]
struct Found {
    /// Names all that is in it: another name after everything was lost.
    born: String,
    /// Above every `seq` that was given before everything was lost.
    floor: u64,
}

impl RedisNode {
    /// What every script that begins with `presence.lua` is sent.
    pub(super) fn args(&self) -> Args {
        Args::default()
            .text("epoch", id::random(EPOCH_LEN))
            .text("keep", PRESENCE_HISTORY)
            .millis("grace", self.times.grace)
            .millis("past", PAST)
            .flag("alone", self.is_alone())
    }

    /// Whether all is in one partition: then a room is noted with its user, and forgotten, in the step
    /// that enters or leaves it.
    fn is_alone(&self) -> bool {
        self.keys.partitions() == 1
    }

    pub(super) fn silence(&self) -> Duration {
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
                .text("batch", REAP_BATCH);
            let key = partition.clone();
            let left: u64 = self.link.read(&script::REAP, key, args).await?;
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
        let mut reply: Reply = self.link.read(&script::MEMBERS, partition, args).await?;
        let users: Vec<String> = reply.take("users")?;
        let since: Vec<u64> = reply.take("since")?;
        let since = since.into_iter().map(Stamp);
        let infos: Vec<String> = reply.take("infos")?;
        let rows = users.iter().zip(since).zip(&infos);
        Ok(Members {
            list: rows
                .filter_map(|((user, at), info)| Some((member(user, info)?, at.into())))
                .collect(),
            total: reply.take("total")?,
            created: Stamp(reply.take("created")?),
        })
    }

    async fn enter_step(&self, partition: String, args: Args) -> PortResult<Entered> {
        let reply: Reply = self.link.run(&script::ENTER, partition, args).await?;
        let mut reply = reply.accepted()?;
        Ok(Entered {
            first: reply.take("first")?,
            at: Stamp(reply.take("at")?),
            created: Stamp(reply.take("created")?),
            private: reply.take("private")?,
            holds_grant: reply.take("holds_grant")?,
            log: Position {
                epoch: reply.take::<String>("log_epoch")?.into(),
                seq: reply.take("log_seq")?,
            },
        })
    }

    fn begun(&self) -> MutexGuard<'_, Option<Begun>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life that this node has begun last.
    pub(super) fn life(&self) -> PortResult<Incarnation> {
        let begun = self.begun();
        let life = begun.as_ref().map(|begun| begun.incarnation.clone());
        life.ok_or(PortError::Fenced)
    }

    /// Begins a life in one partition, where `before` is what was found the last time.
    async fn begin_in(
        &self,
        n: u16,
        incarnation: &Incarnation,
        former: Option<&Incarnation>,
        known: &Known,
        before: &Found,
    ) -> PortResult<Found> {
        let partition = self.keys.partition(n);
        let here = known
            .places
            .iter()
            .filter(|(topic, _)| self.keys.of_topic(topic) == partition);
        let places: Vec<_> = here
            .map(|(topic, at)| {
                let seq = at.seq.to_string();
                (topic.to_string(), &at.epoch, seq, id::random(EPOCH_LEN))
            })
            .collect();
        let untold = self.untold[usize::from(n)].load(Ordering::Relaxed);
        let untold = untold.max(known.forgotten.map_or(0, |at| at.0));
        let args = Args::default()
            .text("incarnation", incarnation)
            .text("former", former.map_or("", Incarnation::as_str))
            .text("untold", untold)
            .text("born", &before.born)
            .text("floor", before.floor)
            .text("new", id::random(EPOCH_LEN))
            .text("epoch", id::random(EPOCH_LEN))
            .millis("lease", self.times.lease)
            .millis("grace", self.times.grace)
            .millis("past", PAST)
            .text("known", json(&places));
        let mut reply: Reply = self.link.run(&script::BEGIN, partition, args).await?;
        Ok(Found {
            born: reply.take("born")?,
            floor: reply.take("floor")?,
        })
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

/// For what is handed to a script as a whole.
pub(super) fn json(of: &impl Serialize) -> String {
    serde_json::to_string(of).unwrap_or_default()
}

fn leave_name(leave: Leave) -> &'static str {
    match leave {
        Leave::Now => "now",
        Leave::AfterGrace => "after",
        Leave::WithinGrace => "within",
    }
}

/// An entry's name and what it is with, as `enter.lua` knows them.
fn with_entry(args: Args, entry: &Entry) -> Args {
    match entry {
        Entry::Open { announce } => args.text("entry", "open").flag("announce", *announce),
        Entry::Create { private } => args.text("entry", "create").flag("private", *private),
        Entry::Join { granted } => args.text("entry", "join").flag("granted", *granted),
        Entry::Return => args.text("entry", "return"),
        Entry::Restore(held) => args
            .text("entry", "restore")
            .text("since", held.since.0)
            .text("created", held.created.0)
            .flag("private", held.private)
            .flag("granted", held.granted)
            .flag("holds_grant", held.holds_grant),
    }
}

#[async_trait]
impl Presence for RedisNode {
    async fn enter(
        &self,
        place: &Topic,
        member: &Member,
        holder: &Holder,
        entry: &Entry,
        most: usize,
    ) -> PortResult<Entered> {
        let args = self
            .args()
            .text("place", place)
            .text("user", &member.user)
            .text("username", &member.username)
            .text("status", status_name(member.status))
            .text("incarnation", &holder.incarnation)
            .text("conn", &holder.conn);
        let args = with_entry(args, entry)
            .text("most", most)
            .millis("settling", SETTLING);
        let here = self.keys.of_member(place, &member.user);
        let namespace = match place {
            Topic::Room(namespace, _) if !self.is_alone() => namespace,
            _ => return self.enter_step(here, args).await,
        };
        let online = Topic::Namespace(namespace);
        let theirs = self.keys.of_member(&online, &member.user);
        let note = Args::default()
            .text("place", place)
            .text("user", &member.user)
            .text("incarnation", &holder.incarnation)
            .text("most", most);
        if most < usize::MAX {
            // Asked first, so that nobody hears of one who is put out again at once.
            self.remember(&theirs, &note, None).await?;
        }
        let entered = self.enter_step(here, args).await?;
        let noted = self.remember(&theirs, &note, Some(entered.at)).await;
        self.or_undo(noted, place, &member.user, holder, entry)
            .await?;
        Ok(entered)
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
            .text("leave", leave_name(leave));
        let partition = self.keys.of_member(place, user);
        self.link.run(&script::EXIT, partition, args).await
    }

    async fn evict(&self, place: &Topic, user: &UserId, rooms: &[RoomName]) -> PortResult<()> {
        let partition = self.keys.of_member(place, user);
        let args = self
            .args()
            .text("place", place)
            .text("user", user)
            .text("user_json", json(user))
            .text("rooms", json(&rooms))
            .millis("window", EVICTED);
        let key = partition.clone();
        let note: String = self.link.run(&script::EVICT, key, args).await?;
        if !note.is_empty() {
            // If this fails, a sweep does it.
            let _ = self.carry_out(&partition, &note).await;
        }
        Ok(())
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

    async fn whereabouts(&self, namespace: &Topic, user: &UserId) -> PortResult<Whereabouts> {
        let partition = self.keys.of_member(namespace, user);
        let args = self.args().text("place", namespace).text("user", user);
        let mut reply: Reply = self.link.run(&script::WHEREABOUTS, partition, args).await?;
        let (info, rooms): (String, Vec<String>) = (reply.take("info")?, reply.take("rooms")?);
        let mut rooms: Vec<_> = rooms.iter().map(|room| RoomName::trusted(room)).collect();
        rooms.sort();
        Ok(Whereabouts {
            member: member(user.as_str(), &info),
            rooms,
        })
    }

    /// The lease comes first: should this node die on the way, it is reaped. It comes last as well:
    /// should all be lost between, the life would go on without one, and never be reaped.
    async fn begin(
        &self,
        incarnation: &Incarnation,
        former: Option<&Incarnation>,
        known: &Known,
    ) -> PortResult<()> {
        let args = Args::default()
            .text("incarnation", incarnation)
            .text("former", former.map_or("", Incarnation::as_str))
            .millis("lease", self.times.lease);
        let lease = || {
            let (nodes, args) = (self.keys.nodes(), args.clone());
            self.link.run_now::<()>(&script::LEASE, nodes, args)
        };
        lease().await?;
        let mut before = (self.begun().as_ref()).map_or_else(Vec::new, |begun| begun.found.clone());
        before.resize(self.keys.partitions().into(), Found::default());
        let parts = (0..).zip(&before);
        let parts = parts.map(|(n, before)| self.begin_in(n, incarnation, former, known, before));
        let found = try_join_all(parts).await?;
        lease().await?;
        *self.begun() = Some(Begun {
            incarnation: incarnation.clone(),
            found,
        });
        Ok(())
    }

    async fn beat(&self, incarnation: &Incarnation) -> PortResult<Beat> {
        let args = Args::default()
            .text("incarnation", incarnation)
            .millis("lease", self.times.lease)
            .millis("silence", self.silence());
        let nodes = self.keys.nodes();
        let reply: Reply = self.link.run_now(&script::BEAT, nodes, args).await?;
        let mut reply = reply.accepted()?;
        let dead: Vec<String> = reply.take("dead")?;
        Ok(Beat {
            now: Timestamp(reply.take("now")?),
            dead: dead.iter().map(|dead| Incarnation::trusted(dead)).collect(),
        })
    }

    async fn retire(&self, incarnation: &Incarnation) -> PortResult<()> {
        let args = Args::default().text("incarnation", incarnation);
        self.link
            .run_now(&script::RETIRE, self.keys.nodes(), args)
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

    async fn sweep(&self) -> PortResult<Swept> {
        let parts = (0..self.keys.partitions()).map(|n| self.sweep_partition(n));
        let swept = try_join_all(parts).await?;
        Ok(Swept {
            removed: swept.iter().map(|part| part.removed).sum(),
            leapt: swept.iter().any(|part| part.leapt),
        })
    }

    fn partitions(&self) -> u16 {
        self.keys.partitions()
    }
}
