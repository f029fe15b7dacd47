//! The code-review agent: what is good about a working program, and the two or three changes that matter most.
//!
//! [`findings`] collects what Ruff and [`structure`] see, [`impact`] orders it, [`answer`] words it for the student.
//! The program is run first: who asks for a review of a program that fails is told so. [`rewrite`] proposes another
//! version of a program that works, when both were run and did the same.

#[cfg(target_family = "wasm")]
mod component;
mod cost;
pub mod fix;
pub mod impact;
pub mod model;
pub mod praise;
pub mod rewrite;
pub mod structure;
mod words;
mod write;

use std::collections::BTreeMap;

use learnflow_agent::{Answer, Fault, Question, Sandbox, SkillLevel};
use learnflow_events::{
    code::{Outcome, RunReport},
    payload::{HintTier, Observation, ObservationKind, ResponseType},
};
use rewrite::{Rewrite, Trial};
use serde::Serialize;
use serde_json::json;

/// Improvements that an answer names at most: more than three are not read.
const IMPROVEMENTS: usize = 3;
/// Findings that are reported at most.
const FINDINGS: usize = 50;
/// Bytes of a program's output that the evidence of an answer keeps.
const STDOUT_BYTES: usize = 2_000;

/// Something that could be better, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The line, from 1.
    pub line: u32,
    /// Ruff's code of the rule (`B006`), or the name of a check of ours (`quadratic-membership`).
    pub rule: String,
    /// The rule's name in words (`mutable-argument-default`).
    pub name: String,
    /// What it is, in a sentence or two for the student's level.
    pub message: String,
    /// Edits that mend it, when they are sure to change nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<fix::Fix>,
}

impl Finding {
    /// Only where it is, and what kind of thing it is about.
    fn place(&self) -> Self {
        let theme = impact::theme(&self.rule).to_owned();
        Self {
            line: self.line,
            rule: "place".to_owned(),
            name: "place".to_owned(),
            message: theme,
            fix: None,
        }
    }
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
    /// What was typed into it when it asked for input.
    pub typed: Option<&'static str>,
    /// A better version that was seen to do the same.
    pub rewrite: Option<Rewrite>,
    /// The run.
    #[serde(skip)]
    pub report: RunReport,
}

/// What is reviewed, and for whom.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The program.
    pub code: &'a str,
    /// A unittest file for it.
    pub tests: Option<&'a str>,
    /// Who reads the review.
    pub level: SkillLevel,
}

/// Runs a program and reviews it.
///
/// # Errors
/// When the sandbox cannot be reached.
pub async fn review(subject: Subject<'_>, sandbox: &impl Sandbox) -> Result<Review, Fault> {
    let Subject { code, tests, level } = subject;
    let trial = Trial::of(code, sandbox).await?;
    let rewrite = rewrite::propose(code, tests, &trial, sandbox).await?;
    let findings = findings(code, level);
    let improvements = impact::most_important(&findings, IMPROVEMENTS)
        .into_iter()
        .map(|finding| write::improvement(finding, code))
        .collect();
    let Trial { report, typed } = trial;
    let praise = praise::of(code, &report);
    Ok(Review { praise, improvements, outcome: report.outcome, typed, rewrite, report, findings })
}

/// What Ruff and our own checks see, in the order of the program, each place and rule once.
pub fn findings(code: &str, level: SkillLevel) -> Vec<Finding> {
    let ruff = lint::lint(code).into_iter().map(|found| Finding {
        line: found.line,
        message: words::sentence(&found, level),
        fix: fix::of(&found, code),
        rule: found.code,
        name: found.name,
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
    let level = question.student.skill_level;
    let subject = Subject { code, tests: question.query.tests.as_deref(), level };
    let review = review(subject, sandbox).await?;
    Ok(Answer::by_degrees(question.tier, |tier| at_tier(&review, subject, tier)))
}

/// The review as far as a tier goes, in its text and in the data behind it.
fn at_tier(review: &Review, subject: Subject<'_>, tier: HintTier) -> Answer {
    let Subject { code, level, .. } = subject;
    let mut answer = Answer::authored(ResponseType::Review, write::review(review, code, tier, level));
    answer.hint_tier = Some(tier);
    answer.confidence = if review.findings.is_empty() { 0.7 } else { 0.9 };
    answer.reasoning = format!(
        "The program was run ({}) and Ruff and our own checks found {} places.",
        write::outcome(review.outcome),
        review.findings.len()
    );
    answer.topics = structure::topics(code);
    answer.observations = observations(review, &answer.topics);
    let explains = tier >= HintTier::Explanation;
    let (findings, improvements) = match tier {
        HintTier::Nudge => (Vec::new(), Vec::new()),
        HintTier::Pointer => {
            let important = impact::most_important(&review.findings, IMPROVEMENTS);
            let places = important.iter().map(|finding| write::place(finding, code)).collect();
            (important.into_iter().map(Finding::place).collect(), places)
        }
        HintTier::Explanation | HintTier::WorkedPart | HintTier::Full => {
            (review.findings.clone(), review.improvements.clone())
        }
    };
    answer.evidence = json!({
        "findings": findings,
        "praise": review.praise,
        "improvements": improvements,
        "outcome": review.outcome,
        "error": review.report.error,
        "stdout": kept(&review.report.stdout),
        "typed": review.typed,
        "rewrite": review.rewrite.as_ref().filter(|_| explains),
    });
    answer
}

/// The beginning of an output, on a character's boundary.
fn kept(text: &str) -> &str {
    &text[..text.floor_char_boundary(STDOUT_BYTES)]
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
