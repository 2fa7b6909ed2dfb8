//! One session and whatever may happen to it, in an order that a seed decides, against a model.

mod client;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use engineioxide::{DisconnectReason, Frame, Line, TransportType};
use tokio::{
    runtime::{Builder, Handle},
    task::yield_now,
    time::sleep,
};

use crate::support::{Server, settle};
use client::Side;

const SEEDS: u64 = 150;
const STEPS: u32 = 150;
/// What has to occur, in many schedules each.
const KINDS: [&str; 5] = ["deliver", "ack", "kill", "upgrade", "slow read"];
/// The keeper, and who writes what was gathered.
const OF_THE_ENGINE: usize = 2;

/// Numbers that a seed decides.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, most: u64) -> u64 {
        // Xorshift, of which the seed must not be zero.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % most
    }

    pub(crate) fn one_in(&mut self, most: u64) -> bool {
        self.below(most) == 0
    }
}

/// What the server has sent.
#[derive(Default)]
struct Sent {
    /// As a poll would bring it.
    accepted: Vec<String>,
    number: u64,
}

impl Sent {
    fn send(&mut self, line: &Arc<Line>, most: u64, dice: &mut Dice) {
        for _ in 0..most {
            self.number += 1;
            let long = if dice.one_in(4) { 30_000 } else { 300 };
            let text = format!("{}:{}", self.number, "x".repeat(dice.below(long) as usize));
            let data = Bytes::from(vec![self.number as u8; dice.below(500) as usize]);
            let data = if dice.one_in(4) {
                vec![data]
            } else {
                Vec::new()
            };
            let frame = Frame::message(&[&text], &data);
            let sent = match dice.one_in(4) {
                true => line.send_volatile(&frame),
                false => line.send(&frame).is_ok(),
            };
            if sent {
                self.accepted.push(format!("4{text}"));
                let data = data.iter().map(|data| client::as_polled(data));
                self.accepted.extend(data);
            }
        }
    }
}

impl Sent {
    /// Says that it came, where it is handled.
    fn acknowledge(&mut self, line: &Arc<Line>, text: &str) {
        let text = format!("to {text}");
        if line.send(&Frame::text(&text)).is_ok() {
            self.accepted.push(format!("4{text}"));
        }
    }
}

struct Model {
    server: Server,
    side: Side,
    sent: Arc<Mutex<Sent>>,
    /// The server has cut the connection.
    killed: bool,
    /// Something had to wait for a websocket to be read.
    waited: bool,
}

impl Model {
    async fn begin(dice: &mut Dice) -> Self {
        let server = Server::with(|config, settings| {
            config.max_payload = 2_000;
            config.max_buffer_size = 200;
            settings.max_waiting = 300_000;
            if dice.one_in(2) {
                settings.gather = Duration::ZERO;
            }
        });
        let sent = Arc::<Mutex<Sent>>::default();
        let (lines, acknowledged) = (server.lines.clone(), sent.clone());
        server.at_message(move |socket, text| {
            if let Some(line) = lines.get(socket.id) {
                acknowledged.lock().unwrap().acknowledge(&line, text);
            }
        });
        let side = Side::begin(&server, dice).await;
        Self {
            server,
            side,
            sent,
            killed: false,
            waited: false,
        }
    }

    async fn step(&mut self, dice: &mut Dice) {
        match dice.below(40) {
            0..8 => self.send(1, dice),
            8..12 => self.spawn(dice),
            12 => self.send(dice.below(60), dice),
            13 => settle().await,
            // So much of what others can do, and no more.
            14..18 => {
                for _ in 0..dice.below(4) {
                    yield_now().await;
                }
            }
            18 => sleep(Duration::from_millis(dice.below(50))).await,
            19 => sleep(Duration::from_millis(dice.below(9_000))).await,
            20 if dice.one_in(8) => self.end(dice),
            _ => self.side.step(&self.server, dice).await,
        }
        let waits = |line: &Arc<Line>| {
            line.transport() == TransportType::Websocket && line.waiting() > 100_000
        };
        self.waited |= self.server.lines.all().iter().any(waits);
        self.check();
    }

    /// Of [`KINDS`], what has occurred.
    fn seen(&self) -> [bool; 5] {
        let arrived = &self.side.arrived;
        [
            !arrived.is_empty(),
            arrived.iter().any(|packet| packet.starts_with("4to ")),
            self.killed,
            self.server.counts.upgrades() > 0,
            self.waited,
        ]
    }

    fn send(&self, most: u64, dice: &mut Dice) {
        if let Some(line) = self.server.lines.all().pop() {
            self.sent().send(&line, most, dice);
        }
    }

    /// From a task of its own, between whatever others do.
    fn spawn(&self, dice: &mut Dice) {
        let Some(line) = self.server.lines.all().pop() else {
            return;
        };
        let (sent, mut dice) = (self.sent.clone(), Dice::new(dice.below(u64::MAX)));
        tokio::spawn(async move {
            let most = dice.below(5);
            sent.lock().unwrap().send(&line, most, &mut dice);
        });
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap()
    }

    fn end(&mut self, dice: &mut Dice) {
        let Some(line) = self.server.lines.all().pop() else {
            return;
        };
        match dice.one_in(2) {
            true => {
                self.killed = true;
                line.kill(DisconnectReason::ClosingServer);
            }
            false => line.close(DisconnectReason::ClosingServer),
        }
    }

    /// What arrived was sent, in this order, with nothing left out.
    fn check(&self) {
        let arrived = &self.side.arrived;
        let sent = self.sent();
        let sent = sent.accepted.get(..arrived.len());
        assert_eq!(
            Some(&arrived[..]),
            sent,
            "more arrived than was sent, or other"
        );
        let heard = self.server.heard();
        assert_eq!(Some(&heard[..]), self.side.said.get(..heard.len()));
        assert!(self.server.ended() <= 1);
        assert_eq!(self.server.ended() + self.server.lines.len(), 1);
    }

    /// Nothing is missing.
    async fn check_all(&mut self) {
        self.side.take_all(&self.server).await;
        self.check();
        if self.server.ended() == 0 && !self.side.gone {
            assert_eq!(self.side.arrived.len(), self.sent().accepted.len());
            assert_eq!(self.server.heard().len(), self.side.said.len());
        }
    }

    /// Ends the session, if nothing did, and nothing is left of it.
    async fn finish(mut self, dice: &mut Dice) {
        match dice.one_in(2) {
            true => self.end(dice),
            false => self.side.go(),
        }
        sleep(Duration::from_secs(60)).await;
        self.side.take_all(&self.server).await;
        self.check();
        self.side.go();
        sleep(Duration::from_secs(60)).await;
        assert_eq!(self.server.ended(), 1);
        assert_eq!((self.server.lines.len(), self.server.lines.kept()), (0, 0));
        assert_eq!(self.server.counts.open(), (0, 0));
        let tasks = Handle::current().metrics().num_alive_tasks();
        assert!(tasks <= OF_THE_ENGINE, "{tasks} tasks are left");
    }
}

async fn run(seed: u64) -> [bool; 5] {
    let mut dice = Dice::new(seed);
    let mut model = Model::begin(&mut dice).await;
    for _ in 0..STEPS {
        model.step(&mut dice).await;
    }
    model.check_all().await;
    let seen = model.seen();
    model.finish(&mut dice).await;
    seen
}

#[test]
fn order_is_kept_and_nothing_is_lost_and_there_is_one_end_whatever_happens_when() {
    let one = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let mut counts = [0; 5];
    for seed in one.map_or(1..=SEEDS, |seed| seed..=seed) {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let run = std::panic::AssertUnwindSafe(|| runtime.block_on(run(seed)));
        let Ok(seen) = std::panic::catch_unwind(run) else {
            panic!("with SEED={seed}");
        };
        let counted = counts.iter_mut().zip(seen);
        counted.for_each(|(count, seen)| *count += u64::from(seen));
    }
    println!("{KINDS:?} in {counts:?}");
    let many = counts.iter().all(|count| *count > SEEDS / 10);
    assert!(one.is_some() || many, "{KINDS:?} in {counts:?}");
}
