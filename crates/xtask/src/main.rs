//! The project's own commands, run as `cargo xtask <command>`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use starling_xtask::{bench, cluster, docs, load, nginx, testing, tidy, watchdog};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Cluster(cluster::Options),
    Test(testing::Options),
    Load(load::Options),
    Bench(bench::Options),
    /// Write nginx/nodes.conf, the list of gateways that docker-compose.yml uses.
    Nginx,
    /// Write what of docs/ comes from the code: the tables of docs/EVENTS.md.
    Docs,
    /// Check the rules of the house: who depends on whom, links in the docs, generated files.
    Tidy,
    /// Ends what a killed cluster left behind (started by `cluster` itself).
    #[command(hide = true)]
    Watchdog {
        /// Directory to remove at the end.
        dir: PathBuf,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Cluster(options) => cluster::run(&options),
        Command::Test(options) => testing::run(&options),
        Command::Load(options) => load::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Nginx => nginx::write_committed(),
        Command::Docs => docs::write(),
        Command::Tidy => tidy::run(),
        Command::Watchdog { dir } => watchdog::run(&dir),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
