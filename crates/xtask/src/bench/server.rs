//! Running the load generator against one server, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::table::{CALM, Table};
use crate::cluster::build;

/// A server under test.
#[derive(Clone)]
pub(super) struct Server {
    /// Its column.
    pub(super) name: String,
    /// Arguments of the load generator that say what it is.
    pub(super) args: Vec<String>,
}

/// A line of the load generator. Its other fields are for whoever runs it by hand.
#[derive(Deserialize, Serialize)]
pub(super) struct Outcome {
    pub(super) case: String,
    pub(super) figures: Vec<Figure>,
    pub(super) failures: u64,
    pub(super) failure: Option<String>,
    pub(super) own: f64,
    pub(super) others: f64,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Figure {
    pub(super) what: String,
    /// Nothing where it could not be computed.
    pub(super) value: Option<f64>,
}

/// Gateways under these names, or the workspace's own; copied to `dir`.
pub(super) fn gateways(
    named: &[(String, String)],
    own: &str,
    dir: &Path,
) -> Result<Vec<(String, PathBuf)>> {
    let mut gateways: Vec<(String, PathBuf)> = named
        .iter()
        .map(|(name, file)| (name.clone(), file.into()))
        .collect();
    if gateways.is_empty() {
        let built = build::binary("starling-gateway", "starling", true)?;
        gateways.push((own.to_owned(), built));
    }
    for (number, (_, file)) in gateways.iter_mut().enumerate() {
        *file = copy(file, dir, &format!("starling-{number}"))?;
    }
    Ok(gateways)
}

/// What is run must stay what it was, whatever is built meanwhile.
pub(super) fn copy(file: &Path, dir: &Path, name: &str) -> Result<PathBuf> {
    let copy = dir.join(name);
    fs::copy(file, &copy).with_context(|| file.display().to_string())?;
    Ok(copy)
}

/// The load generator, built and copied to `dir`.
pub(super) fn loadgen(dir: &Path) -> Result<PathBuf> {
    let built = build::binary("starling-loadgen", "starling-loadgen", true)?;
    copy(&built, dir, "starling-loadgen")
}

/// How a case is measured by turns.
pub(super) struct Turns<'a> {
    pub(super) loadgen: &'a Path,
    pub(super) runs: u32,
    /// How often a disturbed run is done again.
    pub(super) again: u32,
}

impl Turns<'_> {
    /// A B C, A B C: one case by these servers (with their columns), its figures into the table. Each
    /// outcome is also given to `keep`.
    pub(super) fn take(
        &self,
        case: &str,
        servers: &[(usize, Server)],
        table: &mut Table,
        mut keep: impl FnMut(&Server, &Outcome) -> Result<()>,
    ) -> Result<()> {
        for run in 1..=self.runs {
            for (column, server) in servers {
                eprintln!("bench: {case}: {}, run {run} of {}", server.name, self.runs);
                match self.once(server, case) {
                    Ok(outcomes) => {
                        for outcome in outcomes {
                            keep(server, &outcome)?;
                            table.add(*column, outcome);
                        }
                    }
                    Err(error) => table.note(*column, case, &format!("{error:#}")),
                }
            }
        }
        Ok(())
    }

    fn once(&self, server: &Server, case: &str) -> Result<Vec<Outcome>> {
        let mut outcomes = measure(self.loadgen, server, case)?;
        for _ in 0..self.again {
            if outcomes.iter().all(|outcome| outcome.others <= CALM) {
                break;
            }
            eprintln!("bench: disturbed, once more");
            outcomes = measure(self.loadgen, server, case)?;
        }
        Ok(outcomes)
    }
}

fn measure(loadgen: &Path, server: &Server, case: &str) -> Result<Vec<Outcome>> {
    let output = Command::new(loadgen)
        .args(&server.args)
        .args(case.split(' '))
        .stdin(Stdio::null())
        .output()
        .context("starling-loadgen")?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{}", reason(&errors));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    let outcomes = lines.lines().map(serde_json::from_str);
    outcomes.collect::<Result<_, _>>().context("its outcome")
}

/// The load generator's own last words, without what may follow of a server's.
fn reason(errors: &str) -> &str {
    let own = |line: &&str| line.starts_with("loadgen: ");
    let last = errors.lines().rfind(own).or(errors.lines().last());
    last.unwrap_or("failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_the_load_generator_said_last() {
        let said = "cluster: stopping\nloadgen: refused\n  a log\n";
        assert_eq!(reason(said), "loadgen: refused");
        assert_eq!(reason("killed\n"), "killed");
        assert_eq!(reason(""), "failed");
    }
}
