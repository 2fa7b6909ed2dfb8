//! Filling a gap from the log.

use std::{sync::Arc, time::Duration};

use metrics::counter;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{
    Hub,
    channel::{Channel, Next},
};
use crate::{metric, ports::PortError};

/// Entries read at a time.
const PAGE: usize = 500;

/// The shortest and the longest pause between two attempts while the backend is away.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Reads the channel's log from its cursor until nothing is missing, then lets go what was held
/// back. Goes on for as long as somebody listens.
pub(super) async fn heal(hub: Arc<Hub>, channel: Arc<Channel>) {
    let mut pause = PAUSES.0;
    let mut broken = false;
    while !channel.give_up() {
        match step(&hub, &channel, &mut broken).await {
            Ok(true) => break,
            Ok(false) => {
                pause = PAUSES.0;
                sleep(Duration::from_millis(1)).await;
            }
            Err(PortError::Unavailable(error)) => {
                warn!(topic = %channel.topic, error, "cannot read the log yet");
                sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
            Err(_) => {
                // The room is gone from the backend, with its log.
                channel.begin_anew();
                broken = true;
                break;
            }
        }
    }
    if broken {
        counter!(metric::GAPS_BROKEN).increment(1);
        hub.followers.each(|feature| feature.broken(&channel.topic));
    }
}

/// Reads and takes over one page; `true` when nothing is missing any more.
async fn step(hub: &Hub, channel: &Channel, broken: &mut bool) -> Result<bool, PortError> {
    let _permit = hub.healing.acquire().await;
    let after = channel.cursor().map_or(0, |cursor| cursor.seq);
    let page = hub.backend.log.after(&channel.topic, after, PAGE).await?;
    let filled = channel.fill(page, &hub.followers);
    *broken |= filled.broken;
    if filled.count > 0 {
        counter!(metric::GAPS_HEALED).increment(1);
        info!(topic = %channel.topic, messages = filled.count, "filled a gap from the log");
    }
    Ok(filled.complete && channel.release(&hub.followers) == Next::Nothing)
}
