//! `starling-loadgen`: starts gateways and a Redis, measures, prints a line of JSON for each
//! measurement. `cargo xtask bench` runs it.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use starling_loadgen::app::App;
use starling_loadgen::outcome::Outcome;
use starling_loadgen::scenarios::{Field, Scenario};
use starling_loadgen::tokens::Tokens;
use starling_loadgen::usage::Processes;
use starling_xtask::cluster::{self, Cluster};
use starling_xtask::watchdog;
use tokio::task::LocalSet;
use tokio::time::timeout;

/// No run takes longer.
const LIMIT: Duration = Duration::from_secs(600);

/// Measures gateways of its own on loopback; prints a line of JSON for each measurement.
#[derive(Parser)]
#[command(name = "starling-loadgen")]
struct Cli {
    /// The gateway's executable; without it, the workspace's debug build.
    #[arg(long, value_name = "FILE")]
    gateway: Option<PathBuf>,
    /// A program, and its arguments one by one, in place of the gateways: a server with the events of
    /// `tests/peers`. It is told its PORT and the REDIS_URL.
    #[arg(
        long,
        value_name = "ARG",
        conflicts_with = "gateway",
        allow_hyphen_values = true
    )]
    peer: Vec<String>,
    /// How many gateways.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=32))]
    nodes: u8,
    /// An environment variable for the gateways; may be repeated.
    #[arg(long = "env", value_name = "K=V", value_parser = cluster::key_value)]
    env: Vec<(String, String)>,
    /// Every user comes with a token of its own, in place of a guest.
    #[arg(long, conflicts_with = "peer")]
    tokens: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Measure(Scenario),
    /// Ends what a killed run left behind (started by the run itself).
    #[command(hide = true)]
    Watchdog {
        /// Directory to remove at the end.
        dir: PathBuf,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Watchdog { dir } => watchdog::run(dir),
        Command::Measure(scenario) => measure(&cli, scenario),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loadgen: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(cli: &Cli, scenario: &Scenario) -> Result<()> {
    let mut cluster = Cluster::start(&cluster::Options {
        nodes: cli.nodes,
        port: 0,
        release: false,
        guest: !cli.tokens,
        env: cli.env.clone(),
        gateway: cli.gateway.clone(),
        logs: None,
        bare: true,
        peer: cli.peer.clone(),
    })?;
    let outcomes = cluster
        .wait_ready(&|| true)
        .and_then(|()| run(&cluster, cli, scenario));
    cluster.stop();
    let mut stdout = std::io::stdout().lock();
    for outcome in outcomes? {
        writeln!(stdout, "{}", serde_json::to_string(&outcome)?)?;
    }
    Ok(())
}

fn app(cli: &Cli) -> App {
    match cli.peer.is_empty() {
        true => App::Starling,
        false => App::Plain,
    }
}

/// Runs on this thread alone; at the end every connection is gone.
fn run(cluster: &Cluster, cli: &Cli, scenario: &Scenario) -> Result<Vec<Outcome>> {
    let nodes = cluster.nodes();
    let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let processes = Processes {
        gateways: nodes.iter().map(|node| node.pid).collect(),
        redis: cluster.redis().context("no Redis of our own")?,
    };
    let mut field = Field::new(
        app(cli),
        nodes.iter().map(|node| local(node.port)).collect(),
        processes,
    );
    field.tokens = cli.tokens.then(|| Tokens::new(cluster.jwt_secret()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let limited = async { timeout(LIMIT, scenario.run(&field)).await };
    LocalSet::new()
        .block_on(&runtime, limited)
        .context("the run took more than ten minutes")?
}
