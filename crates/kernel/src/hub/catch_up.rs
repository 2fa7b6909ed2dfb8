//! A connection that is given a long part of a log as it takes it.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::time::sleep;
use tracing::debug;

use super::{
    Hub,
    channel::{Caught, Channel},
    heal::newest,
    listener::Run,
};
use crate::{
    envelope::{Envelope, Position},
    ports::PortResult,
    session::Session,
};

/// Entries of a part.
const PART: usize = 100;

/// Pause before the log is asked again while the backend is away.
const PAUSE: Duration = Duration::from_secs(1);

/// The same while it brings nothing yet.
const SHORT_PAUSE: Duration = Duration::from_millis(50);

/// Encodes a part, told whether more follows.
pub type EncodePart = Arc<dyn Fn(&[Box<RawValue>], bool) -> Envelope + Send + Sync>;

/// Goes on until the connection has all there is and hears what arrives, or has left.
pub(super) async fn catch_up(
    hub: Arc<Hub>,
    channel: Arc<Channel>,
    session: Arc<Session>,
    run: Run,
    encode: EncodePart,
) {
    while session.takes_more().await {
        let Some(from) = channel.behind_at(&run) else {
            return;
        };
        match step(&hub, &channel, &run, &from, &encode).await {
            Ok(Caught::Up(_) | Caught::Over) => return,
            Ok(Caught::Later) => sleep(SHORT_PAUSE).await,
            Ok(Caught::More | Caught::Broken) => {}
            Err(error) => {
                debug!(topic = %channel.topic, %error, "cannot read the log yet");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Gives it the next part.
async fn step(
    hub: &Arc<Hub>,
    channel: &Arc<Channel>,
    run: &Run,
    from: &Position,
    encode: &EncodePart,
) -> PortResult<Caught> {
    let log = &hub.backend.log;
    let page = log.after(&channel.topic, from.seq, PART).await?;
    let messages = page.messages();
    let part = |more| encode(&messages, more);
    let caught = channel.catch_up(run, from, &page, part, &hub.followers);
    match &caught {
        Caught::Up(next) => hub.go_on(channel, next.clone()),
        Caught::Broken => {
            let (page, notice) = newest(hub, channel).await?;
            channel.skip_to(run, &page, notice.as_ref(), &hub.followers);
        }
        Caught::More | Caught::Later | Caught::Over => {}
    }
    Ok(caught)
}
