//! `cargo xtask bench`: gateways measured beside each other, as a Markdown table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::cluster::{build, key_value};

/// Cores that other processes may use before a run counts as disturbed.
const CALM: f64 = 0.5;

/// Measure gateways beside each other: A B A B, the median of each figure as a Markdown table.
#[derive(Args)]
pub struct Options {
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
        }
    }
}

/// A line of the load generator. Its other fields are for whoever runs it by hand.
#[derive(Deserialize)]
struct Outcome {
    case: String,
    figures: Vec<Figure>,
    failures: u64,
    failure: Option<String>,
    own: f64,
    others: f64,
}

#[derive(Deserialize)]
struct Figure {
    what: String,
    /// Nothing where it could not be computed.
    value: Option<f64>,
}

/// Measures, and prints the table.
///
/// # Errors
///
/// When something does not build or cannot be started. A run that fails is told in the table.
pub fn run(options: &Options) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let built = build::binary("starling-loadgen", "starling-loadgen", true)?;
    let loadgen = copy(&built, dir.path(), "starling-loadgen")?;
    let gateways = gateways(options, dir.path())?;
    let mut table = Table::new(gateways.iter().map(|(name, _)| name.clone()).collect());
    let all = Scenario::value_variants();
    let wanted = all
        .iter()
        .filter(|s| options.scenarios.is_empty() || options.scenarios.contains(s));
    for case in wanted.flat_map(|scenario| scenario.cases()) {
        for run in 1..=options.runs {
            for (column, (name, file)) in gateways.iter().enumerate() {
                eprintln!("bench: {case}: {name}, run {run} of {}", options.runs);
                match measure(&loadgen, file, options, case) {
                    Ok(outcomes) => outcomes.into_iter().for_each(|o| table.add(column, o)),
                    Err(error) => table.note(column, case, &format!("{error:#}")),
                }
            }
        }
    }
    let mut stdout = std::io::stdout().lock();
    Ok(write!(stdout, "{table}{}", method(options))?)
}

fn gateways(options: &Options, dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut gateways: Vec<(String, PathBuf)> = options
        .gateways
        .iter()
        .map(|(name, file)| (name.clone(), file.into()))
        .collect();
    if gateways.is_empty() {
        let built = build::binary("starling-gateway", "starling", true)?;
        gateways.push(("this".to_owned(), built));
    }
    for (number, (_, file)) in gateways.iter_mut().enumerate() {
        *file = copy(file, dir, &format!("starling-{number}"))?;
    }
    Ok(gateways)
}

/// What is run must stay what it was, whatever is built meanwhile.
fn copy(file: &Path, dir: &Path, name: &str) -> Result<PathBuf> {
    let copy = dir.join(name);
    fs::copy(file, &copy).with_context(|| file.display().to_string())?;
    Ok(copy)
}

fn measure(loadgen: &Path, gateway: &Path, options: &Options, case: &str) -> Result<Vec<Outcome>> {
    let mut command = Command::new(loadgen);
    command.arg("--gateway").arg(gateway);
    command.args(["--nodes", &options.nodes.to_string()]);
    for (key, value) in &options.env {
        command.arg("--env").arg(format!("{key}={value}"));
    }
    let output = command
        .args(case.split(' '))
        .stdin(Stdio::null())
        .output()
        .context("starling-loadgen")?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{}", errors.lines().last().unwrap_or("failed"));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    let outcomes = lines.lines().map(serde_json::from_str);
    outcomes.collect::<Result<_, _>>().context("its outcome")
}

/// The figures of all runs, in the order in which they were first told.
struct Table {
    gateways: Vec<String>,
    rows: Vec<(String, Vec<Cell>)>,
    /// What went wrong, and where.
    notes: BTreeMap<String, u32>,
    /// The most cores that the load generator used.
    own: f64,
}

/// One figure of one gateway.
#[derive(Clone, Default)]
struct Cell {
    values: Vec<f64>,
    disturbed: bool,
}

impl Table {
    fn new(gateways: Vec<String>) -> Self {
        Self {
            gateways,
            rows: Vec::new(),
            notes: BTreeMap::new(),
            own: 0.0,
        }
    }

    fn add(&mut self, column: usize, outcome: Outcome) {
        self.own = self.own.max(outcome.own);
        for figure in outcome.figures {
            let row = self.row(format!("{}: {}", outcome.case, figure.what));
            row[column].values.extend(figure.value);
            row[column].disturbed |= outcome.others > CALM;
        }
        if outcome.failures > 0 {
            let first = outcome.failure.unwrap_or_default();
            let what = format!("{} failures, the first: {first}", outcome.failures);
            self.note(column, &outcome.case, &what);
        }
    }

    fn note(&mut self, column: usize, case: &str, what: &str) {
        let note = format!("{}, {case}: {what}", self.gateways[column]);
        *self.notes.entry(note).or_default() += 1;
    }

    fn row(&mut self, name: String) -> &mut [Cell] {
        let found = self.rows.iter().position(|(known, _)| *known == name);
        let at = found.unwrap_or_else(|| {
            let cells = vec![Cell::default(); self.gateways.len()];
            self.rows.push((name, cells));
            self.rows.len() - 1
        });
        &mut self.rows[at].1
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, others) = self.gateways.split_first().ok_or(std::fmt::Error)?;
        write!(out, "| | {first} |")?;
        others
            .iter()
            .try_for_each(|name| write!(out, " {name} | ÷ {first} |"))?;
        let columns = 1 + 2 * others.len();
        writeln!(out, "\n| --- |{}", " ---: |".repeat(columns))?;
        for (name, cells) in &self.rows {
            write!(out, "| {name} |")?;
            for (column, cell) in cells.iter().enumerate() {
                write!(out, " {cell} |")?;
                if column > 0 {
                    write!(out, " {} |", ratio(cell, &cells[0]))?;
                }
            }
            writeln!(out)?;
        }
        writeln!(out)?;
        for (note, times) in &self.notes {
            writeln!(out, "Went wrong ({times} times): {note}.\n")?;
        }
        let own = number(self.own);
        writeln!(out, "The load generator itself used at most {own} cores.")
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(median) = median(&self.values) else {
            return out.write_str("–");
        };
        out.write_str(&number(median))?;
        if self.values.len() > 1 {
            let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = self
                .values
                .iter()
                .copied()
                .fold(f64::NEG_INFINITY, f64::max);
            write!(out, " ({} to {})", number(least), number(most))?;
        }
        out.write_str(if self.disturbed { " *" } else { "" })
    }
}

fn ratio(cell: &Cell, first: &Cell) -> String {
    match (median(&cell.values), median(&first.values)) {
        (Some(value), Some(first)) if first > 0.0 => format!("{:.2}", value / first),
        _ => "–".to_owned(),
    }
}

/// The middle one, or half way between the two in the middle.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(*upper);
    }
    Some((sorted[middle - 1] + upper) / 2.0)
}

/// As many digits as the figure is worth.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_half_way() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    fn outcome(value: &str, others: f64, failures: u64) -> Outcome {
        let line = format!(
            r#"{{"case":"join 1×2","figures":[{{"what":"kB","value":{value}}}],"counts":[],
                "failures":{failures},"failure":null,"own":0.1,"others":{others}}}"#
        );
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn the_table_has_medians_ratios_to_the_first_and_marks() {
        let mut table = Table::new(vec!["old".to_owned(), "new".to_owned()]);
        for value in ["200", "220", "210"] {
            table.add(0, outcome(value, 0.1, 0));
        }
        table.add(1, outcome("4.2", 0.6, 0));
        table.add(1, outcome("null", 0.0, 2));
        let text = table.to_string();
        assert!(text.starts_with("| | old | new | ÷ old |\n| --- | ---: | ---: | ---: |\n"));
        assert!(
            text.contains("| join 1×2: kB | 210 (200 to 220) | 4.20 * | 0.02 |"),
            "{text}"
        );
        assert!(
            text.contains("(1 times): new, join 1×2: 2 failures"),
            "{text}"
        );
    }

    #[test]
    fn what_was_never_measured_has_no_ratio() {
        let mut table = Table::new(vec!["old".to_owned(), "new".to_owned()]);
        table.add(1, outcome("4", 0.0, 0));
        table.note(0, "join", "it ended");
        let text = table.to_string();
        assert!(text.contains("| – | 4.00 | – |"), "{text}");
        assert!(text.contains("old, join: it ended"), "{text}");
    }
}
