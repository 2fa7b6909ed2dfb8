//! What a delivery costs, and how long it takes.

use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use tokio::time::{Instant, sleep};

use super::{Field, paced, room};
use crate::app::App;
use crate::client::Client;
use crate::outcome::Outcome;
use crate::packet;

/// What people say, over and over if it is to be longer.
const TEXT: &str = "a message of the usual length, which is about sixty bytes ";
/// Bytes of it with its stamp, unless said otherwise.
pub(super) const BYTES: usize = TEXT.len() + packet::STAMP;
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
    /// In place of the rate: how many deliveries a second they are to come to.
    #[arg(long, conflicts_with = "rate")]
    deliveries: Option<f64>,
    /// Bytes of what is said.
    #[arg(long, default_value_t = BYTES)]
    bytes: usize,
    /// How long, in seconds, of each kind.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Only stored messages, or only live ones.
    #[arg(long)]
    only: Option<Only>,
}

/// The kinds of messages that gateways know.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Only {
    /// `room-message`.
    Stored,
    /// `room-event`.
    Live,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Stored,
    Live,
    /// As peers have it.
    Said,
}

impl Kind {
    /// What is live with these servers.
    pub(super) fn live(app: App) -> Self {
        match app {
            App::Starling => Self::Live,
            App::Plain => Self::Said,
        }
    }

    /// Stored messages, where there are any, then live ones.
    fn all(app: App, only: Option<Only>) -> Vec<Self> {
        let stored = app == App::Starling && only != Some(Only::Live);
        let live = (only != Some(Only::Stored)).then(|| Self::live(app));
        stored
            .then_some(Self::Stored)
            .into_iter()
            .chain(live)
            .collect()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Live | Self::Said => "live",
        }
    }

    /// The event that members get.
    fn event(self) -> &'static str {
        match self {
            Self::Stored => "room-message",
            Self::Live => "bench",
            Self::Said => "said",
        }
    }

    /// Whether the sender gets it too.
    fn comes_back(self) -> bool {
        self != Self::Live
    }

    /// The packet that says it.
    fn write(self, out: &mut String, room: &str, text: &str, stamp: u64) {
        out.clear();
        let _ = match self {
            Self::Stored => write!(
                out,
                r#"42["room-message",{{"roomName":"{room}","text":"{text}"#
            ),
            Self::Live => write!(
                out,
                r#"42["room-event",{{"roomName":"{room}","event":"bench","data":"{text}"#
            ),
            Self::Said => write!(out, r#"42["say","{room}","{text}"#),
        };
        packet::put_stamp(out, stamp);
        out.push_str(match self {
            Self::Said => "\"]",
            Self::Stored | Self::Live => "\"}]",
        });
    }
}

/// Stored messages, then live ones, to the same members.
pub(super) async fn run(field: &Field, options: &Options) -> Result<Vec<Outcome>> {
    let Options {
        rooms,
        members,
        bytes,
        ..
    } = *options;
    let crowd = Crowd::gather(field, rooms, members, bytes).await?;
    let mut outcomes = Vec::new();
    for kind in Kind::all(field.app, options.only) {
        let wanted = options.deliveries.map(|all| all / crowd.audience(kind));
        let rate = wanted.unwrap_or(options.rate);
        // The first second warms up: histories, caches, the allocator.
        crowd.publish(kind, rate, rate.ceil() as usize).await?;
        outcomes.push(crowd.measure(kind, rate, options).await?);
    }
    Ok(outcomes)
}

/// Members of rooms, who say something.
pub(super) struct Crowd<'a> {
    pub(super) field: &'a Field,
    clients: Vec<Rc<Client>>,
    rooms: Vec<String>,
    members: usize,
    text: String,
}

impl<'a> Crowd<'a> {
    /// Everybody has joined, and been told of it.
    pub(super) async fn gather(
        field: &'a Field,
        rooms: usize,
        members: usize,
        bytes: usize,
    ) -> Result<Self> {
        let clients = field.fill(rooms, members).await?;
        field.all_is_told(&clients, members).await?;
        let text = TEXT.chars().cycle();
        Ok(Self {
            field,
            clients,
            rooms: (0..rooms).map(room).collect(),
            members,
            text: text.take(bytes.saturating_sub(packet::STAMP)).collect(),
        })
    }

    /// How many get a message.
    pub(super) fn audience(&self, kind: Kind) -> f64 {
        let others = self.members - usize::from(!kind.comes_back());
        others.max(1) as f64
    }

    async fn measure(&self, kind: Kind, rate: f64, options: &Options) -> Result<Outcome> {
        let Options {
            rooms,
            members,
            seconds,
            ..
        } = *options;
        let count = (rate * f64::from(seconds)) as usize;
        let window = self.field.window()?;
        let wrong = self.publish(kind, rate, count).await?;
        let used = window.used()?;
        let tally = &self.field.shared.tally;
        let delivered = tally.delivered();
        let millions = delivered as f64 / 1e6;
        let pace = match options.deliveries {
            Some(deliveries) => format!("{deliveries} deliveries/s"),
            None => format!("{rate}/s"),
        };
        let case = format!("deliver {rooms}×{members} {}, {pace}", kind.name());
        let mut outcome = self.field.outcome(case, &used);
        outcome.figure(
            "gateway CPU, s per million deliveries",
            used.gateways / millions,
        );
        outcome.figure("Redis CPU, s per million deliveries", used.redis / millions);
        let latency = tally.latency.borrow();
        outcome.figure("latency p50, ms", latency.quantile(0.5) as f64 / 1e6);
        outcome.figure("latency p99, ms", latency.quantile(0.99) as f64 / 1e6);
        let own = used.own * used.seconds / millions;
        outcome.figure("load generator's own CPU, s per million deliveries", own);
        outcome.count("published", count as u64);
        outcome.count("delivered", delivered);
        if wrong > 0 {
            outcome.failures += wrong;
            let say = || format!("{wrong} messages missing or given twice");
            outcome.failure.get_or_insert_with(say);
        }
        Ok(outcome)
    }

    /// Publishes so many a second and waits for all to arrive; returns how many were missing or given
    /// twice, counted for each client.
    pub(super) async fn publish(&self, kind: Kind, rate: f64, count: usize) -> Result<u64> {
        let shared = &self.field.shared;
        self.clients.iter().for_each(|client| client.forget());
        shared.watch(kind.event());
        let mut expected = vec![0; self.clients.len()];
        let mut text = String::new();
        paced(rate, count, |number, due| {
            let late = (Instant::now() - due).as_nanos() as u64;
            let room = number % self.rooms.len();
            let sender = number % self.clients.len();
            let stamp = shared.now() - late;
            kind.write(&mut text, &self.rooms[room], &self.text, stamp);
            self.clients[sender].send(text.as_bytes())?;
            for member in (room..expected.len()).step_by(self.rooms.len()) {
                expected[member] += u64::from(kind.comes_back() || member != sender);
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
    fn peers_have_live_messages_only() {
        assert!(Kind::all(App::Plain, None) == [Kind::Said]);
        assert!(Kind::all(App::Plain, Some(Only::Stored)).is_empty());
        assert!(Kind::all(App::Starling, None) == [Kind::Stored, Kind::Live]);
    }

    #[test]
    fn a_message_is_json_and_carries_its_stamp() {
        let mut text = String::new();
        for kind in [Kind::Stored, Kind::Live, Kind::Said] {
            kind.write(&mut text, "room-1", "hello ", 77);
            let packet: serde_json::Value = serde_json::from_str(&text[2..]).unwrap();
            let room = match kind {
                Kind::Said => &packet[1],
                Kind::Stored | Kind::Live => &packet[1]["roomName"],
            };
            assert_eq!(room, "room-1");
            assert_eq!(packet::stamp(text.as_bytes()), Some(77));
        }
    }
}
