use async_trait::async_trait;
use bytes::Bytes;
use fred::types::Value;
use metrics::histogram;
use starling_kernel::{
    envelope::{Draft, Position},
    id,
    ports::{Appended, Log, Once, Page, PortError, PortResult},
    topic::Topic,
};
use tokio::time::Instant;

use super::{RedisNode, script, wire};
use crate::{EPOCH_LEN, PRESENCE_HISTORY, REPEAT_WINDOW, metric};

impl RedisNode {
    async fn read(&self, topic: &Topic, which: &str, after: u64, limit: usize) -> PortResult<Page> {
        let args = vec![
            topic.to_string().into(),
            which.into(),
            after.to_string().into(),
            limit.to_string().into(),
        ];
        let key = self.keys.of_topic(topic);
        let (epoch, head, bodies): (String, u64, Vec<Bytes>) =
            self.link.run(&script::READ, key, args).await?;
        Ok(Page {
            epoch,
            head,
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
        let args: Vec<Value> = vec![
            topic.to_string().into(),
            id::random(EPOCH_LEN).into(),
            keep.to_string().into(),
            once_key(topic, once).into(),
            REPEAT_WINDOW.as_millis().to_string().into(),
            wire::draft_header(draft).into(),
            draft.head.clone().into(),
            draft.tail.clone().into(),
        ];
        let key = self.keys.of_topic(topic);
        let began = Instant::now();
        let reply = self.link.run(&script::APPEND, key, args).await;
        histogram!(metric::PUBLISH, "kind" => "stored").record(began.elapsed());
        let reply: Vec<String> = reply?;
        match reply.as_slice() {
            [ok, epoch, seq, repeated] if ok == "ok" => Ok(Appended {
                position: Position {
                    epoch: epoch.clone(),
                    seq: seq.parse().map_err(|_| unreadable(&reply))?,
                },
                repeated: repeated == "1",
            }),
            [no_room] if no_room == "no_room" => Err(PortError::NoRoom),
            other => Err(unreadable(other)),
        }
    }

    async fn after(&self, topic: &Topic, after: u64, limit: usize) -> PortResult<Page> {
        self.read(topic, "after", after, limit).await
    }

    async fn latest(&self, topic: &Topic, limit: usize) -> PortResult<Page> {
        self.read(topic, "latest", 0, limit).await
    }

    async fn renew(&self, topic: &Topic, known: &Position) -> PortResult<()> {
        let args = vec![
            topic.to_string().into(),
            known.epoch.clone().into(),
            known.seq.to_string().into(),
            id::random(EPOCH_LEN).into(),
        ];
        let key = self.keys.of_topic(topic);
        self.link.run(&script::RENEW, key, args).await
    }
}

/// A reply that no script of ours would give.
pub(super) fn unreadable(reply: &[String]) -> PortError {
    PortError::Unavailable(format!("an unreadable reply: {reply:?}"))
}
