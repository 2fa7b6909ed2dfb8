//! What a connection costs and holds that does nothing.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use super::{Field, SILENCE, micros_each};
use crate::outcome::Outcome;

/// Connections, bare or in rooms.
#[derive(Args)]
pub struct Options {
    /// How many connections.
    #[arg(long, default_value_t = 2700)]
    connections: usize,
    /// Members of each room; 0 for connections in no room.
    #[arg(long, default_value_t = 0)]
    members: usize,
}

pub(super) async fn run(field: &Field, options: &Options) -> Result<Outcome> {
    let Options {
        connections,
        members,
    } = *options;
    let before = field.settled_memory().await?;
    let empty = field.processes.resident()? as f64;
    let window = field.window()?;
    let began = Instant::now();
    let (case, clients) = match members {
        0 => (
            "idle, bare".to_owned(),
            field
                .each(0..connections, async |n| field.connect(n).await)
                .await?,
        ),
        members => {
            let clients = field.fill(connections / members, members).await?;
            field.all_is_told(&clients, members).await?;
            (format!("idle, in a room of {members}"), clients)
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    let connecting = window.used()?;
    field.shared.quiet(SILENCE).await?;
    let used = window.used()?;
    let grown = field.settled_memory().await? - before;
    let resident = field.processes.resident()? as f64 - empty;

    let mut outcome = field.outcome(case, &used);
    let each = clients.len().max(1) as f64;
    outcome.figure("gateway memory, kB per connection", grown / each / 1e3);
    outcome.figure("resident, kB per connection", resident / each / 1e3);
    let processes = field.gateways.len() as f64;
    outcome.figure("resident, MB of an empty process", empty / processes / 1e6);
    if members == 0 {
        outcome.figure("connects per second", each / seconds);
        outcome.figure(
            "gateway CPU, µs per connect",
            micros_each(connecting.gateways, clients.len()),
        );
        outcome.figure("load generator meanwhile, cores", connecting.own);
    }
    outcome.count("connected", clients.len() as u64);
    Ok(outcome)
}
