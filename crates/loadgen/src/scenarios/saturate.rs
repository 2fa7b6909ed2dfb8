//! How many deliveries a second are possible before they take too long.

use anyhow::Result;
use clap::Args;

use super::deliver::{self, Crowd, Kind};
use super::{Field, SILENCE};
use crate::outcome::Outcome;
use crate::usage::Cpu;

/// Rooms, and where the search begins.
#[derive(Args)]
pub struct Options {
    /// How many rooms.
    #[arg(long, default_value_t = 100)]
    rooms: usize,
    /// Members of each, spread over the gateways.
    #[arg(long, default_value_t = 30)]
    members: usize,
    /// Live deliveries a second to begin with.
    #[arg(long, default_value_t = 20_000.0)]
    from: f64,
    /// The search ends here.
    #[arg(long, default_value_t = 2_000_000.0)]
    most: f64,
    /// Factor from one rate to the next.
    #[arg(long, default_value_t = 1.15)]
    step: f64,
    /// How long each rate is held, in seconds.
    #[arg(long, default_value_t = 4)]
    seconds: u32,
    /// The latency of the slowest hundredth that is still good, in milliseconds.
    #[arg(long, default_value_t = 200.0)]
    within: f64,
    /// Bytes of what is said.
    #[arg(long, default_value_t = deliver::BYTES)]
    bytes: usize,
}

/// A rate that was held.
struct Held {
    rate: f64,
    used: Cpu,
    p99: f64,
}

/// Who cannot hold this is not searched any further, in deliveries a second.
const LEAST: f64 = 1000.0;
/// How often the step is halved once a rate was too much.
const NARROWED: u32 = 2;

/// Upwards, as a server that was overrun may have cut its connections: the last rate that was held
/// is the outcome. A rate gets a second try, since something else on the machine may have been at work.
pub(super) async fn run(field: &Field, options: &Options) -> Result<Outcome> {
    let crowd = Crowd::gather(field, options.rooms, options.members, options.bytes).await?;
    let kind = Kind::live(field.app);
    let whole = field.window()?;
    let mut best = None;
    let (mut rate, mut step, mut narrowed) = (options.from, options.step.max(1.01), 0);
    while rate <= options.most {
        let mut held = hold(&crowd, kind, rate, options).await?;
        if held.is_none() {
            field.shared.quiet(SILENCE).await?;
            held = hold(&crowd, kind, rate, options).await?;
        }
        if field.shared.tally.failures() > 0 {
            break;
        }
        if held.is_some() {
            best = held;
        } else if best.is_none() && rate > LEAST {
            // Too much already: begin lower.
            rate /= 2.0 * step;
            field.shared.quiet(SILENCE).await?;
        } else if best.is_none() || narrowed == NARROWED {
            break;
        } else {
            rate /= step;
            step = step.sqrt();
            narrowed += 1;
            field.shared.quiet(SILENCE).await?;
        }
        rate *= step;
    }
    let best = best.unwrap_or(Held {
        rate: 0.0,
        used: field.window()?.used()?,
        p99: 0.0,
    });
    let Options {
        rooms,
        members,
        within,
        ..
    } = options;
    let mut outcome = field.outcome(format!("saturate {rooms}×{members} live"), &whole.used()?);
    // What the last rate, which was too much, led to is no failure of those before it.
    (outcome.failures, outcome.failure) = (0, None);
    let what = "most deliveries per second with p99 within the bound";
    outcome.figure(what, best.rate);
    outcome.figure("load generator there, cores", best.used.own);
    outcome.count("p99 there, ms", best.p99 as u64);
    outcome.count("bound, ms", *within as u64);
    Ok(outcome)
}

/// Nothing if this rate was too much: deliveries too slow, missing, or published too late.
async fn hold(crowd: &Crowd<'_>, kind: Kind, rate: f64, options: &Options) -> Result<Option<Held>> {
    let messages = rate / crowd.audience(kind);
    let window = crowd.field.window()?;
    let count = (messages * f64::from(options.seconds)) as usize;
    // A server that does not read any more is overrun as well.
    let Ok(wrong) = crowd.publish(kind, messages, count).await else {
        return Ok(None);
    };
    let used = window.used()?;
    let p99 = crowd.field.shared.tally.latency.borrow().quantile(0.99) as f64 / 1e6;
    eprintln!(
        "loadgen: {rate:.0} deliveries/s: p99 {p99:.1} ms, {wrong} wrong, own {:.2} cores",
        used.own
    );
    let good = wrong == 0 && p99 <= options.within;
    Ok(good.then_some(Held { rate, used, p99 }))
}
