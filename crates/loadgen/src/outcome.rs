//! What a measurement found, as one line of JSON.

use serde::Serialize;

/// One figure.
#[derive(Serialize)]
pub struct Figure {
    /// What it is, and in which unit.
    pub what: &'static str,
    /// Its value.
    pub value: f64,
}

/// The outcome of one measurement.
#[derive(Serialize)]
pub struct Outcome {
    /// The measurement, with its numbers.
    pub case: String,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// Things that were counted, for whoever wants to check that nothing is missing.
    pub counts: Vec<(&'static str, u64)>,
    /// Connections lost, errors received, messages missing or given twice: 0, or the figures are
    /// those of something that did not work.
    pub failures: u64,
    /// The first of them, in words.
    pub failure: Option<String>,
    /// Cores that the load generator itself used meanwhile.
    pub own: f64,
    /// Cores that other processes of the machine used meanwhile.
    pub others: f64,
}

impl Outcome {
    /// Adds a figure.
    pub fn figure(&mut self, what: &'static str, value: f64) {
        self.figures.push(Figure { what, value });
    }

    /// Adds a count.
    pub fn count(&mut self, what: &'static str, number: u64) {
        self.counts.push((what, number));
    }
}
