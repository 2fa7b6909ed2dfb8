use async_trait::async_trait;
use futures_util::future::try_join_all;
use starling_kernel::{
    id::{RoomName, UserId},
    ports::{PortError, PortResult, Room, Rooms},
    time::Stamp,
    topic::Topic,
};

use super::{
    RedisNode,
    script::{self, Args, Reply},
};

impl RedisNode {
    async fn list_partition(
        &self,
        partition: String,
        user: &UserId,
        limit: usize,
    ) -> PortResult<(Vec<Room>, u64)> {
        let args = Args::default().text("user", user).text("limit", limit);
        let mut reply: Reply = self.link.read(&script::LIST, partition, args).await?;
        let rooms: Vec<Reply> = reply.take("rooms")?;
        let rooms = rooms.into_iter().map(room).collect::<PortResult<_>>()?;
        Ok((rooms, reply.take("total")?))
    }
}

fn room(mut reply: Reply) -> PortResult<Room> {
    let place: String = reply.take("place")?;
    let (_, name) = place.split_once('#').unwrap_or_default();
    Ok(Room {
        name: RoomName::trusted(name),
        members: reply.take("members")?,
        created_at: Stamp(reply.take("created")?).into(),
        private: reply.take("private")?,
        granted: reply.take("granted")?,
        member: reply.take("member")?,
    })
}

fn sort_oldest_first(rooms: &mut [Room]) {
    rooms.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
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
        let args = Args::default()
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
