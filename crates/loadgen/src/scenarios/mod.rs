//! The measurements. Each runs against fresh gateways, and tells what it found.

mod acks;
mod deliver;
mod idle;
mod join;
mod leave;
mod list;
mod saturate;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Subcommand;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::client::Client;
use crate::outcome::Outcome;
use crate::tally::Shared;
use crate::tokens::Tokens;
use crate::usage::{Cpu, Processes, Window};

/// How many clients are on their way in at the same time.
const AT_ONCE: usize = 32;
/// Nobody has been sent anything for this long: whatever was done last has had its effect.
const SILENCE: Duration = Duration::from_millis(1500);

/// The last list of a large room, which is paced by what it costs, comes within this time.
const LISTED: Duration = Duration::from_secs(120);

/// What to measure.
#[derive(Subcommand)]
pub enum Scenario {
    /// Messages into rooms, stored (`room-message`), then live (`room-event`), at a fixed rate.
    Deliver(deliver::Options),
    /// Connecting and joining, as fast as it goes.
    Join(join::Options),
    /// What an idle connection holds.
    Idle(idle::Options),
    /// `list-rooms` among private rooms of others.
    List(list::Options),
    /// Disconnects while others type.
    Leave(leave::Options),
    /// Events and their acknowledgements, so many on their way at a time.
    Acks(acks::Options),
    /// Live messages, more and more a second, until they take too long.
    Saturate(saturate::Options),
}

impl Scenario {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// When a gateway refuses something, does not answer within a minute, or ends.
    pub async fn run(&self, field: &Field) -> Result<Vec<Outcome>> {
        match self {
            Self::Deliver(options) => deliver::run(field, options).await,
            Self::Join(options) => Ok(vec![join::run(field, options).await?]),
            Self::Idle(options) => Ok(vec![idle::run(field, options).await?]),
            Self::List(options) => Ok(vec![list::run(field, options).await?]),
            Self::Leave(options) => Ok(vec![leave::run(field, options).await?]),
            Self::Acks(options) => Ok(vec![acks::run(field, options).await?]),
            Self::Saturate(options) => Ok(vec![saturate::run(field, options).await?]),
        }
    }
}

/// Where a measurement takes place.
pub struct Field {
    /// What the gateways understand.
    pub app: App,
    /// What all clients share.
    pub shared: Rc<Shared>,
    /// Client addresses of the gateways.
    pub gateways: Vec<SocketAddr>,
    /// Whose time and memory is measured.
    pub processes: Processes,
    /// What users say who they are with; they are guests without.
    pub tokens: Option<Tokens>,
}

impl Field {
    /// A field of these gateways.
    pub fn new(app: App, gateways: Vec<SocketAddr>, processes: Processes) -> Self {
        Self {
            app,
            shared: Rc::default(),
            gateways,
            processes,
            tokens: None,
        }
    }

    /// Connects to one gateway after the other.
    async fn connect(&self, user: usize) -> Result<Rc<Client>> {
        self.connect_to(user, user).await
    }

    async fn connect_to(&self, node: usize, user: usize) -> Result<Rc<Client>> {
        let gateway = self.gateways[node % self.gateways.len()];
        let auth = match &self.tokens {
            Some(tokens) => tokens.auth(user)?,
            None => "{}".to_owned(),
        };
        Client::connect(&self.shared, gateway, &auth).await
    }

    /// Does it for every number of the range, some at a time; the results are in order.
    async fn each<T, F>(&self, range: std::ops::Range<usize>, one: F) -> Result<Vec<T>>
    where
        F: AsyncFn(usize) -> Result<T>,
    {
        let one = &one;
        let all = stream::iter(range).map(move |number| one(number));
        all.buffered(AT_ONCE).try_collect().await
    }

    /// Connects and joins `rooms` × `members` clients. The one with number `n` is in room
    /// `n % rooms`, and every room is spread over all gateways.
    async fn fill(&self, rooms: usize, members: usize) -> Result<Vec<Rc<Client>>> {
        let enter = async |n: usize| {
            let client = self.connect_to(n / rooms + n % rooms, n).await?;
            let (event, payload) = self.app.enter(&room(n % rooms), n, n < rooms);
            client.call(event, &payload).await?;
            anyhow::Ok(client)
        };
        let mut all = self.each(0..rooms, enter).await?;
        let others = self.each(rooms..rooms * members, enter).await?;
        all.extend(others);
        Ok(all)
    }

    /// Waits until whatever joining brought about is over: every client was told of all members, and
    /// nobody is told anything more.
    async fn all_is_told(&self, clients: &[Rc<Client>], members: usize) -> Result<()> {
        let began = Instant::now();
        let told =
            |client: &Client| !self.app.tells_members() || client.members() == members as u64;
        while !clients.iter().all(|client| told(client)) {
            if began.elapsed() > LISTED {
                bail!("somebody was not told of all members within two minutes");
            }
            sleep(Duration::from_millis(50)).await;
        }
        self.shared.quiet(SILENCE).await
    }

    /// The gateways' memory, once it does not change any more (by 1 %, within a second), or
    /// after ten seconds.
    async fn settled_memory(&self) -> Result<f64> {
        let mut last = self.processes.memory()? as f64;
        for _ in 0..10 {
            sleep(Duration::from_secs(1)).await;
            let now = self.processes.memory()? as f64;
            let change = (now - last).abs();
            last = now;
            if change < now / 100.0 {
                break;
            }
        }
        Ok(last)
    }

    fn window(&self) -> Result<Window<'_>> {
        Window::begin(&self.processes)
    }

    fn outcome(&self, case: String, used: &Cpu) -> Outcome {
        Outcome {
            case,
            figures: Vec::new(),
            counts: Vec::new(),
            failures: self.shared.tally.failures(),
            failure: self.shared.tally.first_failure(),
            own: used.own,
            others: used.others,
        }
    }
}

/// The name of a room.
fn room(number: usize) -> String {
    format!("room-{number}")
}

/// CPU seconds as microseconds for each of so many.
fn micros_each(seconds: f64, count: usize) -> f64 {
    seconds * 1e6 / count.max(1) as f64
}

/// Does something so many times a second, evenly, for so long: `one` is given the number and the
/// time it was due. Late ones are caught up with; the times they were due stay as they are.
async fn paced(
    rate: f64,
    count: usize,
    mut one: impl FnMut(usize, Instant) -> Result<()>,
) -> Result<()> {
    let began = Instant::now();
    for number in 0..count {
        let due = began + Duration::from_secs_f64(number as f64 / rate);
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        one(number, due)?;
    }
    Ok(())
}
