//! Whether the relay works, end to end.
//!
//! A connection may be half open: nothing arrives on it, and nothing says so. Hence a canary: a
//! message to oneself, through both connections.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use fred::{
    error::{Error, ErrorKind},
    interfaces::{ClientLike, PubsubInterface},
};
use futures_util::FutureExt;
use metrics::{gauge, histogram};
use starling_kernel::ports::Heard;
use tokio::time::{Instant, sleep, timeout};
use tracing::info;

use super::bus::Relay;
use crate::metric;

/// Between two canaries, while they come through and while they do not.
const PERIODS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(250));

/// A canary that Redis took and that does not arrive within this is lost.
const ARRIVAL: Duration = Duration::from_secs(1);

/// The relay is down when no canary came through for this long, and a connection that thinks it is
/// fine is begun anew, ...
const DOWN: Duration = Duration::from_secs(3);

/// ... but not more often than this.
const RESTART: Duration = Duration::from_secs(5);

/// What became of a canary.
enum Canary {
    /// It came back after this time.
    Heard(Duration),
    /// Redis took it, but it did not arrive.
    NotHeard,
    /// Redis did not take it.
    NotTaken,
    /// There was no connection to send it on, or it was lost meanwhile.
    NotConnected,
}

/// Sends canaries for as long as the node lives.
pub(super) async fn watch(relay: Arc<Relay>) {
    let (mut last_heard, mut last_restart) = (Instant::now(), None::<Instant>);
    loop {
        let canary = send_canary(&relay).await;
        // Of a connection that is lost the link knows itself, and when there is one again.
        relay.link.set_answers(!matches!(canary, Canary::NotTaken));
        let client = match canary {
            Canary::Heard(time) => {
                histogram!(metric::ROUND_TRIP).record(time);
                last_heard = Instant::now();
                set_up(&relay, true).await;
                sleep(PERIODS.0).await;
                continue;
            }
            Canary::NotHeard => &relay.link.subscriber,
            Canary::NotTaken | Canary::NotConnected => &relay.link.commands,
        };
        let silent = last_heard.elapsed() > DOWN;
        if silent || !client.is_connected() {
            set_up(&relay, false).await;
        }
        let may_restart = last_restart.is_none_or(|at| at.elapsed() > RESTART);
        if silent && may_restart && client.is_connected() {
            last_restart = Some(Instant::now());
            match canary {
                Canary::NotHeard => relay.link.restart_subscriber(),
                _ => relay.link.restart_commands(),
            }
        }
        sleep(PERIODS.1).await;
    }
}

async fn send_canary(relay: &Relay) -> Canary {
    let began = Instant::now();
    let commands = &relay.link.commands;
    if !commands.is_connected() {
        return Canary::NotConnected;
    }
    // One that came too late says nothing about this one.
    let _ = relay.canary_heard.notified().now_or_never();
    let published: Result<i64, Error> = commands.publish(relay.canary.as_str(), "").await;
    if let Err(error) = published {
        return match error.kind() {
            ErrorKind::IO | ErrorKind::Canceled => Canary::NotConnected,
            _ => Canary::NotTaken,
        };
    }
    match timeout(ARRIVAL, relay.canary_heard.notified()).await {
        Ok(()) => Canary::Heard(began.elapsed()),
        Err(_) => Canary::NotHeard,
    }
}

async fn set_up(relay: &Relay, up: bool) {
    if relay.up.swap(up, Ordering::Relaxed) != up {
        info!(up, "the relay");
        gauge!(metric::UP).set(if up { 1.0 } else { 0.0 });
        relay.ear.tell_surely(Heard::Up(up)).await;
    }
}
