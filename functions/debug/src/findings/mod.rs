//! What tools say that read a program without running it: Ruff, and the warnings of Python's own compiler.
//!
//! A linter finds something in nearly every program. Beside a failure only those findings are evidence that may be
//! its reason ([`rules`] says which rule accounts for which ending), and only a few of them: they second a line that
//! the run, the tests and the experiments point to, or name one when nothing else does.

mod compiler;
mod rules;

use std::collections::BTreeSet;

use learnflow_events::code::Outcome;
use serde::Serialize;

use self::rules::{Rule, When};
use crate::patterns::Suspicion;

/// Findings that are kept: more would hide the line.
const MOST: usize = 4;

/// Who reads a program without running it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// Ruff's linter.
    Ruff,
    /// Python's compiler, by a `SyntaxWarning`.
    Compiler,
}

/// What a tool says about a line, where it may be the reason of the failure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Line, from 1.
    pub line: u32,
    /// Who says it.
    pub tool: Tool,
    /// Ruff's code of the rule (`F841`), or `SyntaxWarning`.
    pub rule: &'static str,
    /// What is wrong, in plain words.
    pub cause: String,
    #[serde(skip)]
    known: &'static Rule,
}

impl Finding {
    fn new(tool: Tool, line: u32, known: &'static Rule, name: &str) -> Self {
        let rule = match tool {
            Tool::Ruff => known.code,
            Tool::Compiler => compiler::WARNING,
        };
        Self { line, tool, rule, cause: known.cause.replace("{}", name), known }
    }

    /// Whether a pattern of ours says the same, so that the finding is no sign of its own.
    pub(crate) fn repeats(&self, pattern: &Suspicion) -> bool {
        pattern.line == self.line && self.known.same_as.contains(&pattern.pattern)
    }

    /// Where to look or what to think about; holds no corrected line.
    pub(crate) fn direction(&self) -> &'static str {
        self.known.direction
    }

    /// The idea behind it, for the concepts agent.
    pub(crate) fn concept(&self) -> &'static str {
        self.known.concept
    }

    /// How often it is the reason when it accounts for the ending, 0 to 1; a prior set by hand.
    pub(crate) fn weight(&self) -> f64 {
        self.known.weight
    }
}

/// How a program failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending<'a> {
    /// How its run ended.
    pub outcome: Outcome,
    /// The exception's class, of the run or of a test.
    pub error: Option<&'a str>,
    /// Whether tests fail.
    pub fails: bool,
    /// Whether the run, or a test, did not come to an end.
    pub endless: bool,
}

impl Ending<'_> {
    /// Whether it ran to its end and only its results may be wrong.
    pub fn is_silent(self) -> bool {
        self.outcome == Outcome::Ok && (self.error.is_none() || self.fails)
    }

    fn is(self, when: &When) -> bool {
        match when {
            When::Silent => self.is_silent(),
            When::Endless => self.endless,
            When::Unreadable => self.outcome == Outcome::SyntaxError,
            When::Raises(kind) => self.error == Some(*kind),
        }
    }
}

/// The findings that may be the reason of this ending, weightiest first. `stderr` is what the run printed there,
/// which begins with the compiler's warnings.
pub(crate) fn find(source: &str, stderr: &str, ending: Ending<'_>) -> Vec<Finding> {
    let ruff = lint::lint(source).into_iter().filter_map(|found| {
        let known = rules::of_ruff(&found.code)?;
        let name = name_at(source, &found);
        // Words with a gap need something to fill it.
        (name.is_some() || !known.cause.contains("{}"))
            .then(|| Finding::new(Tool::Ruff, found.line, known, name.unwrap_or_default()))
    });
    let mut found: Vec<Finding> = ruff
        .chain(compiler::warnings(stderr))
        .filter(|finding| finding.known.when.iter().any(|when| ending.is(when)))
        .collect();
    found.sort_by(|a, b| b.weight().total_cmp(&a.weight()).then(a.line.cmp(&b.line)));
    // Both tools know some mistakes, and a parser that has lost its way finds more and more of them.
    let mut told = BTreeSet::new();
    found.retain(|finding| {
        let place = if finding.known.when.contains(&When::Unreadable) { 0 } else { finding.line };
        told.insert((place, finding.known.code))
    });
    found.truncate(MOST);
    found
}

/// The name that a finding is about, where its place is one.
fn name_at<'a>(source: &'a str, found: &lint::Finding) -> Option<&'a str> {
    let line = source.lines().nth(usize::try_from(found.line).ok()?.checked_sub(1)?)?;
    let at = |column: u32| {
        let before = usize::try_from(column).ok()?.checked_sub(1)?;
        line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(before)
    };
    let name = line.get(at(found.column)?..at(found.end_column)?)?;
    let is_name = found.line == found.end_line
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && name.starts_with(|c: char| !c.is_numeric());
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRONG_RESULT: Ending<'static> =
        Ending { outcome: Outcome::Ok, error: None, fails: true, endless: false };

    fn raised(kind: &str) -> Ending<'_> {
        Ending { outcome: Outcome::Raised, error: Some(kind), fails: false, endless: false }
    }

    fn found(source: &str, stderr: &str, ending: Ending<'_>) -> Vec<(u32, &'static str)> {
        find(source, stderr, ending).iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    /// Style, an unused variable, and a name that does not exist, all in one program.
    const MANY: &str = "import os\ndef Total(Numbers):\n    unused = 1\n    l = 0\n    for n in Numbers:\n        \
                        l = l + n\n    return l\nprint(Totl([1]))\n";

    #[test]
    fn only_what_may_be_the_reason_is_found() {
        assert_eq!(found(MANY, "", raised("NameError")), [(8, "F821")]);
        assert_eq!(found(MANY, "", WRONG_RESULT), [(3, "F841")]);
        assert_eq!(found(MANY, "", raised("ZeroDivisionError")), []);
    }

    #[test]
    fn names_are_told_and_so_is_their_place_after_other_letters() {
        let findings =
            find("def f():\n    größe, x = '🎈', 1\n    return größe + y\n", "", raised("NameError"));
        assert_eq!((findings[0].line, findings[0].rule), (3, "F821"));
        assert!(findings[0].cause.contains("`y`"), "{}", findings[0].cause);
    }

    #[test]
    fn few_are_kept() {
        let source: String = (0..20).map(|at| format!("print(unknown_{at})\n")).collect();
        assert_eq!(find(&source, "", raised("NameError")).len(), MOST);
    }

    #[test]
    fn a_text_that_is_not_python_is_one_finding() {
        let ending = Ending { outcome: Outcome::SyntaxError, ..raised("SyntaxError") };
        assert_eq!(found("def f(:\n    x = = 1\n    y = = 2\n", "", ending), [(1, "invalid-syntax")]);
    }

    #[test]
    fn what_both_tools_say_is_said_once() {
        let warned =
            "main.py:2: SyntaxWarning: \"is\" with 'int' literal. Did you mean \"==\"?\n  if x is 1000:\n";
        let source = "x = 1000\nif x is 1000:\n    print(x)\n";
        assert_eq!(found(source, warned, WRONG_RESULT), [(2, "F632")]);
    }
}
