//! Cases that can be pointed at any host by URL, and how their outcome is told.

pub mod functions;

use std::fmt;

use serde_json::{Value, json};

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The behaviour is as documented.
    Kept,
    /// It is not; what was seen instead.
    Broken(String),
    /// It could not be tried; what is missing.
    Skipped(String),
}

/// The outcome of all cases.
#[derive(Clone, Debug, Default)]
pub struct Report {
    cases: Vec<(String, String, Outcome)>,
}

impl Report {
    /// Adds a case.
    pub fn add(&mut self, name: impl Into<String>, says: impl Into<String>, outcome: Outcome) {
        self.cases.push((name.into(), says.into(), outcome));
    }

    /// How many cases are broken.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|(_, _, outcome)| matches!(outcome, Outcome::Broken(_))).count()
    }

    /// The names of the cases that were skipped.
    pub fn skipped(&self) -> Vec<&str> {
        let skipped = self.cases.iter().filter(|(_, _, outcome)| matches!(outcome, Outcome::Skipped(_)));
        skipped.map(|(name, _, _)| name.as_str()).collect()
    }

    /// `{kept, broken, skipped, cases: [{name, says, outcome, reason?}]}`.
    pub fn to_json(&self) -> Value {
        let cases: Vec<Value> = self
            .cases
            .iter()
            .map(|(name, says, outcome)| match outcome {
                Outcome::Kept => json!({"name": name, "says": says, "outcome": "kept"}),
                Outcome::Broken(why) => {
                    json!({"name": name, "says": says, "outcome": "broken", "reason": why})
                }
                Outcome::Skipped(why) => {
                    json!({"name": name, "says": says, "outcome": "skipped", "reason": why})
                }
            })
            .collect();
        let (broken, skipped) = (self.failed(), self.skipped().len());
        json!({"kept": cases.len() - broken - skipped, "broken": broken, "skipped": skipped, "cases": cases})
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, says, outcome) in &self.cases {
            match outcome {
                Outcome::Kept => writeln!(f, "kept     {name}: {says}")?,
                Outcome::Broken(why) => writeln!(f, "BROKEN   {name}: {says}\n         {why}")?,
                Outcome::Skipped(why) => writeln!(f, "skipped  {name}: {says}\n         {why}")?,
            }
        }
        let (broken, skipped) = (self.failed(), self.skipped().len());
        writeln!(f, "{} kept, {broken} broken, {skipped} skipped", self.cases.len() - broken - skipped)
    }
}
