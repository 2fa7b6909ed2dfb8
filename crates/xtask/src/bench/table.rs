//! Figures of many runs, as Markdown.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result, Write as _};

use super::server::Outcome;

/// Cores that other processes may use before a run counts as disturbed.
pub(super) const CALM: f64 = 0.5;

/// The figures of all runs, in the order in which they were first told.
pub(super) struct Table {
    pub(super) servers: Vec<String>,
    pub(super) rows: Vec<(String, Vec<Cell>)>,
    /// What went wrong, and where.
    notes: BTreeMap<String, u32>,
    /// The most cores that the load generator used.
    own: f64,
}

/// One figure of one server.
#[derive(Clone, Default)]
pub(super) struct Cell {
    values: Vec<f64>,
    disturbed: bool,
}

impl Table {
    pub(super) fn new(servers: Vec<String>) -> Self {
        Self {
            servers,
            rows: Vec::new(),
            notes: BTreeMap::new(),
            own: 0.0,
        }
    }

    /// The column of this server, the last one if there is none.
    pub(super) fn column(&self, name: &str) -> usize {
        let found = self.servers.iter().position(|known| known == name);
        found.unwrap_or(self.servers.len().saturating_sub(1))
    }

    pub(super) fn add(&mut self, column: usize, outcome: Outcome) {
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

    pub(super) fn note(&mut self, column: usize, case: &str, what: &str) {
        let note = format!("{}, {case}: {what}", self.servers[column]);
        *self.notes.entry(note).or_default() += 1;
    }

    /// What went wrong, and what the load generator used: what comes below a table.
    pub(super) fn went_wrong(&self) -> String {
        let mut text = String::new();
        for (note, times) in &self.notes {
            let _ = writeln!(text, "Went wrong ({times} times): {note}.\n");
        }
        let own = number(self.own);
        let _ = writeln!(text, "The load generator itself used at most {own} cores.");
        text
    }

    fn row(&mut self, name: String) -> &mut [Cell] {
        let found = self.rows.iter().position(|(known, _)| *known == name);
        let at = found.unwrap_or_else(|| {
            let cells = vec![Cell::default(); self.servers.len()];
            self.rows.push((name, cells));
            self.rows.len() - 1
        });
        &mut self.rows[at].1
    }
}

impl Display for Table {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let (first, others) = self.servers.split_first().ok_or(std::fmt::Error)?;
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
        write!(out, "\n{}", self.went_wrong())
    }
}

impl Cell {
    pub(super) fn median(&self) -> Option<f64> {
        median(&self.values)
    }

    /// The least and the most.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let least = self.values.iter().copied().reduce(f64::min)?;
        let most = self.values.iter().copied().reduce(f64::max)?;
        Some((least, most))
    }
}

impl Display for Cell {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let (Some(median), Some((least, most))) = (self.median(), self.range()) else {
            return out.write_str("–");
        };
        out.write_str(&number(median))?;
        if self.values.len() > 1 {
            write!(out, " ({} to {})", number(least), number(most))?;
        }
        out.write_str(if self.disturbed { " *" } else { "" })
    }
}

pub(super) fn ratio(cell: &Cell, first: &Cell) -> String {
    match (cell.median(), first.median()) {
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
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
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
