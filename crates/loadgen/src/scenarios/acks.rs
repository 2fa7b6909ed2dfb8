//! What an event and its acknowledgement cost.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::{Field, SILENCE, micros_each, room};
use crate::client::Client;
use crate::outcome::Outcome;

/// Round trips.
#[derive(Args)]
pub struct Options {
    /// How many events are on their way at any time, each of a connection of its own.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Connections that take turns: so many that none comes near a gateway's limit of 100 events a
    /// second.
    #[arg(long, default_value_t = 1920)]
    connections: usize,
    /// How long, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

pub(super) async fn run(field: &Field, options: &Options) -> Result<Outcome> {
    let in_flight = options.in_flight.clamp(1, options.connections.max(1));
    let clients = field.fill(options.connections, 1).await?;
    field.shared.quiet(SILENCE).await?;
    turns(field, &clients, in_flight, 1).await?;

    let window = field.window()?;
    let began = Instant::now();
    let done = turns(field, &clients, in_flight, options.seconds).await?;
    let seconds = began.elapsed().as_secs_f64();
    let used = window.used()?;
    let count: usize = done.iter().map(|(count, _)| count).sum();
    let waited: Duration = done.iter().map(|(_, waited)| waited).sum();
    let mut outcome = field.outcome(format!("acks, {in_flight} in flight"), &used);
    outcome.figure(
        "gateway CPU, µs per round trip",
        micros_each(used.gateways, count),
    );
    outcome.figure("round trips per second", count as f64 / seconds);
    let each = waited.as_secs_f64() * 1e3 / count.max(1) as f64;
    outcome.figure("answered within, ms", each);
    outcome.count("acknowledged", count as u64);
    Ok(outcome)
}

/// So many at a time ask one after the other, each by connections of its own in turn. For each of them, how
/// often, and how long the answers took together.
async fn turns(
    field: &Field,
    clients: &[Rc<Client>],
    in_flight: usize,
    seconds: u64,
) -> Result<Vec<(usize, Duration)>> {
    let until = Instant::now() + Duration::from_secs(seconds);
    let askers = (0..in_flight).map(|first| async move {
        let (mut count, mut waited) = (0, Duration::ZERO);
        let own = (first..clients.len()).step_by(in_flight).cycle();
        for number in own.take_while(|_| Instant::now() < until) {
            waited += ask(field, &clients[number], number).await?;
            count += 1;
        }
        Ok((count, waited))
    });
    try_join_all(askers).await
}

/// How long the answer took.
async fn ask(field: &Field, client: &Client, number: usize) -> Result<Duration> {
    let (event, payload) = field.app.echo(&room(number));
    let began = Instant::now();
    client.call(event, &payload).await?;
    Ok(began.elapsed())
}
