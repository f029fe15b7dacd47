//! Rewrites in the real sandbox: what is proposed does what the student's program does.
#![cfg(not(target_family = "wasm"))]

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use code_review::{Review, Subject, answer, review};
use learnflow_agent::{Answer, Fault, Question, Sandbox};
use learnflow_events::{
    code::{RunReport, RunRequest, TestReport, TestRequest},
    payload::{HintTier, QuerySubmitted},
};
use learnflow_provision as provision;
use learnflow_sandbox_host::{Executor, ExecutorOptions, RunIo, artifact, engine::Metering};

/// A sandbox in this process.
struct Local(Arc<Executor>);

impl Sandbox for Local {
    async fn run(&self, request: &RunRequest) -> Result<RunReport, Fault> {
        self.0.run(request, RunIo::default()).await.map_err(|error| Fault::bug(error.to_string()))
    }

    async fn test(&self, request: &TestRequest) -> Result<TestReport, Fault> {
        self.0.test(request).await.map_err(|error| Fault::bug(error.to_string()))
    }
}

fn interpreter() -> PathBuf {
    let root =
        provision::find_checkout(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("tests run in a checkout");
    let component = provision::guest::build(&root).expect("the guest can be built");
    artifact::provide(&component, &root.join("target/sandbox"), Metering::Time, || {})
        .expect("the guest compiles")
}

/// Compiled once for all tests of this binary: they run side by side.
static INTERPRETER: LazyLock<PathBuf> = LazyLock::new(interpreter);

fn sandbox() -> Local {
    Local(Arc::new(Executor::load(&INTERPRETER, ExecutorOptions::default()).expect("the interpreter loads")))
}

async fn reviewed(code: &str, tests: Option<&str>, sandbox: &Local) -> Review {
    review(Subject { code, tests, ..Subject::default() }, sandbox).await.expect("the sandbox is there")
}

#[tokio::test]
async fn a_rewrite_does_the_same_and_is_shown_as_a_diff() {
    let sandbox = sandbox();
    let code = "import os\n\nnumbers = [3, 1, 2]\ntotal = 0\nfor i in range(len(numbers)):\n    total += numbers[i]\n\
                if total == None:\n    print(0)\nprint(total)\n";
    let rewrite = reviewed(code, None, &sandbox).await.rewrite.expect("there is a better version");
    assert_eq!(
        rewrite.code,
        "\nnumbers = [3, 1, 2]\ntotal = 0\nfor number in numbers:\n    total += number\nif total is None:\n    \
         print(0)\nprint(total)\n"
    );
    assert_eq!(rewrite.checked, ["no input"]);
    assert!(rewrite.diff.contains("-for i in range(len(numbers)):\n"), "{}", rewrite.diff);
    assert!(rewrite.diff.contains("+for number in numbers:\n"), "{}", rewrite.diff);
    let mut question = Question {
        query: QuerySubmitted { code: Some(code.to_owned()), ..QuerySubmitted::default() },
        ..Question::default()
    };
    let shown = answer(&question, &sandbox).await.expect("the sandbox is there");
    assert!(
        shown.text.contains("```diff\n") && shown.text.contains("+for number in numbers:"),
        "{}",
        shown.text
    );
    assert_eq!(shown.evidence["rewrite"]["code"], rewrite.code);
    // Whoever writes the review, the diff stands below it as it was checked.
    let writing = code_review::model::writing(&question, &shown).expect("a model may write a review");
    assert!(writing.citation.contains("+for number in numbers:"), "{}", writing.citation);
    // Who wants a nudge finds it alone.
    question.tier = HintTier::Nudge;
    let nudge = answer(&question, &sandbox).await.expect("the sandbox is there");
    assert!(!nudge.text.contains("```diff") && nudge.evidence["rewrite"].is_null(), "{}", nudge.text);
}

#[tokio::test]
async fn a_rewrite_that_behaves_otherwise_is_not_shown() {
    let sandbox = sandbox();
    // Its `==` says yes to None, so `is None` is another question.
    let code = "class Empty:\n    def __eq__(self, other):\n        return other is None\n\n\nthing = Empty()\n\
                if thing == None:\n    print(\"nothing\")\n";
    let review = reviewed(code, None, &sandbox).await;
    assert!(review.findings.iter().any(|finding| finding.rule == "E711"), "{:?}", review.findings);
    assert_eq!(review.rewrite, None);
}

#[tokio::test]
async fn what_no_run_reaches_is_left_alone_unless_tests_reach_it() {
    let sandbox = sandbox();
    let code = "def is_missing(value):\n    return value == None\n";
    assert_eq!(reviewed(code, None, &sandbox).await.rewrite, None);
    let tests = "import unittest\nfrom main import is_missing\n\n\nclass Tests(unittest.TestCase):\n    def test_none(self):\n        \
                 self.assertTrue(is_missing(None))\n\n    def test_zero(self):\n        self.assertFalse(is_missing(0))\n";
    let rewrite = reviewed(code, Some(tests), &sandbox).await.rewrite.expect("the tests agree");
    assert_eq!(rewrite.code, "def is_missing(value):\n    return value is None\n");
    assert_eq!(rewrite.checked, ["no input", "the tests"]);
}

#[tokio::test]
async fn a_program_that_asks_is_given_something_to_read() {
    let sandbox = sandbox();
    let code = "answer = input(\"go on? \")\nif answer == None:\n    print(\"none\")\nprint(f\"bye\")\n";
    let review = reviewed(code, None, &sandbox).await;
    assert!(review.typed.is_some(), "{:?}", review.report);
    let rewrite = review.rewrite.expect("there is a better version");
    assert!(
        rewrite.code.contains("answer is None") && rewrite.code.contains("print(\"bye\")"),
        "{}",
        rewrite.code
    );
    assert!(rewrite.checked.len() > 1, "{:?}", rewrite.checked);
}

#[tokio::test]
async fn a_program_that_fails_is_not_rewritten() {
    let sandbox = sandbox();
    assert_eq!(reviewed("import os\nprint(missing)\n", None, &sandbox).await.rewrite, None);
    assert_eq!(reviewed("import os\nprint(\n", None, &sandbox).await.rewrite, None);
}

#[tokio::test]
async fn each_tier_says_more_than_the_one_below() {
    let sandbox = sandbox();
    let code = "import os\n\ndef add(item, items=[]):\n    items.append(item)\n    return items\n\nx = add(1)\nif x == None:\n    \
                print(f\"none\")\nprint(x)\n";
    let mut question = Question {
        query: QuerySubmitted { code: Some(code.to_owned()), ..QuerySubmitted::default() },
        tier: HintTier::Full,
        ..Question::default()
    };
    let full = answer(&question, &sandbox).await.expect("the sandbox is there");
    let rungs: Vec<&Answer> = std::iter::successors(Some(&full), |answer| answer.below.as_deref()).collect();
    let tiers: Vec<HintTier> = rungs.iter().filter_map(|answer| answer.hint_tier).collect();
    assert_eq!(
        tiers,
        [HintTier::Full, HintTier::WorkedPart, HintTier::Explanation, HintTier::Pointer, HintTier::Nudge]
    );
    for (answer, tier) in rungs.iter().zip(&tiers) {
        let (text, evidence) = (&answer.text, &answer.evidence);
        let from = |least: HintTier| *tier >= least;
        // Where, what and why, what it then looks like, and everything.
        assert_eq!(text.contains("ine 3"), from(HintTier::Pointer), "{tier:?}: {text}");
        assert_eq!(text.contains("made only once"), from(HintTier::Explanation), "{tier:?}: {text}");
        assert_eq!(text.contains("```diff"), from(HintTier::Explanation), "{tier:?}: {text}");
        assert_eq!(text.contains("Smaller things"), from(HintTier::Full), "{tier:?}: {text}");
        let told = evidence.to_string();
        assert_eq!(told.contains("made only once"), from(HintTier::Explanation), "{tier:?}: {told}");
        assert_eq!(evidence["rewrite"].is_object(), from(HintTier::Explanation), "{tier:?}: {told}");
        assert_eq!(evidence["findings"][0].is_object(), from(HintTier::Pointer), "{tier:?}: {told}");
        // Asked for by itself it is the same.
        question.tier = *tier;
        let asked = code_review::answer(&question, &sandbox).await.expect("the sandbox is there");
        assert_eq!((&asked.text, &asked.evidence), (text, evidence));
    }
    let mends = |answer: &Answer| {
        answer.text.matches("Then the line reads").count() + answer.text.matches("can go.").count()
    };
    assert!(mends(rungs[1]) > 0 && mends(rungs[2]) == 0, "{}", rungs[1].text);
}
