use async_trait::async_trait;
use fred::types::Value;
use futures_util::future::try_join_all;
use starling_kernel::{
    id::{RoomName, UserId},
    ports::{PortError, PortResult, Room, Rooms},
    time::Timestamp,
    topic::Topic,
};

use super::{RedisNode, log::unreadable, script};

impl RedisNode {
    async fn list_partition(
        &self,
        partition: String,
        user: &UserId,
        limit: usize,
    ) -> PortResult<(Vec<Room>, u64)> {
        let args = vec![user.to_string().into(), limit.to_string().into()];
        let reply: Vec<String> = self.link.run(&script::LIST, partition, args).await?;
        let Some((total, list)) = reply.split_first() else {
            return Err(unreadable(&reply));
        };
        let total = total.parse().map_err(|_| unreadable(&reply))?;
        Ok((list.chunks(5).filter_map(room).collect(), total))
    }
}

/// Reads place, created, private, members, granted.
fn room(row: &[String]) -> Option<Room> {
    let [place, created, private, members, granted] = row else {
        return None;
    };
    let (_, name) = place.split_once('#')?;
    Some(Room {
        name: RoomName::trusted(name),
        members: members.parse().ok()?,
        created_at: Timestamp(created.parse().ok()?),
        private: private == "1",
        granted: granted == "1",
    })
}

fn sort_oldest_first(rooms: &mut [Room]) {
    rooms.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
}

#[async_trait]
impl Rooms for RedisNode {
    async fn room(&self, name: &RoomName, user: &UserId) -> PortResult<Option<Room>> {
        let topic = Topic::room(name);
        let args = vec![topic.to_string().into(), user.to_string().into()];
        let key = self.keys.of_topic(&topic);
        let found: Option<Vec<String>> = self.link.run(&script::ROOM, key, args).await?;
        Ok(found.and_then(|mut row| {
            row.insert(0, topic.to_string());
            room(&row)
        }))
    }

    async fn list(&self, user: &UserId, limit: usize) -> PortResult<(Vec<Room>, u64)> {
        let parts = self.keys.every_partition();
        let parts = parts.map(|partition| self.list_partition(partition, user, limit));
        let parts = try_join_all(parts).await?;
        let total = parts.iter().map(|(_, total)| total).sum();
        let rooms = parts.into_iter().flat_map(|(rooms, _)| rooms);
        let (mut private, mut list): (Vec<_>, Vec<_>) = rooms.partition(|room| room.private);
        for kind in [&mut private, &mut list] {
            sort_oldest_first(kind);
            kind.truncate(limit);
        }
        list.append(&mut private);
        sort_oldest_first(&mut list);
        Ok((list, total))
    }

    async fn grant(&self, name: &RoomName, user: &UserId, granted: bool) -> PortResult<()> {
        let topic = Topic::room(name);
        let args: Vec<Value> = vec![
            topic.to_string().into(),
            user.to_string().into(),
            if granted { "1" } else { "0" }.into(),
        ];
        let key = self.keys.of_topic(&topic);
        match self.link.run(&script::GRANT, key, args).await? {
            true => Ok(()),
            false => Err(PortError::NoRoom),
        }
    }

    async fn secret(&self, name: &str, candidate: &str) -> PortResult<String> {
        let args = vec![name.into(), candidate.into()];
        self.link
            .run(&script::SECRET, self.keys.nodes(), args)
            .await
    }
}
