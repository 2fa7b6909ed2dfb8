//! What a disconnect costs, also while others type.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::{Field, SILENCE, micros_each, paced};
use crate::client::Client;
use crate::outcome::Outcome;

/// All leave within this time, evenly.
const LEAVING: Duration = Duration::from_secs(1);
/// The window of those in no room: nothing is left to do once they are gone.
const BARE: Duration = Duration::from_millis(1250);
/// The window of those in rooms: they stay members for the grace of 5 s.
const IN_ROOMS: Duration = Duration::from_secs(8);
/// A typist is forgotten after 2 s.
const TYPING: Duration = Duration::from_millis(1900);

/// Typists and leavers.
#[derive(Args)]
pub struct Options {
    /// Connections that count as typing meanwhile, each in a room of its own.
    #[arg(long, default_value_t = 3000)]
    typists: usize,
    /// Connections that leave.
    #[arg(long, default_value_t = 3000)]
    leavers: usize,
    /// Members of each room of leavers; 0 for leavers in no room. Takes longer than anybody
    /// types, so it goes with no typists only.
    #[arg(long, default_value_t = 0)]
    members: usize,
}

/// Typists type, and the window begins when they have: nothing but the leaving is in it.
pub(super) async fn run(field: &Field, options: &Options) -> Result<Outcome> {
    let (typists, members) = (options.typists, options.members);
    if typists > 0 && members > 0 {
        bail!("either typists, or members");
    }
    let (leavers, kind, length) = match members {
        0 => {
            let connect = async |n| field.connect(n).await;
            let leavers = field.each(0..options.leavers, connect).await?;
            (leavers, format!("bare, while {typists} type"), BARE)
        }
        members => {
            let leavers = field.fill(options.leavers / members, members).await?;
            field.all_is_told(&leavers, members).await?;
            (leavers, format!("in rooms of {members}"), IN_ROOMS)
        }
    };
    let typists = seat(field, typists).await?;
    field.shared.quiet(SILENCE).await?;

    let idle = field.window()?;
    sleep_until(Instant::now() + length).await;
    let idle = idle.used()?;
    let began = Instant::now();
    field
        .each(0..typists.len(), async |n| {
            typists[n].call("typing", &desk(n)).await.map(drop)
        })
        .await?;
    let window = field.window()?;
    leave(&leavers, length).await?;
    let used = window.used()?;
    if !typists.is_empty() && began.elapsed() > TYPING {
        bail!("the machine is too busy: typists fell silent before all had left");
    }

    let mut outcome = field.outcome(format!("leave, {kind}"), &used);
    // Less than nothing is a tick of the clock that fell into the other window.
    let more = |with: f64, alone: f64| micros_each((with - alone).max(0.0), leavers.len());
    outcome.figure(
        "gateway CPU, µs per disconnect",
        more(used.gateways, idle.gateways),
    );
    outcome.figure("Redis CPU, µs per disconnect", more(used.redis, idle.redis));
    outcome.count("left", leavers.len() as u64);
    Ok(outcome)
}

/// Everybody leaves; returns after this time.
async fn leave(leavers: &[Rc<Client>], length: Duration) -> Result<()> {
    let until = Instant::now() + length;
    let rate = leavers.len() as f64 / LEAVING.as_secs_f64();
    paced(rate, leavers.len(), |number, _| {
        leavers[number].disconnect()
    })
    .await?;
    sleep_until(until).await;
    Ok(())
}

async fn seat(field: &Field, typists: usize) -> Result<Vec<Rc<Client>>> {
    let take_a_seat = async |n| {
        let client = field.connect(n).await?;
        client.call("create-room", &desk(n)).await?;
        Ok(client)
    };
    field.each(0..typists, take_a_seat).await
}

/// A typist's own room.
fn desk(typist: usize) -> serde_json::Value {
    json!({"roomName": format!("desk-{typist}")})
}
