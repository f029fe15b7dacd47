//! The code-review agent: what is good about a working program, and the two or three changes that matter most.
//!
//! [`findings`] collects what Ruff and [`structure`] see, [`impact`] orders it, [`answer`] words it for the student.
//! The program is run first: who asks for a review of a program that fails is told so.

#[cfg(target_family = "wasm")]
mod component;
pub mod impact;
pub mod praise;
pub mod structure;
mod write;

use std::collections::BTreeMap;

use learnflow_agent::{Answer, Fault, Question, Sandbox};
use learnflow_events::{
    code::{Outcome, RunReport, RunRequest},
    payload::{Observation, ObservationKind, ResponseType},
};
use serde::Serialize;
use serde_json::json;

/// Improvements that an answer names at most: more than three are not read.
const IMPROVEMENTS: usize = 3;
/// Findings that are reported at most.
const FINDINGS: usize = 50;

/// Something that could be better, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The line, from 1.
    pub line: u32,
    /// Ruff's code of the rule (`B006`), or the name of a check of ours (`quadratic-membership`).
    pub rule: String,
    /// What it is, in a sentence.
    pub message: String,
}

/// A review.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Review {
    /// Everything that was found, in the order of the program.
    pub findings: Vec<Finding>,
    /// One thing that is good, from evidence in the program.
    pub praise: String,
    /// The changes that matter most, most important first.
    pub improvements: Vec<String>,
    /// How the program ended when it was run.
    pub outcome: Outcome,
    /// The run.
    #[serde(skip)]
    pub report: RunReport,
}

/// Runs a program and reviews it.
///
/// # Errors
/// When the sandbox cannot be reached.
pub async fn review(code: &str, sandbox: &impl Sandbox) -> Result<Review, Fault> {
    let request = RunRequest { code: code.to_owned(), ..RunRequest::default() };
    let report = sandbox.run(&request).await?;
    let findings = findings(code);
    let improvements = impact::most_important(&findings, IMPROVEMENTS)
        .into_iter()
        .map(|finding| write::improvement(finding, code))
        .collect();
    Ok(Review { praise: praise::of(code, &report), improvements, outcome: report.outcome, report, findings })
}

/// What Ruff and our own checks see, in the order of the program, each place and rule once.
pub fn findings(code: &str) -> Vec<Finding> {
    let ruff = lint::lint(code).into_iter().map(|found| Finding {
        line: found.line,
        message: write::sentence(&found),
        rule: found.code,
    });
    let mut all: BTreeMap<(u32, String), Finding> = BTreeMap::new();
    for finding in ruff.chain(structure::findings(code)) {
        all.entry((finding.line, finding.rule.clone())).or_insert(finding);
    }
    all.into_values().take(FINDINGS).collect()
}

/// Answers a request for a review.
///
/// # Errors
/// When the sandbox cannot be reached.
pub async fn answer(question: &Question, sandbox: &impl Sandbox) -> Result<Answer, Fault> {
    let Some(code) = question.query.code.as_deref().filter(|code| !code.trim().is_empty()) else {
        let mut answer = Answer::authored(
            ResponseType::Clarification,
            "Happy to review it! Please send the program together with your message: the whole file, as it is.",
        );
        answer.reasoning = "There was no program in the message.".to_owned();
        return Ok(answer);
    };
    let review = review(code, sandbox).await?;
    let mut answer =
        Answer::authored(ResponseType::Review, write::review(&review, question.student.skill_level));
    answer.confidence = if review.findings.is_empty() { 0.7 } else { 0.9 };
    answer.reasoning = format!(
        "The program was run ({}) and Ruff and our own checks found {} places.",
        write::outcome(review.outcome),
        review.findings.len()
    );
    answer.topics = structure::topics(code);
    answer.observations = observations(&review, &answer.topics);
    answer.evidence = json!({
        "findings": review.findings,
        "praise": review.praise,
        "improvements": review.improvements,
        "outcome": review.outcome,
        "error": review.report.error,
    });
    Ok(answer)
}

/// A program that runs shows that its author can use what is in it.
fn observations(review: &Review, topics: &[String]) -> Vec<Observation> {
    if review.outcome != Outcome::Ok {
        return Vec::new();
    }
    let seen =
        |topic: &String| Observation { topic: topic.clone(), kind: ObservationKind::Review, correct: true };
    topics.iter().map(seen).collect()
}
