//! What connecting and joining costs, and what it leaves behind.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use super::{Field, micros_each};
use crate::outcome::Outcome;

/// Rooms that fill.
#[derive(Args)]
pub struct Options {
    /// How many rooms.
    #[arg(long, default_value_t = 100)]
    rooms: usize,
    /// Members of each, spread over the gateways.
    #[arg(long, default_value_t = 30)]
    members: usize,
}

/// Everybody in, 32 on their way at a time. The gateways' work is measured until nobody is told
/// anything more about it.
pub(super) async fn run(field: &Field, options: &Options) -> Result<Outcome> {
    let Options { rooms, members } = *options;
    let count = rooms * members;
    let before = field.settled_memory().await?;
    let window = field.window()?;
    let began = Instant::now();
    let clients = field.fill(rooms, members).await?;
    let seconds = began.elapsed().as_secs_f64();
    field.all_is_told(&clients, members).await?;
    let used = window.used()?;
    let grown = field.settled_memory().await? - before;
    let bytes: u64 = clients.iter().map(|client| client.bytes()).sum();
    let each = count.max(1) as f64;

    let mut outcome = field.outcome(format!("join {rooms}×{members}"), &used);
    outcome.figure("joins per second", count as f64 / seconds);
    outcome.figure(
        "gateway CPU, µs per join",
        micros_each(used.gateways, count),
    );
    outcome.figure("Redis CPU, µs per join", micros_each(used.redis, count));
    outcome.figure("gateway memory, kB per connection", grown / each / 1e3);
    outcome.figure("received, kB per client", bytes as f64 / each / 1e3);
    outcome.count("joined", clients.len() as u64);
    Ok(outcome)
}
