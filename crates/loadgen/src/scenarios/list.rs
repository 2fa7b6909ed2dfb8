//! What `list-rooms` costs where most rooms are not the asker's business.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{Field, SILENCE, micros_each, room};
use crate::client::Client;
use crate::outcome::Outcome;

/// Rooms that one connection makes: below the limit of 64 and the burst of 200 events.
const ROOMS_EACH: usize = 50;
/// An asker's pause, longer than the 250 ms within which lists are coalesced.
const PAUSE: Duration = Duration::from_millis(300);

/// Rooms and askers.
#[derive(Args)]
pub struct Options {
    /// Private rooms of others.
    #[arg(long, default_value_t = 400)]
    rooms: usize,
    /// Users who ask, each for itself, one call after the other.
    #[arg(long, default_value_t = 40)]
    askers: usize,
    /// Calls of each.
    #[arg(long, default_value_t = 25)]
    calls: usize,
}

pub(super) async fn run(field: &Field, options: &Options) -> Result<Outcome> {
    let Options {
        rooms,
        askers,
        calls,
    } = *options;
    let owners = rooms.div_ceil(ROOMS_EACH);
    let _owners = field
        .each(0..owners, async |n| {
            let owner = field.connect(n).await?;
            for number in (n * ROOMS_EACH)..rooms.min((n + 1) * ROOMS_EACH) {
                let payload = json!({"roomName": room(number), "private": true});
                owner.call("create-room", &payload).await?;
            }
            Ok(owner)
        })
        .await?;
    let clients = field
        .each(0..askers, async |n| field.connect(n).await)
        .await?;
    field.shared.quiet(SILENCE).await?;

    let window = field.window()?;
    let asked = clients.iter().map(|client| ask(client, calls));
    let waited: Duration = try_join_all(asked).await?.into_iter().sum();
    let used = window.used()?;
    let count = askers * calls;
    let mut outcome = field.outcome(format!("list-rooms among {rooms} private ones"), &used);
    outcome.figure(
        "gateway CPU, µs per call",
        micros_each(used.gateways, count),
    );
    outcome.figure("Redis CPU, µs per call", micros_each(used.redis, count));
    outcome.figure(
        "answered within, ms",
        waited.as_secs_f64() * 1e3 / count.max(1) as f64,
    );
    outcome.count("calls", count as u64);
    Ok(outcome)
}

/// How long the answers took, together.
async fn ask(client: &Client, calls: usize) -> Result<Duration> {
    let mut waited = Duration::ZERO;
    for _ in 0..calls {
        let began = Instant::now();
        client.call("list-rooms", &json!({})).await?;
        waited += began.elapsed();
        sleep(PAUSE).await;
    }
    Ok(waited)
}
