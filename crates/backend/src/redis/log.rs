use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use starling_kernel::{
    envelope::{Draft, Keep, Position},
    id,
    ports::{Appended, Log, Once, Page, PortResult},
    time::Stamp,
    topic::Topic,
};
use tokio::time::Instant;

use super::{
    RedisNode,
    script::{self, Args, Reply},
    wire,
};
use crate::{EPOCH_LEN, PAST, PRESENCE_HISTORY, REPEAT_WINDOW};

impl RedisNode {
    async fn read(&self, topic: &Topic, which: &str, after: u64, limit: usize) -> PortResult<Page> {
        let args = Args::default()
            .text("topic", topic)
            .text("epoch", id::random(EPOCH_LEN))
            .text("which", which)
            .text("after", after)
            .text("limit", limit);
        let key = self.keys.of_topic(topic);
        let mut reply: Reply = self.link.read(&script::READ, key, args).await?;
        let bodies: Vec<Bytes> = reply.take("bodies")?;
        Ok(Page {
            epoch: reply.take::<String>("epoch")?.into(),
            base: reply.take("base")?,
            head: reply.take("head")?,
            created: Stamp(reply.take("created")?),
            unsettled: reply.take("unsettled")?,
            entries: bodies.iter().filter_map(entry).collect(),
        })
    }
}

/// An entry that cannot be read is left out, which shows as a hole.
fn entry(body: &Bytes) -> Option<(u64, starling_kernel::ports::Parcel)> {
    let received = wire::decode(body)?;
    Some((received.position?.seq, received.parcel))
}

/// One key for what a user sent once to a topic; none of the parts can hold a line feed but the
/// last.
fn once_key(topic: &Topic, once: Option<&Once>) -> String {
    once.map_or_else(String::new, |once| {
        format!("{topic}\n{}\n{}", once.user, once.client_id)
    })
}

#[async_trait]
impl Log for RedisNode {
    async fn append(
        &self,
        topic: &Topic,
        draft: &Draft,
        once: Option<&Once>,
    ) -> PortResult<Appended> {
        let keep = match topic {
            Topic::Presence(_) => PRESENCE_HISTORY,
            _ => self.history,
        };
        // For good, and of any size, is zero.
        let (keep, bytes, time) = match draft.keep {
            None => (keep, 0, Duration::ZERO),
            Some(Keep::Newest(entries, time)) => (entries, 0, time),
            Some(Keep::All(entries, bytes, time)) => (entries, bytes, time),
        };
        let weight = draft.weight();
        let (shared, shared_weight) = weight.shared.unwrap_or_default();
        let args = Args::default()
            .text("topic", topic)
            .text("created", draft.created.0)
            .text("incarnation", self.life()?)
            .text("epoch", id::random(EPOCH_LEN))
            .text("keep", keep)
            .text("bytes", bytes)
            .millis("time", time)
            .text("weight", weight.bytes)
            .text("shared", shared)
            .text("shared_weight", shared_weight)
            .flag("clears", draft.clears)
            .text("once", once_key(topic, once))
            .millis("window", REPEAT_WINDOW)
            .text("header", wire::draft_header(draft))
            .text("head", &draft.head)
            .text("tail", &draft.tail);
        let key = self.keys.of_topic(topic);
        let began = Instant::now();
        let reply = self.link.run::<Reply>(&script::APPEND, key, args).await;
        self.link.published.stored(began.elapsed());
        let mut reply = reply?.accepted()?;
        Ok(Appended {
            position: Position {
                epoch: reply.take::<String>("epoch")?.into(),
                seq: reply.take("seq")?,
            },
            repeated: reply.take("repeated")?,
        })
    }

    async fn after(&self, topic: &Topic, after: u64, limit: usize) -> PortResult<Page> {
        self.read(topic, "after", after, limit).await
    }

    async fn latest(&self, topic: &Topic, limit: usize) -> PortResult<Page> {
        self.read(topic, "latest", 0, limit).await
    }

    async fn renew(&self, topic: &Topic, known: &Position) -> PortResult<()> {
        let args = Args::default()
            .text("topic", topic)
            .text("known", &known.epoch)
            .text("seq", known.seq)
            .millis("past", PAST)
            .text("epoch", id::random(EPOCH_LEN));
        let key = self.keys.of_topic(topic);
        self.link.run(&script::RENEW, key, args).await
    }
}
