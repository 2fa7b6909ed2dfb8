//! The `starling` binary: configuration, wiring, exporter, drain.

mod admin;
mod cli;
mod config;
mod node;
mod telemetry;
mod workers;

use std::process::ExitCode;

use clap::Parser;

#[allow(clippy::print_stderr, reason = "before or without a log")]
fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("starling: {error:#}");
            ExitCode::FAILURE
        }
    }
}
