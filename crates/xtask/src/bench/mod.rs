//! `cargo xtask bench`: servers measured beside each other, as a Markdown table.

mod peers;
mod picture;
mod server;
mod table;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};

use self::server::{Server, Turns};
use self::table::Table;
use crate::cluster::key_value;

/// Measure gateways beside each other: A B A B, the median of each figure as a Markdown table.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// What to measure; everything, if nothing is named.
    scenarios: Vec<Scenario>,
    /// A gateway's executable; may be repeated, ratios are to the first. Without any, the
    /// workspace's release build.
    #[arg(long = "gateway", value_name = "NAME=FILE", value_parser = key_value)]
    gateways: Vec<(String, String)>,
    /// How often each is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// How many gateways at a time, sharing one Redis.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=32))]
    nodes: u8,
    /// An environment variable for the gateways; may be repeated.
    #[arg(long = "env", value_name = "K=V", value_parser = key_value)]
    env: Vec<(String, String)>,
}

#[derive(Subcommand)]
enum Command {
    Peers(peers::Options),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// What a delivery costs and how long it takes, stored and live.
    Deliver,
    /// What connecting and joining costs and leaves behind.
    Join,
    /// What an idle connection holds.
    Idle,
    /// What `list-rooms` costs.
    List,
    /// What a disconnect costs.
    Leave,
    /// What an event and its acknowledgement cost.
    Acks,
    /// How many deliveries a second are possible.
    Saturate,
}

impl Scenario {
    /// Arguments of the load generator, for each case. The first line has its defaults.
    fn cases(self) -> &'static [&'static str] {
        match self {
            Self::Deliver => &["deliver", "deliver --rooms 1 --members 1000 --rate 12"],
            Self::Join => &["join", "join --rooms 1 --members 3000"],
            Self::Idle => &["idle", "idle --members 90"],
            Self::List => &["list"],
            Self::Leave => &[
                "leave",
                "leave --typists 0",
                "leave --typists 0 --members 30",
            ],
            Self::Acks => &["acks"],
            Self::Saturate => &["saturate"],
        }
    }
}

/// Measures, and prints the table.
///
/// # Errors
///
/// When something does not build or cannot be started. A run that fails is told in the table.
pub fn run(options: &Options) -> Result<()> {
    if let Some(Command::Peers(peers)) = &options.command {
        return peers::run(peers);
    }
    let dir = tempfile::tempdir()?;
    let loadgen = server::loadgen(dir.path())?;
    let servers = servers(options, dir.path())?;
    let mut table = Table::new(servers.iter().map(|server| server.name.clone()).collect());
    let servers: Vec<_> = servers.into_iter().enumerate().collect();
    let turns = Turns {
        loadgen: &loadgen,
        runs: options.runs,
        again: 0,
    };
    let all = Scenario::value_variants();
    let wanted = all
        .iter()
        .filter(|s| options.scenarios.is_empty() || options.scenarios.contains(s));
    for case in wanted.flat_map(|scenario| scenario.cases()) {
        turns.take(case, &servers, &mut table, |_, _| Ok(()))?;
    }
    let mut stdout = std::io::stdout().lock();
    Ok(write!(stdout, "{table}{}", method(options))?)
}

fn servers(options: &Options, dir: &Path) -> Result<Vec<Server>> {
    let gateways = server::gateways(&options.gateways, "this", dir)?;
    let env = options
        .env
        .iter()
        .flat_map(|(key, value)| ["--env".to_owned(), format!("{key}={value}")]);
    let env: Vec<_> = env.collect();
    let servers = gateways.into_iter().map(|(name, file)| {
        let file = file.display().to_string();
        let mut args = vec!["--nodes".to_owned(), options.nodes.to_string()];
        args.extend(["--gateway".to_owned(), file]);
        args.extend(env.iter().cloned());
        Server { name, args }
    });
    Ok(servers.collect())
}

fn method(options: &Options) -> String {
    let mut text = format!(
        "Median (least to most) of {} runs by turns; {} gateways, one Redis and the load generator on {} cores",
        options.runs,
        options.nodes,
        std::thread::available_parallelism().map_or(1, usize::from),
    );
    for (key, _) in &options.env {
        let _ = write!(text, ", {key} set");
    }
    text + ". `*`: disturbed, other processes used more than half a core in one run at least. \
            docs/BENCHMARKS.md says what each figure means.\n"
}
