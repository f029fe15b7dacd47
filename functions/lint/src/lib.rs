//! Ruff's linter, embedded: source text in, findings out. No file is read and no configuration is looked for.
//!
//! The rules are those that say something a learner can act on; formatting is left out, because it is noise
//! beside an answer. What a finding means for a student of a given level is the callers' business.

use std::{path::Path, str::FromStr, sync::OnceLock};

use ruff_db::diagnostic::Diagnostic;
use ruff_linter::{
    RuleSelector,
    linter::{ParseSource, lint_only},
    rule_selector::PreviewOptions,
    settings::{LinterSettings, flags::Noqa},
    source_kind::SourceKind,
};
use ruff_python_ast::{PySourceType, PythonVersion};
use ruff_text_size::Ranged;
use serde::{Deserialize, Serialize};

/// Ruff's selectors of the rules that are looked at (https://docs.astral.sh/ruff/rules/).
const RULES: &[&str] = &[
    "F", "E4", "E7", "E9", "W605", "B", "A", "ARG", "C4", "C901", "ERA", "FURB", "N", "PERF", "PIE", "PLC",
    "PLE", "PLR0133", "PLR0911", "PLR0912", "PLR1704", "PLR1711", "PLR1714", "PLR1730", "PLR2044", "PLR5501",
    "PLW", "RET", "RUF005", "RUF007", "RUF010", "RUF015", "RUF017", "RUF018", "RUF019", "RUF021", "S307",
    "SIM", "TRY203", "UP",
];
/// Rules of these selectors that confuse more than they help: module names, magic values, `open` without
/// an encoding, and advice that only matters in packages.
const EXCEPT: &[&str] = &[
    "B028", "B904", "FURB171", "N999", "PLC0415", "PLC2701", "PLW1514", "SIM105", "SIM108", "UP009", "UP015",
];

/// What the linter says about a place in the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's code (`F841`), or `invalid-syntax`.
    pub code: String,
    /// The rule's name (`unused-variable`).
    pub name: String,
    /// Where it starts: line, from 1.
    pub line: u32,
    /// Where it starts: column, from 1.
    pub column: u32,
    /// Where it ends: line, from 1.
    pub end_line: u32,
    /// Where it ends: column, from 1.
    pub end_column: u32,
    /// Ruff's own words.
    pub message: String,
    /// Ruff's own words about how to mend it, when it knows.
    pub help: Option<String>,
    /// The mend itself, when Ruff can make it.
    pub fix: Option<Fix>,
}

/// Edits that mend a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// Whether Ruff vouches that the program means the same afterwards; otherwise it may not in some cases.
    pub safe: bool,
    /// The edits, in the order of the source; none overlaps another.
    pub edits: Vec<Edit>,
}

/// A piece of source that is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Where it starts, in bytes from 0.
    pub start: usize,
    /// Where it ends, in bytes from 0.
    pub end: usize,
    /// What stands there afterwards.
    pub text: String,
}

/// Lints a program as CPython 3.14 would read it. Findings are in the order of the source.
pub fn lint(source: &str) -> Vec<Finding> {
    static SETTINGS: OnceLock<LinterSettings> = OnceLock::new();
    let kind = SourceKind::Python { code: source.to_owned(), is_stub: false };
    let result = lint_only(
        Path::new("main.py"),
        None,
        SETTINGS.get_or_init(settings),
        Noqa::Enabled,
        &kind,
        PySourceType::Python,
        ParseSource::None,
    );
    let mut findings: Vec<Finding> = result.diagnostics.iter().filter_map(finding).collect();
    findings.sort_by(|a, b| (a.line, a.column, &a.code).cmp(&(b.line, b.column, &b.code)));
    findings
}

fn settings() -> LinterSettings {
    let preview = PreviewOptions::default();
    let rules = |selectors: &[&str]| {
        selectors
            .iter()
            .filter_map(|selector| RuleSelector::from_str(selector).ok())
            .flat_map(|selector| selector.rules(&preview).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let except = rules(EXCEPT);
    let mut settings =
        LinterSettings::for_rules(rules(RULES).into_iter().filter(|rule| !except.contains(rule)));
    settings.unresolved_target_version = PythonVersion::PY314.into();
    settings
}

fn finding(diagnostic: &Diagnostic) -> Option<Finding> {
    let start = diagnostic.ruff_start_location()?;
    let end = diagnostic.ruff_end_location().unwrap_or(start);
    let number = |number: ruff_source_file::OneIndexed| u32::try_from(number.get()).unwrap_or(u32::MAX);
    Some(Finding {
        code: diagnostic.secondary_code_or_id().to_owned(),
        name: diagnostic.name().to_owned(),
        line: number(start.line),
        column: number(start.column),
        end_line: number(end.line),
        end_column: number(end.column),
        message: diagnostic.headline_message().to_owned(),
        help: diagnostic.first_help_text().map(str::to_owned),
        fix: diagnostic.fix().filter(|fix| !fix.applicability().is_display_only()).map(|fix| Fix {
            safe: fix.applicability().is_safe(),
            edits: fix
                .edits()
                .iter()
                .map(|edit| Edit {
                    start: edit.start().to_usize(),
                    end: edit.end().to_usize(),
                    text: edit.content().unwrap_or_default().to_owned(),
                })
                .collect(),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_is_one_that_ruff_knows() {
        for selector in RULES.iter().chain(EXCEPT) {
            assert!(RuleSelector::from_str(selector).is_ok(), "{selector}");
        }
    }

    #[test]
    fn a_students_program_is_linted() {
        let source = "import os\n\ndef AddAll(numbers=[]):\n    total = 0\n    for i in range(len(numbers)):\n        \
                      total = total + numbers[i]\n    if total == None:\n        return 0\n    return total\n";
        let lines: Vec<String> = lint(source)
            .iter()
            .map(|f| format!("{}:{} {} {}", f.line, f.column, f.code, f.message))
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_safe_mend_comes_with_its_finding() {
        let findings = lint("import os\nprint(1)\n");
        let fix =
            findings.iter().find(|finding| finding.code == "F401").and_then(|finding| finding.fix.clone());
        let edits = vec![Edit { start: 0, end: 10, text: String::new() }];
        assert_eq!(fix, Some(Fix { safe: true, edits }));
    }

    #[test]
    fn broken_programs_are_findings_not_failures() {
        let findings = lint("def f(:\n");
        assert!(findings.iter().any(|finding| finding.code == "invalid-syntax"), "{findings:?}");
        assert_eq!(lint(""), vec![]);
    }
}
