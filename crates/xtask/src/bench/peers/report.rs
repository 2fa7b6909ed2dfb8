//! The tables and the picture.

use std::fmt::Write as _;

use crate::bench::picture::{self, Bar, Panel};
use crate::bench::table::{Cell, Table, number, ratio};

/// What ratios are to, where it was measured.
const BASES: [&str; 2] = ["limit", "node"];

/// Figures of the load generator, which say nothing of the servers.
const OWN: &str = ": load generator";

/// What the picture shows: the rows that begin with this and end with that.
const SHOWN: [(&str, &str); 7] = [
    (
        "deliver 100×30 live",
        "gateway CPU, s per million deliveries",
    ),
    (
        "deliver 1×1000 live",
        "gateway CPU, s per million deliveries",
    ),
    (
        "saturate",
        "most deliveries per second with p99 within the bound",
    ),
    ("idle, bare", "resident, kB per connection"),
    ("idle, bare", "resident, MB of an empty process"),
    ("idle, bare", "connects per second"),
    ("acks", "gateway CPU, µs per round trip"),
];

/// Figures, then ratios.
pub(super) fn tables(table: &Table) -> String {
    let mut text = String::new();
    head(&mut text, &table.servers);
    for (name, cells) in &table.rows {
        let cells = cells.iter().map(Cell::to_string);
        row(&mut text, name, cells);
    }
    for base in BASES {
        let Some(column) = table.servers.iter().position(|name| name == base) else {
            continue;
        };
        let _ = writeln!(text, "\nThe medians, divided by those of `{base}`:\n");
        head(&mut text, &table.servers);
        for (name, cells) in &table.rows {
            let measured = cells[column].median().is_some_and(|median| median > 0.0);
            if measured && !name.contains(OWN) {
                row(
                    &mut text,
                    name,
                    cells.iter().map(|cell| ratio(cell, &cells[column])),
                );
            }
        }
    }
    let _ = write!(text, "\n{}{}", table.went_wrong(), method());
    text
}

fn head(text: &mut String, servers: &[String]) {
    let _ = writeln!(text, "| | {} |", servers.join(" | "));
    let _ = writeln!(text, "| --- |{}", " ---: |".repeat(servers.len()));
}

fn row(text: &mut String, name: &str, cells: impl Iterator<Item = String>) {
    let _ = write!(text, "| {name} |");
    for cell in cells {
        let _ = write!(text, " {cell} |");
    }
    text.push('\n');
}

fn method() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "Medians (least to most) of runs by turns; three processes (`limit`: one), one Redis and the load \
         generator on {cores} cores. `*`: disturbed, other processes used more than half a core in one run at \
         least. docs/BENCHMARKS.md says what each figure means.\n"
    )
}

/// The rows of [`SHOWN`] that were measured.
pub(super) fn picture(table: &Table) -> String {
    let panels: Vec<_> = SHOWN
        .iter()
        .filter_map(|(begin, end)| {
            let wanted = |name: &str| name.starts_with(begin) && name.ends_with(end);
            let (name, cells) = table.rows.iter().find(|(name, _)| wanted(name))?;
            Some(panel(name, &table.servers, cells))
        })
        .collect();
    picture::svg(&panels)
}

fn panel(title: &str, servers: &[String], cells: &[Cell]) -> Panel {
    let bars = servers.iter().zip(cells).filter_map(|(name, cell)| {
        let (least, most) = cell.range()?;
        let median = cell.median()?;
        Some(Bar {
            name: name.clone(),
            median,
            least,
            most,
            label: number(median),
        })
    });
    let better = if title.contains("per second") {
        "more"
    } else {
        "less"
    };
    Panel {
        title: format!("{title} ({better} is better)"),
        bars: bars.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["limit", "node", "starling"].map(str::to_owned).to_vec());
        for (column, value) in [10.0, 40.0, 20.0].into_iter().enumerate() {
            let line = format!(
                r#"{{"case":"acks, 64 in flight","figures":[
                    {{"what":"gateway CPU, µs per round trip","value":{value}}},
                    {{"what":"load generator's own CPU, s","value":{value}}}],
                    "failures":0,"failure":null,"own":0.1,"others":0}}"#
            );
            table.add(column, serde_json::from_str(&line).unwrap());
        }
        table
    }

    #[test]
    fn ratios_are_to_the_limit_and_to_node_and_leave_the_generator_out() {
        let text = tables(&table());
        let row = "| acks, 64 in flight: gateway CPU, µs per round trip |";
        for figures in [
            "10.0 | 40.0 | 20.0",
            "1.00 | 4.00 | 2.00",
            "0.25 | 1.00 | 0.50",
        ] {
            assert!(text.contains(&format!("{row} {figures} |")), "{text}");
        }
        assert_eq!(text.matches("load generator's own").count(), 1, "{text}");
    }

    #[test]
    fn the_picture_has_what_was_measured() {
        let picture = picture(&table());
        assert!(picture.contains("round trip (less is better)") && picture.contains(">starling<"));
        assert!(!picture.contains("idle"));
    }
}
