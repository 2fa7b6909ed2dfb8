use std::collections::HashMap;

use async_trait::async_trait;
use fred::types::scripts::Script;
use futures_util::future::try_join_all;
use serde::Serialize;
use starling_kernel::{
    id::{RoomName, UserId},
    ports::{Listing, PortError, PortResult, Room, Rooms},
    time::Stamp,
    topic::Topic,
};

use super::{
    RedisNode,
    script::{self, Args, Reply},
};

/// Private rooms of a partition, the oldest, whose names are compared with a token's patterns; fewer
/// where it has so many that this would be more comparisons.
const LOOKED: usize = 1_000;
const COMPARISONS: usize = 10_000;

/// What a token vouches for, as `private.lua` wants it.
#[derive(Default, Serialize)]
struct Vouched<'a> {
    /// Those of one partition.
    names: Vec<&'a str>,
    /// The parts between the stars of each.
    patterns: Vec<Vec<&'a str>>,
}

impl RedisNode {
    async fn list_partition(
        &self,
        script: &Script,
        partition: String,
        args: Args,
        private: bool,
    ) -> PortResult<Listing> {
        let found: Option<Reply> = self.link.read(script, partition, args).await?;
        found.map_or(Ok(Listing::default()), |reply| listing(reply, private))
    }

    /// What is vouched for in each partition.
    fn vouched<'a>(&self, vouched: &'a [String]) -> HashMap<String, Vouched<'a>> {
        let mut parts = HashMap::<_, Vouched<'a>>::new();
        for one in vouched {
            if one.contains('*') {
                for partition in self.keys.every_partition() {
                    let pattern = one.split('*').collect();
                    parts.entry(partition).or_default().patterns.push(pattern);
                }
            } else {
                let partition = self.keys.of_topic(&Topic::room(&RoomName::trusted(one)));
                parts.entry(partition).or_default().names.push(one);
            }
        }
        parts
    }
}

fn listing(mut reply: Reply, private: bool) -> PortResult<Listing> {
    let places: Vec<String> = reply.take("places")?;
    let created: Vec<u64> = reply.take("created")?;
    let members: Vec<u64> = reply.take("members")?;
    let rooms = places.iter().zip(created).zip(members);
    Ok(Listing {
        rooms: rooms
            .map(|((place, created), members)| Room {
                name: name(place),
                members,
                created: Stamp(created),
                private,
                granted: false,
                member: false,
            })
            .collect(),
        total: reply.take("total")?,
    })
}

fn merge(parts: Vec<Listing>, limit: usize) -> Listing {
    let mut all = Listing::default();
    for part in parts {
        all.total += part.total;
        all.rooms.extend(part.rooms);
    }
    all.rooms
        .sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
    all.rooms.truncate(limit);
    all
}

fn name(place: &str) -> RoomName {
    RoomName::trusted(place.split_once('#').unwrap_or_default().1)
}

fn room(mut reply: Reply) -> PortResult<Room> {
    let place: String = reply.take("place")?;
    Ok(Room {
        name: name(&place),
        members: reply.take("members")?,
        created: Stamp(reply.take("created")?),
        private: reply.take("private")?,
        granted: reply.take("granted")?,
        member: reply.take("member")?,
    })
}

#[async_trait]
impl Rooms for RedisNode {
    async fn room(&self, name: &RoomName, user: &UserId) -> PortResult<Option<Room>> {
        let topic = Topic::room(name);
        let args = Args::default().text("place", &topic).text("user", user);
        let key = self.keys.of_topic(&topic);
        let found: Option<Reply> = self.link.run(&script::ROOM, key, args).await?;
        found.map(room).transpose()
    }

    async fn public(&self, limit: usize) -> PortResult<Listing> {
        let parts = self.keys.every_partition().map(|partition| {
            let args = Args::default().text("limit", limit);
            self.list_partition(&script::PUBLIC, partition, args, false)
        });
        Ok(merge(try_join_all(parts).await?, limit))
    }

    async fn private(
        &self,
        user: &UserId,
        vouched: &[String],
        limit: usize,
    ) -> PortResult<Listing> {
        let vouched = self.vouched(vouched);
        let parts = self.keys.every_partition().map(|partition| {
            // Mostly nothing, and then there is nothing to be read.
            let vouched = vouched.get(&partition);
            let patterns = vouched.map_or(0, |vouched| vouched.patterns.len());
            let json = |vouched| serde_json::to_string(vouched).unwrap_or_default();
            let args = Args::default()
                .text("user", user)
                .text("vouched", vouched.map_or_else(String::new, json))
                .text("looked", LOOKED.min(COMPARISONS / patterns.max(1)))
                .text("limit", limit);
            self.list_partition(&script::PRIVATE, partition, args, true)
        });
        Ok(merge(try_join_all(parts).await?, limit))
    }

    async fn grant(&self, name: &RoomName, user: &UserId, granted: bool) -> PortResult<()> {
        let topic = Topic::room(name);
        let args = self
            .args()
            .text("place", &topic)
            .text("user", user)
            .flag("granted", granted);
        let key = self.keys.of_topic(&topic);
        match self.link.run(&script::GRANT, key, args).await? {
            true => Ok(()),
            false => Err(PortError::NoRoom),
        }
    }

    async fn secret(&self, name: &str, candidate: &str) -> PortResult<String> {
        let args = Args::default()
            .text("name", name)
            .text("candidate", candidate);
        self.link
            .run(&script::SECRET, self.keys.nodes(), args)
            .await
    }
}
