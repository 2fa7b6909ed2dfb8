//! `cargo xtask bench peers`: Starling beside other servers of Socket.IO, and beside a bare one.

mod cases;
mod install;
mod report;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use self::cases::{CASES, Case, Group};
use super::server::{self, Outcome, Server, Turns};
use super::table::Table;
use crate::cluster::key_value;

/// Measure Starling beside Socket.IO on Node and on Bun, plain socketioxide, and a bare server: A B C
/// A B C, medians and ratios as Markdown tables.
#[derive(Args)]
pub(super) struct Options {
    /// What to measure; everything, if nothing is named.
    groups: Vec<Group>,
    /// Only these servers; may be a list.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Peer>,
    /// A gateway's executable; may be repeated. Without any, the workspace's release build.
    #[arg(long = "gateway", value_name = "NAME=FILE", value_parser = key_value)]
    gateways: Vec<(String, String)>,
    /// How often each is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// How often a run that other processes disturbed is done again.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=9))]
    again: u32,
    /// How many seconds deliveries are measured for.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=120))]
    seconds: u32,
    /// Also keep every outcome in this file, a line of JSON each; what is there stays and counts.
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// Measure nothing: print the tables of what was kept.
    #[arg(long, requires = "keep")]
    report: bool,
    /// Also draw the most important figures, as an SVG.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

/// What is measured there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Peer {
    /// A bare server: one process, nothing but websockets.
    Limit,
    /// The same as three processes that share their rooms by Redis.
    LimitRelay,
    /// Socket.IO on Node.
    Node,
    /// Socket.IO on Bun, with Bun's own engine.
    Bun,
    /// socketioxide, which Starling is built on.
    Socketioxide,
    /// Starling.
    Starling,
}

impl Peer {
    fn is_wanted(self, options: &Options) -> bool {
        options.only.is_empty() || options.only.contains(&self)
    }
}

/// A line of the file that outcomes are kept in.
#[derive(Deserialize, Serialize)]
struct Kept<O> {
    server: String,
    outcome: O,
}

/// A server, and whether it is a gateway.
struct Entrant {
    server: Server,
    gateway: bool,
}

/// Measures, and prints the tables.
pub(super) fn run(options: &Options) -> Result<()> {
    let kept = match &options.keep {
        Some(file) if file.exists() => read_kept(file)?,
        _ => Vec::new(),
    };
    let dir = tempfile::tempdir()?;
    let entrants = match options.report {
        true => Vec::new(),
        false => entrants(options, dir.path())?,
    };
    let mut table = Table::new(names(&entrants, &kept));
    for line in kept {
        table.add(table.column(&line.server), line.outcome);
    }
    if !options.report {
        measure(options, dir.path(), &entrants, &mut table)?;
    }
    print(options, &table)
}

/// Names of the columns: who is measured now, then who was before.
fn names(entrants: &[Entrant], kept: &[Kept<Outcome>]) -> Vec<String> {
    let now = entrants.iter().map(|entrant| &entrant.server.name);
    let before = kept.iter().map(|line| &line.server);
    let mut names = Vec::new();
    for name in now.chain(before) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn entrants(options: &Options, dir: &Path) -> Result<Vec<Entrant>> {
    let wanted = |peer: &&Peer| **peer != Peer::Starling && peer.is_wanted(options);
    let peers: Vec<_> = Peer::value_variants()
        .iter()
        .filter(wanted)
        .copied()
        .collect();
    let mut entrants: Vec<_> = install::servers(&peers, dir)?
        .into_iter()
        .map(|server| Entrant {
            server,
            gateway: false,
        })
        .collect();
    if Peer::Starling.is_wanted(options) {
        for (name, file) in server::gateways(&options.gateways, "starling", dir)? {
            let file = file.display().to_string();
            let args = ["--nodes", "3", "--gateway", &file]
                .map(str::to_owned)
                .to_vec();
            entrants.push(Entrant {
                server: Server { name, args },
                gateway: true,
            });
        }
    }
    Ok(entrants)
}

fn measure(options: &Options, dir: &Path, entrants: &[Entrant], table: &mut Table) -> Result<()> {
    let loadgen = server::loadgen(dir)?;
    let turns = Turns {
        loadgen: &loadgen,
        runs: options.runs,
        again: options.again,
    };
    let mut file = options.keep.as_ref().map(|path| {
        let opened = File::options().create(true).append(true).open(path);
        opened.with_context(|| path.display().to_string())
    });
    let wanted = |case: &&Case| options.groups.is_empty() || options.groups.contains(&case.group);
    for case in CASES.iter().filter(wanted) {
        let servers: Vec<_> = entrants
            .iter()
            .filter(|entrant| entrant.gateway || !case.starling)
            .map(|entrant| {
                (
                    table.column(&entrant.server.name),
                    taking_part(entrant, case),
                )
            })
            .collect();
        let args = match case.group {
            Group::Deliver => format!("{} --seconds {}", case.args, options.seconds),
            _ => case.args.to_owned(),
        };
        turns.take(&args, &servers, table, |server, outcome| {
            let Some(file) = &mut file else { return Ok(()) };
            let file = file
                .as_mut()
                .map_err(|error| anyhow::anyhow!("{error:#}"))?;
            let server = server.name.clone();
            let line = serde_json::to_string(&Kept { server, outcome })?;
            Ok(writeln!(file, "{line}")?)
        })?;
    }
    Ok(())
}

fn taking_part(entrant: &Entrant, case: &Case) -> Server {
    let mut server = entrant.server.clone();
    if entrant.gateway && case.tokens {
        server.args.push("--tokens".to_owned());
    }
    server
}

fn read_kept(file: &Path) -> Result<Vec<Kept<Outcome>>> {
    let lines = BufReader::new(File::open(file)?).lines();
    lines
        .map(|line| serde_json::from_str(&line?).with_context(|| file.display().to_string()))
        .collect()
}

fn print(options: &Options, table: &Table) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    write!(stdout, "{}", report::tables(table))?;
    if let Some(file) = &options.picture {
        std::fs::write(file, report::picture(table)).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_can_be_read_and_has_a_column() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kept");
        let line = r#"{"server":"node","outcome":{"case":"join","figures":[{"what":"kB","value":null}],"failures":0,"failure":null,"own":0.1,"others":0.2}}"#;
        std::fs::write(&file, format!("{line}\n{line}\n")).unwrap();
        let kept = read_kept(&file).unwrap();
        assert_eq!(names(&[], &kept), ["node"]);
        std::fs::write(&file, "no JSON\n").unwrap();
        assert!(read_kept(&file).is_err());
    }

    #[test]
    fn tokens_are_for_gateways_only() {
        let entrant = |gateway| Entrant {
            server: Server {
                name: "x".to_owned(),
                args: Vec::new(),
            },
            gateway,
        };
        let join = Case::of_gateways(Group::Join, "join");
        assert_eq!(taking_part(&entrant(true), &join).args, ["--tokens"]);
        assert!(taking_part(&entrant(false), &join).args.is_empty());
    }
}
