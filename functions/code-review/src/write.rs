//! The review in words, for a student of a given level.

use std::fmt::Write;

use learnflow_agent::SkillLevel;
use learnflow_events::code::Outcome;
use lint::Finding as RuffFinding;

use crate::{Finding, Review};

/// What each rule means to somebody who has not heard of it, and what to do. Ruff's own message stands for the rest.
const WORDS: &[(&str, &str)] = &[
    ("F401", "This import is never used; take it out, so that readers do not look for where it matters."),
    (
        "F811",
        "This name is defined a second time before the first one was used, so the first one has no effect.",
    ),
    ("F821", "This name is not defined anywhere above; is it misspelt, or does its definition come later?"),
    ("F841", "This variable gets a value that nothing reads; use it, or take it out."),
    ("F541", "This is an f-string without anything to fill in; a plain string will do."),
    ("F632", "`is` asks whether two names are the same object; to compare values use `==`."),
    ("E711", "Compare with `None` by `is None`: there is only one `None`, and `==` can be redefined."),
    (
        "E712",
        "A condition is already true or false; write `if flag:` instead of comparing with `True` or `False`.",
    ),
    ("E713", "`not in` reads better than `not … in`, and means the same."),
    ("E714", "`is not` reads better than `not … is`, and means the same."),
    ("E722", "A bare `except:` also catches Ctrl-C and typing mistakes; name the exception you expect."),
    ("E731", "A lambda with a name is a function; `def` gives it a proper name in error messages."),
    ("E741", "`l`, `O` and `I` look like digits; another name avoids mistakes."),
    (
        "B006",
        "A list or dictionary as default value is made once and shared by all calls; use `None` and make a new one inside.",
    ),
    ("B007", "The loop variable is never used inside the loop; `_` says so on purpose."),
    ("B008", "The default value is computed once, when the function is defined, not at each call."),
    ("B015", "This comparison has no effect; was an assignment or an `assert` meant?"),
    ("B018", "This expression has no effect; was something missing, like a call's parentheses?"),
    (
        "B023",
        "The function made in this loop sees the loop variable's last value, not the one from its own round.",
    ),
    ("B905", "`zip` stops at the shorter one without a word; `strict=True` tells you when they differ."),
    ("A001", "This name hides a built-in function of Python; the built-in cannot be used after it."),
    ("A002", "This parameter hides a built-in function of Python inside the function."),
    ("C901", "There are many ways through this function; parts of it could be functions of their own."),
    ("PLR0911", "There are many places where this function returns; fewer make it easier to follow."),
    ("PLR0912", "There are many branches in this function; a table or smaller functions may say the same."),
    ("PLR1714", "Several comparisons of one value read better as `value in (a, b)`."),
    ("PLR5501", "`else:` followed by `if` can be `elif`."),
    ("PLW0602", "`global` is not needed for reading, and nothing is assigned here."),
    (
        "PLW0603",
        "A function that changes a global variable has effects that its caller cannot see; return the value instead.",
    ),
    ("PLW2901", "The loop variable is overwritten inside the loop; a second name keeps both."),
    ("RET503", "Some ways through the function return a value and some do not; those give `None`."),
    ("RET505", "After `return` no `else` is needed."),
    ("SIM102", "Two `if`s inside each other without anything between them can be one with `and`."),
    ("SIM103", "The condition itself is the answer: `return condition`."),
    ("SIM110", "The loop asks whether any (or all) items fit; `any(…)` or `all(…)` says that in one line."),
    ("SIM113", "`enumerate` counts along for you."),
    ("SIM115", "Open files with `with`, so that they are closed even after an error."),
    ("SIM118", "`key in dictionary` needs no `.keys()`."),
    ("C416", "The comprehension only copies; `list(…)` says so."),
    ("PERF401", "The loop only builds a list; a list comprehension says that in one line."),
    ("N801", "Class names are written `LikeThis` in Python."),
    ("N802", "Function names are written `like_this` in Python."),
    ("N803", "Parameter names are written `like_this` in Python."),
    ("N806", "Variable names are written `like_this` in Python."),
    ("ARG001", "This parameter is never used."),
];

/// What a finding of Ruff's means, in a sentence.
pub fn sentence(found: &RuffFinding) -> String {
    match WORDS.iter().find(|(code, _)| *code == found.code) {
        Some((_, words)) => (*words).to_owned(),
        None => {
            let message = found.message.trim_end_matches('.');
            match &found.help {
                Some(help) => format!("{message}. {}.", help.trim_end_matches('.')),
                None => format!("{message}."),
            }
        }
    }
}

/// A finding as advice about a line of the program.
pub fn improvement(finding: &Finding, code: &str) -> String {
    let line =
        code.lines().nth(usize::try_from(finding.line).unwrap_or(1).saturating_sub(1)).unwrap_or_default();
    format!("line {}, `{}`: {}", finding.line, shown(line), finding.message)
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
    // Names of rules are for those who want to look them up.
    if level != SkillLevel::Beginner && !review.findings.is_empty() {
        let rules: std::collections::BTreeSet<&str> =
            review.findings.iter().map(|f| f.rule.as_str()).collect();
        let _ = write!(text, "\n\nRules: {}.", rules.into_iter().collect::<Vec<_>>().join(", "));
    }
    text
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
