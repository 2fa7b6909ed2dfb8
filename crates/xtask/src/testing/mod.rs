//! `cargo xtask test`: everything that must hold, with one line of summary at the end.

mod counts;
mod lint;
mod steps;

pub(crate) use steps::npm_ci;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use counts::Counts;

/// Check and test everything; the last line of output is `N passed, N failed`.
///
/// As root on Debian it installs what is missing (Redis, nginx, Node, cargo-nextest).
#[derive(Args)]
pub struct Options {
    /// Only this part.
    #[arg(value_enum)]
    part: Option<Part>,
    /// For the part `protocol`: root of a checkout of github.com/socketio/socket.io.
    #[arg(long, value_name = "DIR", required_if_eq("part", "protocol"))]
    suites: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Formatting, clippy, cargo-deny, tidiness, the page's types.
    Lint,
    /// Everything that `cargo nextest` runs, the examples in doc comments, and the page's logic.
    Unit,
    /// The official clients against a real cluster, and the rules of the protocols.
    E2e,
    /// The official suites of the protocols, from a checkout; not a part of everything.
    Protocol,
}

/// Runs the wished part, or all.
pub fn run(options: &Options) -> Result<()> {
    if let (Some(Part::Protocol), Some(suites)) = (options.part, &options.suites) {
        return finish(&steps::protocol(suites)?);
    }
    let wished = |part| options.part.is_none_or(|only| only == part);
    steps::install(wished(Part::Unit), wished(Part::E2e))?;
    let mut counts = Counts::default();
    if wished(Part::Lint) {
        counts.add(lint::run());
    }
    if wished(Part::Unit) {
        counts.add(steps::unit()?);
    }
    if wished(Part::E2e) {
        counts.add(steps::end_to_end()?);
    }
    finish(&counts)
}

fn finish(counts: &Counts) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    for name in &counts.names {
        writeln!(stdout, "failed: {name}")?;
    }
    writeln!(stdout, "{} passed, {} failed", counts.passed, counts.failed)?;
    stdout.flush()?;
    if counts.failed == 0 {
        return Ok(());
    }
    // The summary stays the last line: no error message after it.
    std::process::exit(1)
}

/// Says what comes next.
fn title(text: &str) {
    eprintln!("\n== {text}");
}

/// An error for a command that could not do its work.
pub(crate) fn must(ok: bool, what: &str) -> Result<()> {
    if !ok {
        bail!("{what} failed");
    }
    Ok(())
}
