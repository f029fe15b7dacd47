//! What Ruff and Python's compiler say, beside the run: evidence where it may be the reason of the failure, silent
//! otherwise.
#![cfg(not(target_family = "wasm"))]

mod local;

use debug::{Budget, Diagnosis, diagnose, diagnose_within, findings::Tool};
use learnflow_agent::{Answer, Question, SkillLevel, StudentContext};
use learnflow_events::payload::{HintTier, QuerySubmitted};
use local::Local;

/// A variable of a function, read outside of it; beside that an unused import, and names that no style guide likes.
const LOCAL_READ_OUTSIDE: &str = "import os\n\ndef AddAll(Numbers):\n    total = 0\n    for n in Numbers:\n        \
                                  total += n\n\nAddAll([1, 2])\nprint(total)\n";

const DOUBLES: &str = "def double_all(numbers):\n    factor = 2\n    doubled = []\n    for number in numbers:\n        \
                       doubled.append(number + 2)\n    return doubled\n";
const DOUBLES_TESTS: &str = "import unittest\nfrom doubling import double_all\n\nclass Tests(unittest.TestCase):\n    \
                             def test_two(self):\n        self.assertEqual(double_all([1, 3]), [2, 6])\n";

fn said(diagnosis: &Diagnosis) -> Vec<(u32, Tool, &'static str)> {
    diagnosis.linted.iter().map(|finding| (finding.line, finding.tool, finding.rule)).collect()
}

async fn answered(code: &str, tests: Option<&str>, level: SkillLevel, tier: HintTier) -> Answer {
    let query = QuerySubmitted {
        query_text: "why is this wrong?".to_owned(),
        code: Some(code.to_owned()),
        tests: tests.map(str::to_owned),
        ..QuerySubmitted::default()
    };
    let student = StudentContext { skill_level: level, ..StudentContext::default() };
    debug::answer(&Question { query, student, tier, ..Question::default() }, &Local::new()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finding_names_the_cause_that_no_pattern_knows() {
    let diagnosis = diagnose(LOCAL_READ_OUTSIDE, "main", None, &Local::new()).await.unwrap();
    assert_eq!(said(&diagnosis), [(9, Tool::Ruff, "F821")]);
    let first = &diagnosis.suspects[0];
    assert_eq!((first.line, first.source.as_str()), (9, "F821"));
    assert!(first.cause.contains("`total`"), "{}", first.cause);
    assert!(diagnosis.explanation.contains(&first.cause), "{}", diagnosis.explanation);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_names_the_tool_once_and_only_from_the_tier_that_tells_the_cause() {
    for tier in [HintTier::Nudge, HintTier::Pointer, HintTier::Explanation, HintTier::Full] {
        let text = answered(LOCAL_READ_OUTSIDE, None, SkillLevel::Intermediate, tier).await.text;
        let times = text.matches("Ruff").count();
        assert_eq!(times, usize::from(tier >= HintTier::Explanation), "{tier:?}: {text}");
    }
    let beginner = answered(LOCAL_READ_OUTSIDE, None, SkillLevel::Beginner, HintTier::Explanation).await.text;
    assert!(!beginner.contains("F821"), "{beginner}");
    insta::assert_snapshot!(beginner);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finding_is_evidence_beside_tests_and_leaves_the_line_to_experiments() {
    // Whether the search gets to the fix must not depend on how busy the machine is.
    let budget = Budget { wall_ms: 60_000, ..Budget::default() };
    let sandbox = Local::new();
    let diagnosis =
        diagnose_within(DOUBLES, "doubling", Some(DOUBLES_TESTS), budget, &sandbox).await.unwrap();
    assert_eq!(said(&diagnosis), [(2, Tool::Ruff, "F841")]);
    assert!(diagnosis.linted[0].cause.contains("`factor`"), "{}", diagnosis.linted[0].cause);
    assert_eq!(diagnosis.suspects[0].line, 5, "{:?}", diagnosis.suspects);
    assert!(diagnosis.fixes.iter().any(|fix| fix.verified && fix.line == 5), "{:?}", diagnosis.fixes);
    assert!(diagnosis.suspects.iter().any(|suspect| suspect.line == 2), "{:?}", diagnosis.suspects);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_its_tests_has_no_findings() {
    let right = DOUBLES.replace("number + 2", "number * 2");
    let diagnosis = diagnose(&right, "doubling", Some(DOUBLES_TESTS), &Local::new()).await.unwrap();
    let tests = diagnosis.tests.as_ref().expect("there are tests");
    assert_eq!((tests.passed, tests.total), (1, 1));
    assert_eq!(said(&diagnosis), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warnings_of_the_compiler_are_read_from_the_run() {
    let code = "ages = [\n    (\"Ada\", 36)\n    (\"Bo\", 41)\n]\nprint(ages)\n";
    let diagnosis = diagnose(code, "main", None, &Local::new()).await.unwrap();
    assert_eq!(diagnosis.error.as_ref().map(|error| error.kind.as_str()), Some("TypeError"));
    assert_eq!(said(&diagnosis), [(2, Tool::Compiler, "SyntaxWarning")]);
    assert_eq!(diagnosis.suspects[0].line, 2, "{:?}", diagnosis.suspects);
    assert!(diagnosis.suspects[0].cause.contains("side by side"), "{:?}", diagnosis.suspects);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_that_goes_nowhere_is_told_of_an_endless_loop() {
    let code = "n = 3\nwhile n > 0:\n    print(n)\n    n == n - 1\n";
    let diagnosis = diagnose(code, "main", None, &Local::new()).await.unwrap();
    assert_eq!(said(&diagnosis), [(4, Tool::Ruff, "B015")]);
    assert!(diagnosis.suspects.iter().take(2).any(|suspect| suspect.line == 4), "{:?}", diagnosis.suspects);
}
