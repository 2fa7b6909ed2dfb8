use std::time::Duration;

use async_trait::async_trait;
use starling_kernel::{
    ports::{PortResult, Record, Records, Swapped, Told},
    topic::Topic,
};

use super::{
    RedisNode,
    script::{self, Args, Reply},
    wire,
};

fn record(mut reply: Reply) -> PortResult<Record> {
    Ok(Record {
        version: reply.take("version")?,
        value: reply.take("value")?,
    })
}

fn swapped(mut reply: Reply) -> PortResult<Swapped> {
    if reply.take("done")? {
        return Ok(Swapped::Done(reply.take("version")?));
    }
    let there = record(reply)?;
    Ok(Swapped::Changed((there.version > 0).then_some(there)))
}

#[async_trait]
impl Records for RedisNode {
    async fn record(&self, name: &Topic) -> PortResult<Option<Record>> {
        let args = Args::default().text("name", name);
        let key = self.keys.of_topic(name);
        let found: Option<Reply> = self.link.run(&script::RECORD, key, args).await?;
        found.map(record).transpose()
    }

    async fn swap(
        &self,
        name: &Topic,
        expected: u64,
        next: Option<&str>,
        keep: Duration,
        tell: &[Told<'_>],
    ) -> PortResult<Swapped> {
        let mut args = Args::default()
            .text("name", name)
            .text("incarnation", self.life()?)
            .text("expected", expected)
            .flag("ends", next.is_none())
            .text("value", next.unwrap_or_default())
            .millis("keep", keep)
            .text("tells", tell.len());
        for (n, told) in (1..).zip(tell) {
            args = args
                .nth("channel", n, self.keys.channel(told.topic).into_bytes())
                .nth("body", n, wire::encode_told(told.envelope));
        }
        let key = self.keys.of_topic(name);
        let reply: Reply = self.link.run(&script::SWAP, key, args).await?;
        swapped(reply.accepted()?)
    }
}
