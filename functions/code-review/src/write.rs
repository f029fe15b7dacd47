//! The review in words, for a student of a given level, as far as the tier of help goes.
//!
//! | tier | what is added |
//! |---|---|
//! | nudge | how it ran, what is good, and a question about what kind of thing could be better |
//! | pointer | the lines |
//! | explanation | what could be better there and why; another version that was run |
//! | worked part | the mended lines, where the mend is sure to change nothing else |
//! | full | everything else that was found |

use std::fmt::Write;

use learnflow_agent::SkillLevel;
use learnflow_events::{code::Outcome, payload::HintTier};

use crate::{Finding, IMPROVEMENTS, Review, fix, impact, rewrite::Rewrite};

/// A finding as advice about a line of the program.
pub fn improvement(finding: &Finding, code: &str) -> String {
    let line = shown(line_of(code, finding.line));
    format!("line {}, `{line}`: {} ({})", finding.line, finding.message, finding.name)
}

fn line_of(code: &str, line: u32) -> &str {
    code.lines().nth(usize::try_from(line).unwrap_or(1).saturating_sub(1)).unwrap_or_default()
}

/// A finding as a place to look at, without what is there.
pub fn place(finding: &Finding, code: &str) -> String {
    format!(
        "line {}, `{}`: {}",
        finding.line,
        shown(line_of(code, finding.line)),
        impact::theme(&finding.rule)
    )
}

/// The whole review, in Markdown.
pub fn review(review: &Review, code: &str, tier: HintTier, level: SkillLevel) -> String {
    let mut text = opening(review);
    let important = impact::most_important(&review.findings, IMPROVEMENTS);
    let Some(first) = important.first() else {
        text.push_str(
            "**What could be better.** I looked for mistakes, waste and unclear places and found none.",
        );
        return text;
    };
    match tier {
        HintTier::Nudge => {
            let many = match review.findings.len() {
                1 => "one place".to_owned(),
                number => format!("{number} places"),
            };
            let _ = write!(
                text,
                "**What could be better.** I found {many}. The most important is about {}. Which line would you change first, \
                 and why?",
                impact::theme(&first.rule)
            );
            return text;
        }
        HintTier::Pointer => {
            text.push_str("**Where it could be better**, most important first:\n\n");
            for (number, finding) in important.iter().enumerate() {
                let _ = writeln!(text, "{}. {}", number + 1, capitalized(&place(finding, code)));
            }
            text.push_str("\nWhat would you change there?");
            return text;
        }
        HintTier::Explanation | HintTier::WorkedPart | HintTier::Full => {}
    }
    text.push_str("**What could be better**, most important first:\n\n");
    for (number, finding) in important.iter().enumerate() {
        let _ = writeln!(text, "{}. {}", number + 1, capitalized(&improvement(finding, code)));
        if tier >= HintTier::WorkedPart
            && let Some(mended) = finding.fix.as_ref().and_then(|fix| fix::mended_line(fix, code))
        {
            let _ = match mended.as_str() {
                "" => writeln!(text, "   The line can go."),
                mended => writeln!(text, "   Then the line reads `{}`.", shown(mended)),
            };
        }
    }
    let named = |finding: &Finding| important.iter().any(|named| std::ptr::eq(*named, finding));
    let rest: Vec<&Finding> = review.findings.iter().filter(|finding| !named(finding)).collect();
    if tier == HintTier::Full && !rest.is_empty() {
        text.push_str("\n**Smaller things:**\n\n");
        for finding in rest {
            let _ = writeln!(text, "- {}", capitalized(&improvement(finding, code)));
        }
    } else if !rest.is_empty() {
        let _ = write!(text, "\n{} smaller things can wait until these are done.", rest.len());
    }
    if let Some(rewrite) = &review.rewrite {
        let _ = write!(text, "\n\n{}", proposal(rewrite));
    }
    // Codes of rules are for those who want to look them up.
    if level != SkillLevel::Beginner {
        let rules: std::collections::BTreeSet<&str> =
            review.findings.iter().map(|f| f.rule.as_str()).collect();
        let _ = write!(text, "\n\nRules: {}.", rules.into_iter().collect::<Vec<_>>().join(", "));
    }
    text
}

/// How the program ran, and what is good about it.
fn opening(review: &Review) -> String {
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
