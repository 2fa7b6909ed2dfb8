use std::time::Duration;

use async_trait::async_trait;
use starling_kernel::{
    id::UserId,
    ports::{Cast, PortError, PortResult, Tallies, Tally, TellCounts},
    topic::Topic,
};

use super::{
    RedisNode,
    script::{self, Args, Reply},
    wire,
};

impl RedisNode {
    /// What every script of a tally is sent that changes it.
    fn tally_args(&self, topic: &Topic) -> PortResult<Args> {
        Ok(Args::default()
            .text("topic", topic)
            .text("incarnation", self.life()?))
    }

    fn with_told(&self, args: Args, tell: &TellCounts) -> Args {
        let (before, after) = wire::around_counts(tell);
        args.text("channel", self.keys.channel(&tell.topic))
            .text("before", before)
            .text("after", after)
    }
}

fn cast(mut reply: Reply) -> PortResult<Cast> {
    let cast: String = reply.take("cast")?;
    Ok(match cast.as_str() {
        "counted" => Cast::Counted(reply.take("counts")?),
        "already" => Cast::Already,
        "closed" => Cast::Closed,
        "missing" => Cast::Missing,
        "no_such_choice" => Cast::NoSuchChoice,
        _ => return Err(PortError::Unknown("an unreadable reply: cast".to_owned())),
    })
}

fn tally(mut reply: Reply) -> PortResult<Tally> {
    let own: String = reply.take("own")?;
    Ok(Tally {
        data: reply.take("data")?,
        closed: reply.take("closed")?,
        counts: reply.take("counts")?,
        own: own.parse().ok(),
    })
}

#[async_trait]
impl Tallies for RedisNode {
    async fn open(
        &self,
        topic: &Topic,
        data: &str,
        choices: u32,
        keep: Duration,
    ) -> PortResult<bool> {
        let args = self
            .tally_args(topic)?
            .text("data", data)
            .text("choices", choices)
            .millis("keep", keep);
        let key = self.keys.of_topic(topic);
        let reply: Reply = self.link.run(&script::OPEN, key, args).await?;
        reply.accepted()?.take("opened")
    }

    async fn cast(
        &self,
        topic: &Topic,
        member: &UserId,
        choice: u32,
        tell: &TellCounts,
    ) -> PortResult<Cast> {
        let args = self.with_told(self.tally_args(topic)?, tell);
        let args = args.text("member", member).text("choice", choice);
        let key = self.keys.of_topic(topic);
        let reply: Reply = self.link.run(&script::CAST, key, args).await?;
        cast(reply.accepted()?)
    }

    async fn close(&self, topic: &Topic, tell: &TellCounts) -> PortResult<Option<bool>> {
        let args = self.with_told(self.tally_args(topic)?, tell);
        let key = self.keys.of_topic(topic);
        let reply: Reply = self.link.run(&script::CLOSE, key, args).await?;
        let mut reply = reply.accepted()?;
        let there: bool = reply.take("there")?;
        there.then(|| reply.take("closed")).transpose()
    }

    async fn tally(&self, topic: &Topic, member: Option<&UserId>) -> PortResult<Option<Tally>> {
        // No user has an empty id.
        let member = member.map_or("", UserId::as_str);
        let args = Args::default().text("topic", topic).text("member", member);
        let key = self.keys.of_topic(topic);
        let found: Option<Reply> = self.link.run(&script::TALLY, key, args).await?;
        found.map(tally).transpose()
    }
}
