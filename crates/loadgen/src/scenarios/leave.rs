//! What a disconnect costs while others type.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::{Field, SILENCE, micros_each, paced, room};
use crate::client::Client;
use crate::outcome::Outcome;
use crate::usage::Cpu;

/// How often each typist says so: more often than the 2 s after which it would be taken for silent.
const KEYSTROKE: Duration = Duration::from_millis(1500);
/// Members of a leaver's room.
const ROOM: usize = 10;

/// Typists and leavers.
#[derive(Args)]
pub struct Options {
    /// Connections that type all the time, each in a room of its own, where nobody hears it.
    #[arg(long, default_value_t = 2000)]
    typists: usize,
    /// Connections that leave, in rooms of ten.
    #[arg(long, default_value_t = 1000)]
    leavers: usize,
    /// Length of each of the two windows, in seconds: more than the grace of 5 s.
    #[arg(long, default_value_t = 12)]
    seconds: u64,
}

/// Two windows of the same length, one without leavers and one with: what the second took more is
/// theirs, the end of their grace included.
pub(super) async fn run(field: &Field, options: &Options) -> Result<Outcome> {
    let Options {
        typists, leavers, ..
    } = *options;
    let rooms = leavers.div_ceil(ROOM);
    let leavers = field.fill(rooms, ROOM).await?;
    let typists = field
        .each(0..typists, async |n| {
            let client = field.connect(n).await?;
            let payload = json!({"roomName": own_room(rooms, n)});
            client.call("create-room", &payload).await?;
            Ok(client)
        })
        .await?;
    field.shared.quiet(SILENCE).await?;
    // All typists are known as such when the first window begins.
    type_for(&typists, rooms, KEYSTROKE).await?;

    let window = Duration::from_secs(options.seconds);
    let alone = measure(field, &typists, &[], rooms, window).await?;
    let with = measure(field, &typists, &leavers, rooms, window).await?;
    let more = |with: f64, alone: f64| micros_each(with - alone, leavers.len());
    let case = format!("leave while {} type", typists.len());
    let mut outcome = field.outcome(case, &with);
    outcome.others = outcome.others.max(alone.others);
    outcome.figure(
        "gateway CPU, µs per disconnect",
        more(with.gateways, alone.gateways),
    );
    outcome.figure(
        "Redis CPU, µs per disconnect",
        more(with.redis, alone.redis),
    );
    outcome.count("left", leavers.len() as u64);
    Ok(outcome)
}

fn own_room(rooms: usize, typist: usize) -> String {
    room(rooms + typist)
}

/// CPU time of a window in which all type and these leave, evenly in its first third.
async fn measure(
    field: &Field,
    typists: &[Rc<Client>],
    leavers: &[Rc<Client>],
    rooms: usize,
    length: Duration,
) -> Result<Cpu> {
    let window = field.window()?;
    let rate = leavers.len() as f64 / (length.as_secs_f64() / 3.0);
    let leave = paced(rate, leavers.len(), |number, _| {
        leavers[number].disconnect()
    });
    tokio::try_join!(leave, type_for(typists, rooms, length))?;
    window.used()
}

async fn type_for(typists: &[Rc<Client>], rooms: usize, length: Duration) -> Result<()> {
    let until = Instant::now() + length;
    if !typists.is_empty() {
        let rate = typists.len() as f64 / KEYSTROKE.as_secs_f64();
        let count = (rate * length.as_secs_f64()) as usize;
        paced(rate, count, |number, _| {
            let typist = number % typists.len();
            let room = own_room(rooms, typist);
            typists[typist].send(format!(r#"42["typing",{{"roomName":"{room}"}}]"#).as_bytes())
        })
        .await?;
    }
    sleep_until(until).await;
    Ok(())
}
