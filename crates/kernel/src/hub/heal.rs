//! Filling a gap from the log.

use std::{sync::Arc, time::Duration};

use metrics::counter;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{
    Hub,
    channel::{Channel, Filled},
    outbox::Walk,
};
use crate::{
    envelope::{Envelope, Position},
    metric,
    ports::{Page, PortResult},
};

/// Entries read at a time.
const PAGE: usize = 500;

/// The shortest and the longest pause between two attempts while the backend is away.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How long the relay may be behind a history that somebody was sent.
const LAG: Duration = Duration::from_millis(250);

/// Reads the channel's log from its cursor until nothing is missing, then lets go what was held
/// back. Goes on for as long as somebody listens.
pub(super) async fn heal(hub: Arc<Hub>, channel: Arc<Channel>) {
    let mut pause = PAUSES.0;
    while !channel.give_up() {
        match step(&hub, &channel).await {
            Ok(true) => return,
            Ok(false) => {
                pause = PAUSES.0;
                sleep(Duration::from_millis(1)).await;
            }
            Err(error) => {
                warn!(topic = %channel.topic, %error, "cannot read the log yet");
                sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
}

/// Reads and takes over one page; `true` when nothing is missing any more.
async fn step(hub: &Hub, channel: &Channel) -> PortResult<bool> {
    let _permit = hub.healing.acquire().await;
    let from = channel.cursor();
    let log = &hub.backend.log;
    let page = log.after(&channel.topic, from.seq, PAGE).await?;
    let (epoch, count) = (page.epoch.clone(), page.entries.len());
    let mut walk = Walk::default();
    let filled = channel.fill(&from, page, &hub.followers, &mut walk);
    walk.run().await;
    let done = match filled {
        Filled::Broken => skip(hub, channel, &epoch).await?,
        filled => {
            if count > 0 {
                counter!(metric::GAPS_HEALED).increment(1);
                info!(topic = %channel.topic, messages = count, "filled a gap from the log");
            }
            filled == Filled::Done
        }
    };
    Ok(done && release(hub, channel).await)
}

/// Lets go what was held back; `false` where there is still a gap.
async fn release(hub: &Hub, channel: &Channel) -> bool {
    loop {
        let mut walk = Walk::default();
        let released = channel.release(&hub.followers, &mut walk);
        walk.run().await;
        if released != Filled::More {
            return released == Filled::Done;
        }
    }
}

/// Goes on after a hole that the log does not fill; `false` where the log has to be read again.
async fn skip(hub: &Hub, channel: &Channel, epoch: &Arc<str>) -> PortResult<bool> {
    hub.backend
        .log
        .renew(&channel.topic, &channel.furthest(epoch))
        .await?;
    let (page, notice) = newest(hub, channel).await?;
    let mut walk = Walk::default();
    let skipped = channel.skip(&page, notice.as_ref(), &hub.followers, &mut walk);
    walk.run().await;
    if skipped {
        counter!(metric::GAPS_BROKEN).increment(1);
    }
    Ok(skipped)
}

/// The newest there is, and what those are told who miss what was before.
pub(super) async fn newest(hub: &Hub, channel: &Channel) -> PortResult<(Page, Option<Envelope>)> {
    let page = hub.backend.log.latest(&channel.topic, hub.history).await?;
    let had = channel.cursor().seq;
    let notice = hub.followers.broken(&channel.topic, had, &page);
    Ok((page, notice))
}

/// Reads the log where what it is known to hold has not arrived in a while.
pub(super) async fn expect(hub: Arc<Hub>, channel: Arc<Channel>, expected: Position) {
    sleep(LAG).await;
    if channel.hold_without(&expected) {
        heal(hub, channel).await;
    }
}
