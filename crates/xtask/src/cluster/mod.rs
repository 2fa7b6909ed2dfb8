//! `cargo xtask cluster`: Redis, gateways and nginx as local processes.

pub(crate) mod build;
mod ready;
mod running;
mod setup;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

pub use running::{Cluster, Node};

/// Start Redis, gateways and nginx as local processes and stay in the foreground.
///
/// When all are ready, one line of JSON goes to stdout:
/// {"url","pid","redis":{"url","pid"},"nginx":{"pid"},"nodes":[{"name","url","admin","pid"}],
/// "jwt_secret","api_key"}; `pid` is this process. Everything else goes to stderr and to log files.
///
/// SIGINT and SIGTERM stop everything and leave nothing behind; so does the end of the
/// process that started this one. A process that dies by itself is reported on stderr and
/// stays dead until SIGHUP, which starts every dead one again (same name, same ports) and
/// prints the line of JSON once more when all are ready.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// How many gateways.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub nodes: u8,
    /// Port of nginx on loopback; 0 for any free one.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Build the gateway with optimizations.
    #[arg(long)]
    pub release: bool,
    /// Guest mode: no tokens needed.
    #[arg(long)]
    pub guest: bool,
    /// An environment variable for the gateways; may be repeated. STARLING_REDIS_URL here
    /// means that Redis, several of them or a Sentinel, is already there.
    #[arg(long = "env", value_name = "K=V", value_parser = key_value)]
    pub env: Vec<(String, String)>,
    /// Use this gateway binary instead of building one.
    #[arg(long, value_name = "FILE")]
    pub gateway: Option<PathBuf>,
    /// Keep the log files here instead of in a temporary directory.
    #[arg(long, value_name = "DIR")]
    pub logs: Option<PathBuf>,
    /// Leave nginx out: the load generator talks to the gateways themselves.
    #[arg(skip)]
    pub bare: bool,
    /// Start this program, with these arguments, in place of the gateways: a server that is compared
    /// with them. Its environment has a PORT on loopback and the REDIS_URL.
    #[arg(skip)]
    pub peer: Vec<String>,
}

/// What the main loop reacts to.
enum Wish {
    Stop,
    Restart,
}

/// Runs until told to stop.
pub fn run(options: &Options) -> Result<()> {
    let wishes = wishes()?;
    let parent = std::os::unix::process::parent_id();
    let mut cluster = Cluster::start(options)?;
    let outcome = cluster.wait_ready(&|| !stop_wished(&wishes));
    if outcome.is_ok() {
        cluster.announce()?;
        stay(&mut cluster, &wishes, parent)?;
    }
    cluster.stop();
    outcome
}

/// The main loop: signals, dead children, a dead parent.
fn stay(cluster: &mut Cluster, wishes: &Receiver<Wish>, parent: u32) -> Result<()> {
    loop {
        match wishes.recv_timeout(Duration::from_millis(200)) {
            Ok(Wish::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Ok(Wish::Restart) => restart(cluster, wishes)?,
            Err(RecvTimeoutError::Timeout) => {}
        }
        cluster.report_ended();
        if std::os::unix::process::parent_id() != parent {
            eprintln!("cluster: the process that started this one is gone, stopping");
            return Ok(());
        }
    }
}

fn restart(cluster: &mut Cluster, wishes: &Receiver<Wish>) -> Result<()> {
    wait_for_the_dying(cluster);
    cluster.start_dead()?;
    match cluster.wait_ready(&|| !stop_wished(wishes)) {
        Ok(()) => cluster.announce(),
        Err(error) => {
            eprintln!("cluster: {error:#}");
            Ok(())
        }
    }
}

/// Whoever kills nodes and at once asks for a restart is faster than the kernel: wait until
/// somebody is down and nobody follows.
fn wait_for_the_dying(cluster: &mut Cluster) {
    let until = Instant::now() + Duration::from_millis(600);
    let mut down = cluster.report_ended();
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
        let before = std::mem::replace(&mut down, cluster.report_ended());
        if down > 0 && down == before {
            return;
        }
    }
}

fn stop_wished(wishes: &Receiver<Wish>) -> bool {
    matches!(wishes.try_recv(), Ok(Wish::Stop))
}

fn wishes() -> Result<Receiver<Wish>> {
    let (sender, receiver) = channel();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let wish = if signal == SIGHUP {
                Wish::Restart
            } else {
                Wish::Stop
            };
            if sender.send(wish).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// `K=V` of a command line.
///
/// # Errors
///
/// When there is no `=`.
pub fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected K=V")?;
    Ok((key.to_owned(), value.to_owned()))
}
