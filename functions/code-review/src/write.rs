//! The review in words, for a student of a given level.

use std::fmt::Write;

use learnflow_agent::SkillLevel;
use learnflow_events::code::Outcome;

use crate::{Finding, Review, rewrite::Rewrite};

/// A finding as advice about a line of the program.
pub fn improvement(finding: &Finding, code: &str) -> String {
    let line =
        code.lines().nth(usize::try_from(finding.line).unwrap_or(1).saturating_sub(1)).unwrap_or_default();
    format!("line {}, `{}`: {} ({})", finding.line, shown(line), finding.message, finding.name)
}

/// The whole review, in Markdown.
pub fn review(review: &Review, level: SkillLevel) -> String {
    let mut text = String::new();
    if let Some(error) = &review.report.error {
        let place = error.line.map(|line| format!(" in line {line}")).unwrap_or_default();
        let _ = write!(
            text,
            "I ran it first, and it stops{place} with `{}: {}`. That comes before any polish: ask why, and I will look \
             into it.\n\n",
            error.kind, error.message
        );
    } else if let Some(typed) = review.typed {
        let _ = write!(text, "I ran it with {typed}, and it {}.\n\n", outcome(review.outcome));
    } else if review.outcome != Outcome::Ok {
        let _ = write!(text, "I ran it first, and it {}.\n\n", outcome(review.outcome));
    }
    let _ = write!(text, "**What is good.** {}\n\n", review.praise);
    match review.improvements.as_slice() {
        [] => text.push_str(
            "**What could be better.** I looked for mistakes, waste and unclear places and found none.",
        ),
        improvements => {
            text.push_str("**What could be better**, most important first:\n\n");
            for (number, improvement) in improvements.iter().enumerate() {
                let _ = writeln!(text, "{}. {}", number + 1, capitalized(improvement));
            }
            let more = review.findings.len().saturating_sub(improvements.len());
            if more > 0 {
                let _ = write!(text, "\n{more} smaller things can wait until these are done.");
            }
        }
    }
    if let Some(rewrite) = &review.rewrite {
        let _ = write!(text, "\n\n{}", proposal(rewrite));
    }
    // Codes of rules are for those who want to look them up.
    if level != SkillLevel::Beginner && !review.findings.is_empty() {
        let rules: std::collections::BTreeSet<&str> =
            review.findings.iter().map(|f| f.rule.as_str()).collect();
        let _ = write!(text, "\n\nRules: {}.", rules.into_iter().collect::<Vec<_>>().join(", "));
    }
    text
}

/// The better version, with what was done to be sure of it.
pub fn proposal(rewrite: &Rewrite) -> String {
    let checked = match rewrite.checked.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join("; ")),
    };
    // Every line of a diff starts with a sign, so that no line of the program can end the block.
    format!(
        "**The same program, a little better.** I ran both versions with {checked}: they did the same.\n\n\
         ```diff\n{}```",
        rewrite.diff
    )
}

/// How a run ended, as part of a sentence.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ran to its end",
        Outcome::Exited => "ended itself",
        Outcome::Raised => "ended with an exception",
        Outcome::SyntaxError => "is not valid Python yet",
        Outcome::Timeout => "did not end in the time it had",
        Outcome::MemoryLimit => "used more memory than it had",
        Outcome::OutputLimit => "printed more than is kept",
        Outcome::Interrupted => "was interrupted",
        Outcome::Crashed => "made the interpreter fail",
    }
}

fn shown(line: &str) -> String {
    const WIDTH: usize = 60;
    // A backtick would end the code span.
    let line: String = line.trim().replace('`', "'");
    if line.chars().count() > WIDTH {
        format!("{}…", line.chars().take(WIDTH).collect::<String>())
    } else {
        line
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
