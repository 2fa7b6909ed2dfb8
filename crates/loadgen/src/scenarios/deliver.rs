//! What a delivery costs, and how long it takes.

use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use tokio::time::{Instant, sleep};

use super::{Field, paced, room};
use crate::client::Client;
use crate::outcome::Outcome;
use crate::packet;

/// What people say: with the stamp, some eighty bytes.
const TEXT: &str = "a message of the usual length, which is about sixty bytes";
/// Messages that do not arrive for this long will not.
const LOST: Duration = Duration::from_secs(5);

/// Rooms, and what is said in them.
#[derive(Args)]
pub struct Options {
    /// How many rooms.
    #[arg(long, default_value_t = 100)]
    rooms: usize,
    /// Members of each, spread over the gateways.
    #[arg(long, default_value_t = 30)]
    members: usize,
    /// Messages a second, in all rooms together, by all members in turn.
    #[arg(long, default_value_t = 400.0)]
    rate: f64,
    /// How long, in seconds, of each kind.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Stored,
    Live,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Live => "live",
        }
    }

    /// The event that members get.
    fn event(self) -> &'static str {
        match self {
            Self::Stored => "room-message",
            Self::Live => "bench",
        }
    }

    /// The packet that says it.
    fn write(self, out: &mut String, room: &str, stamp: u64) {
        out.clear();
        let _ = match self {
            Self::Stored => write!(
                out,
                r#"42["room-message",{{"roomName":"{room}","text":"{TEXT} "#
            ),
            Self::Live => write!(
                out,
                r#"42["room-event",{{"roomName":"{room}","event":"bench","data":"{TEXT} "#
            ),
        };
        packet::put_stamp(out, stamp);
        out.push_str("\"}]");
    }
}

/// Stored messages, then live ones, to the same members.
pub(super) async fn run(field: &Field, options: &Options) -> Result<Vec<Outcome>> {
    let clients = field.fill(options.rooms, options.members).await?;
    field.all_is_told(&clients, options.members).await?;
    let crowd = Crowd {
        field,
        options,
        clients,
        rooms: (0..options.rooms).map(room).collect(),
    };
    let mut outcomes = Vec::new();
    for kind in [Kind::Stored, Kind::Live] {
        // The first second warms up: histories, caches, the allocator.
        crowd.publish(kind, options.rate.ceil() as usize).await?;
        outcomes.push(crowd.measure(kind).await?);
    }
    Ok(outcomes)
}

struct Crowd<'a> {
    field: &'a Field,
    options: &'a Options,
    clients: Vec<Rc<Client>>,
    rooms: Vec<String>,
}

impl Crowd<'_> {
    async fn measure(&self, kind: Kind) -> Result<Outcome> {
        let Options {
            rooms,
            members,
            rate,
            seconds,
        } = *self.options;
        let count = (rate * f64::from(seconds)) as usize;
        let window = self.field.window()?;
        let wrong = self.publish(kind, count).await?;
        let used = window.used()?;
        let tally = &self.field.shared.tally;
        let delivered = tally.delivered();
        let millions = delivered as f64 / 1e6;
        let case = format!("deliver {rooms}×{members} {}, {rate}/s", kind.name());
        let mut outcome = self.field.outcome(case, &used);
        outcome.figure(
            "gateway CPU, s per million deliveries",
            used.gateways / millions,
        );
        outcome.figure("Redis CPU, s per million deliveries", used.redis / millions);
        let latency = tally.latency.borrow();
        outcome.figure("latency p50, ms", latency.quantile(0.5) as f64 / 1e6);
        outcome.figure("latency p99, ms", latency.quantile(0.99) as f64 / 1e6);
        outcome.count("published", count as u64);
        outcome.count("delivered", delivered);
        if wrong > 0 {
            outcome.failures += wrong;
            let say = || format!("{wrong} messages missing or given twice");
            outcome.failure.get_or_insert_with(say);
        }
        Ok(outcome)
    }

    /// Publishes and waits for all to arrive; returns how many were missing or given twice,
    /// counted for each client.
    async fn publish(&self, kind: Kind, count: usize) -> Result<u64> {
        let shared = &self.field.shared;
        self.clients.iter().for_each(|client| client.forget());
        shared.watch(kind.event());
        let mut expected = vec![0; self.clients.len()];
        let mut text = String::new();
        paced(self.options.rate, count, |number, due| {
            let late = (Instant::now() - due).as_nanos() as u64;
            let room = number % self.rooms.len();
            let sender = number % self.clients.len();
            kind.write(&mut text, &self.rooms[room], shared.now() - late);
            self.clients[sender].send(text.as_bytes())?;
            for member in (room..expected.len()).step_by(self.rooms.len()) {
                expected[member] += u64::from(kind == Kind::Stored || member != sender);
            }
            Ok(())
        })
        .await?;
        self.arrived(expected.iter().sum()).await;
        let got = self.clients.iter().map(|client| client.delivered());
        Ok(got.zip(expected).map(|(got, due)| got.abs_diff(due)).sum())
    }

    async fn arrived(&self, expected: u64) {
        let tally = &self.field.shared.tally;
        let (mut seen, mut since) = (0, Instant::now());
        while seen < expected && since.elapsed() < LOST {
            sleep(Duration::from_millis(5)).await;
            if tally.delivered() != seen {
                (seen, since) = (tally.delivered(), Instant::now());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_json_and_carries_its_stamp() {
        let mut text = String::new();
        for kind in [Kind::Stored, Kind::Live] {
            kind.write(&mut text, "room-1", 77);
            let packet: serde_json::Value = serde_json::from_str(&text[2..]).unwrap();
            assert_eq!(packet[1]["roomName"], "room-1");
            assert_eq!(packet::stamp(text.as_bytes()), Some(77));
        }
    }
}
