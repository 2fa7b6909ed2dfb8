//! The events of the contract, as docs/EVENTS.md tells of them.

use std::{collections::BTreeMap, fmt::Write};

use crate::{error::Code, topic::Namespace};

/// An event that clients send: what routes it, and what they may rely on. The texts are Markdown in the
/// notation of docs/EVENTS.md, and without a `|`.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Its name; in brackets for what no client sends, such as `(disconnect)`.
    pub name: &'static str,
    /// Its payload; empty where it takes none.
    pub takes: &'static str,
    /// What its fields may be at most, beside what is said of names, texts and ids in general.
    pub limits: &'static str,
    /// What the client gets, the fields of its acknowledgement among it.
    pub gets: &'static str,
    /// What others get, and who they are.
    pub others: &'static str,
    /// Tokens of the connection's rate limit that it takes: half a one where it follows a hand that draws
    /// or points, several where the answer may be large.
    pub cost: f64,
    /// Why it may fail, beside what every event may fail with ([`EVERY`]).
    pub errors: &'static [Code],
}

/// Why every event may fail.
pub const EVERY: &[Code] = &[
    Code::InvalidPayload,
    Code::RateLimited,
    Code::Unavailable,
    Code::Internal,
];

impl Event {
    /// One of that name, of which nothing else is said.
    pub const fn named(name: &'static str) -> Self {
        Self {
            name,
            takes: "",
            limits: "",
            gets: "",
            others: "",
            cost: 1.0,
            errors: &[],
        }
    }

    fn limits(&self) -> String {
        match (self.limits, self.cost) {
            (limits, cost) if cost <= 1.0 => limits.to_owned(),
            ("", cost) => format!("counts as {cost} events"),
            (limits, cost) => format!("{limits}; counts as {cost} events"),
        }
    }

    fn row(&self) -> String {
        let sends = match (self.name.starts_with('('), self.takes) {
            (true, _) => self.name.to_owned(),
            (false, "") => format!("`{}`", self.name),
            (false, takes) => format!("`{} {takes}`", self.name),
        };
        let errors = self
            .errors
            .iter()
            .map(|code| format!("`{}`", code.as_str()));
        let errors = errors.collect::<Vec<_>>().join(", ");
        let limits = self.limits();
        let cells = [&sends, &limits, self.gets, self.others, &errors];
        let cells = cells.map(|cell| match cell {
            "" => " ".to_owned(),
            cell => format!(" {cell} "),
        });
        format!("|{}|", cells.join("|"))
    }
}

/// The events of each namespace, in the order in which they were declared.
pub type Events = BTreeMap<Namespace, Vec<&'static Event>>;

/// A namespace's events as a table.
pub fn table(events: &[&'static Event]) -> String {
    let mut text = String::from(
        "| client sends | limits | gets | others get | may fail with |\n| --- | --- | --- | --- | --- |\n",
    );
    for event in events {
        let _ = writeln!(text, "{}", event.row());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_there_is_to_say() {
        const VOTE: Event = Event {
            takes: "{pollId}",
            gets: "ack",
            errors: &[Code::NotJoined, Code::Full],
            ..Event::named("vote")
        };
        assert_eq!(
            VOTE.row(),
            "| `vote {pollId}` | | ack | | `not_joined`, `full` |"
        );
        const LIST: Event = Event {
            limits: "the newest",
            cost: 5.0,
            ..Event::named("list")
        };
        let row = "| `list` | the newest; counts as 5 events | | | |";
        assert_eq!(LIST.row(), row);
        assert_eq!(
            Event::named("(disconnect)").row(),
            "| (disconnect) | | | | |"
        );
    }
}
