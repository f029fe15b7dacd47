//! Programs that are not Python, from the run to the answer: CPython has the last word on a repair.
#![cfg(not(target_family = "wasm"))]

mod local;

use debug::diagnose;
use learnflow_agent::Question;
use learnflow_events::{
    code::Outcome,
    payload::{HintTier, QuerySubmitted},
};
use local::Local;

const BROKEN: &str = "def double(n)\n    return n * 2\n\nprint(double(4))\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_colon_is_named_and_the_repair_runs() {
    let sandbox = Local::new();
    let diagnosis = diagnose(BROKEN, "main", None, &sandbox).await.unwrap();
    assert_eq!(diagnosis.outcome, Outcome::SyntaxError);
    assert_eq!((diagnosis.suspects[0].line, diagnosis.suspects[0].source.as_str()), (1, "repair"));
    assert!(diagnosis.suspects[0].cause.contains("colon"), "{}", diagnosis.suspects[0].cause);
    assert_eq!(diagnosis.fixes[0].replacement, "def double(n):");
    assert!(diagnosis.fixes[0].verified);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_choose_among_repairs() {
    // Both lines can go into the loop, or only the first one; only the tests know.
    let code = "def count(items):\n    found = 0\n    for item in items:\n    if item:\n        found += 1\n    return found\n";
    let tests = "import unittest\nfrom counting import count\n\nclass Tests(unittest.TestCase):\n    \
                 def test_all(self):\n        self.assertEqual(count([1, 0, 2]), 2)\n";
    let diagnosis = diagnose(code, "counting", Some(tests), &Local::new()).await.unwrap();
    let fix = &diagnosis.fixes[0];
    assert!(fix.verified, "{}", fix.program);
    assert!(
        diagnosis.explanation.contains("Once that is mended, all tests pass."),
        "{}",
        diagnosis.explanation
    );
    // A repair that leaves another mistake is no verified fix.
    let wrong = code.replace("found += 1", "found += 3");
    let diagnosis = diagnose(&wrong, "counting", Some(tests), &Local::new()).await.unwrap();
    assert!(!diagnosis.fixes.is_empty() && diagnosis.fixes.iter().all(|fix| !fix.verified));
    assert!(diagnosis.explanation.contains("not all tests pass"), "{}", diagnosis.explanation);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_cpython_refuses_is_repaired_too() {
    let code = "def double(n):\n    result = n * 2\nreturn result\n";
    let diagnosis = diagnose(code, "main", None, &Local::new()).await.unwrap();
    assert_eq!(diagnosis.outcome, Outcome::SyntaxError);
    assert_eq!(diagnosis.suspects[0].line, 3, "{:?}", diagnosis.suspects);
    assert_eq!(diagnosis.fixes[0].replacement, "    return result");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_repair_is_told_at_the_last_tier_only() {
    let sandbox = Local::new();
    for tier in
        [HintTier::Nudge, HintTier::Pointer, HintTier::Explanation, HintTier::WorkedPart, HintTier::Full]
    {
        let query = QuerySubmitted {
            query_text: "what is wrong?".to_owned(),
            code: Some(BROKEN.to_owned()),
            ..QuerySubmitted::default()
        };
        let answer = debug::answer(&Question { query, tier, ..Question::default() }, &sandbox).await.unwrap();
        let all = format!("{}{}", answer.text, answer.evidence);
        assert_eq!(all.contains("def double(n):"), tier == HintTier::Full, "{tier:?}: {all}");
        let cause = answer.text.contains("The colon is missing");
        assert_eq!(cause, tier >= HintTier::Explanation, "{tier:?}: {}", answer.text);
    }
}
