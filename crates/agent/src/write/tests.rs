//! A scripted model and a scripted sandbox: what is shown, what is stored, and what is not.

use std::{cell::RefCell, collections::VecDeque};

use futures::executor::block_on;
use learnflow_events::{
    code::{PythonError, TestCase, TestReport, TestRequest},
    payload::ResponseType,
};

use super::*;
use crate::{
    LearningStyle, SkillLevel,
    llm::{Completion, Settings},
};

struct Scripted {
    settings: Settings,
    /// For each call: pieces, and how it ends.
    replies: RefCell<VecDeque<(Vec<&'static str>, Option<ModelFaultKind>)>>,
    asked: RefCell<Vec<ModelRequest>>,
}

struct ScriptedReply(VecDeque<&'static str>, Option<ModelFaultKind>);

impl Model for Scripted {
    type Reply = ScriptedReply;

    fn settings(&self) -> &Settings {
        &self.settings
    }

    async fn ask(&self, request: &ModelRequest) -> Result<ScriptedReply, ModelFault> {
        self.asked.borrow_mut().push(request.clone());
        let (pieces, end) = self.replies.borrow_mut().pop_front().expect("no more calls than are scripted");
        match end {
            Some(kind) if pieces.is_empty() => Err(ModelFault::new(kind, "scripted")),
            end => Ok(ScriptedReply(pieces.into(), end)),
        }
    }
}

impl Reply for ScriptedReply {
    async fn next(&mut self) -> Result<Option<String>, ModelFault> {
        match (self.0.pop_front(), self.1) {
            (Some(piece), _) => Ok(Some(piece.to_owned())),
            (None, Some(kind)) => Err(ModelFault::new(kind, "scripted")),
            (None, None) => Ok(None),
        }
    }

    fn completion(self) -> Completion {
        Completion { usage: Usage { input_tokens: 100, output_tokens: 10 }, ..Completion::default() }
    }
}

/// Prints what stands between the parentheses of the last `print(…)`; a program passes its tests when it returns n * 2.
struct Interpreter;

impl Sandbox for Interpreter {
    async fn run(&self, request: &RunRequest) -> Result<RunReport, Fault> {
        let printed =
            request.code.rsplit_once("print(").map(|(_, rest)| rest.split(')').next().unwrap_or_default());
        let fails = request.code.contains("1 / 0");
        let error = fails.then(|| PythonError {
            kind: "ZeroDivisionError".to_owned(),
            message: "division by zero".to_owned(),
            line: Some(1),
            file: "main.py".to_owned(),
            explanation: String::new(),
            parts: Default::default(),
            traceback: String::new(),
        });
        Ok(RunReport {
            outcome: if fails { Outcome::Raised } else { Outcome::Ok },
            exit_code: 0,
            stdout: printed.map(|text| format!("{text}\n")).unwrap_or_default(),
            stderr: String::new(),
            error,
            duration_us: 1,
            memory_bytes: 0,
            fuel_used: None,
            trace: None,
            receipt: None,
        })
    }

    async fn test(&self, request: &TestRequest) -> Result<TestReport, Fault> {
        Ok(TestReport { passed: request.code.contains("return n * 2"), verdicts: Vec::new() })
    }
}

#[derive(Default)]
struct Screen {
    text: String,
    restarts: usize,
    gone_after: Option<usize>,
}

impl Reader for Screen {
    fn show(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    fn restart(&mut self) {
        self.restarts += 1;
        self.text.clear();
    }

    fn present(&mut self) -> bool {
        self.gone_after.is_none_or(|bytes| self.text.len() < bytes)
    }
}

fn model(replies: Vec<(Vec<&'static str>, Option<ModelFaultKind>)>) -> Scripted {
    let settings =
        Settings::read(|name| if name == "llm_api_keys" { "key".to_owned() } else { String::new() });
    Scripted {
        settings: settings.unwrap().unwrap(),
        replies: RefCell::new(replies.into()),
        asked: RefCell::default(),
    }
}

fn assignment(guard: Option<&Guard>) -> Assignment<'_> {
    Assignment {
        prompts: Prompts { system: "Tier {{ tier }}.", user: "{{ message | untrusted('message') }}" },
        view: SystemView {
            level: SkillLevel::Beginner,
            style: LearningStyle::StepByStep,
            tier: HintTier::WorkedPart,
        },
        values: json!({"message": "help"}),
        authored: Answer {
            hint_tier: guard.map(|_| HintTier::WorkedPart),
            ..Answer::authored(ResponseType::Explanation, "The authored answer.")
        },
        facts: Facts::default(),
        guard,
        citation: String::new(),
        holds_back: false,
        below: None,
    }
}

fn written(assignment: &Assignment<'_>, model: &Scripted, screen: &mut Screen) -> Written {
    block_on(write(assignment, model, &Interpreter, screen)).expect("no fault of ours")
}

#[test]
fn real_output_replaces_an_imagined_one_while_it_streams() {
    let model = model(vec![(
        vec!["A sum.\n\n```python\nprint(", "4)\n```\nIt prints:\n```\n5\n```\nSo", " it is.\n"],
        None,
    )]);
    let mut screen = Screen::default();
    let written = written(&assignment(None), &model, &mut screen);
    insta::assert_snapshot!(written.answer.text, @r"
    A sum.

    ```python
    print(4)
    ```
    It prints:

    ```text
    4
    ```
    So it is.
    ");
    assert_eq!(written.answer.text, screen.text);
    assert!(written.shown);
    assert_eq!(written.counters, ["outputs_replaced"]);
    assert_eq!(written.answer.answered_by, AnsweredBy::Anthropic);
    assert_eq!(written.answer.model.unwrap().cost_micros, 450);
}

#[test]
fn a_cut_stream_goes_on_where_it_stopped() {
    let model = model(vec![(vec!["One, ", "two"], Some(ModelFaultKind::Cut)), (vec![", three."], None)]);
    let mut screen = Screen::default();
    let written = written(&assignment(None), &model, &mut screen);
    assert_eq!(written.answer.text, "One, two, three.");
    let asked = model.asked.borrow();
    assert_eq!(asked[1].messages[1], Message::assistant("One, two"));
}

#[test]
fn a_stream_that_stays_cut_ends_in_the_authored_answer() {
    let cut = || (vec!["Half"], Some(ModelFaultKind::Cut));
    let mut screen = Screen::default();
    let written = written(&assignment(None), &model(vec![cut(), cut()]), &mut screen);
    assert_eq!(written.answer.text, "The authored answer.");
    assert_eq!(written.answer.answered_by, AnsweredBy::Authored);
    // Nothing of the model's is left before what is shown next.
    assert_eq!((screen.restarts, screen.text.as_str(), written.shown), (1, "", false));
}

#[test]
fn a_solution_is_never_shown_and_costs_a_tier() {
    let guard = Guard {
        tests: vec![TestCase::Call { name: "1".into(), call: "double(2)".into(), expected: "4".into() }],
        names: vec!["double".into()],
        program: "def double(n):\n    return n + 2\n".into(),
        ..Guard::default()
    };
    let solution = || (vec!["Here:\n```python\ndef double(n):\n    return n * 2\n```\n"], None);
    // Twice: the authored answer stands, a tier lower for each.
    let mut screen = Screen::default();
    let leaky = model(vec![solution(), solution()]);
    let outcome = written(&assignment(Some(&guard)), &leaky, &mut screen);
    assert_eq!(outcome.answer.text, "The authored answer.");
    assert_eq!(screen.text, "");
    assert_eq!(outcome.counters, ["leaks_lowered", "leaks_lowered"]);
    assert_eq!(outcome.answer.hint_tier, Some(HintTier::Pointer));
    // Once: the second answer is a tier lower.
    let learns = model(vec![solution(), (vec!["Which operation makes a number twice as large?"], None)]);
    let outcome = written(&assignment(Some(&guard)), &learns, &mut screen);
    assert_eq!(outcome.answer.hint_tier, Some(HintTier::Explanation));
    assert_eq!(learns.asked.borrow()[1].system, "Tier explanation.");
    // Nothing is streamed before the verdict.
    assert!(!outcome.shown && screen.text.is_empty());
    assert_eq!(screen.restarts, 0);
}

#[test]
fn a_lowered_answer_says_what_the_lower_tier_says() {
    let guard = Guard {
        tests: vec![TestCase::Call { name: "1".into(), call: "double(2)".into(), expected: "4".into() }],
        names: vec!["double".into()],
        program: "def double(n):\n    return n + 2\n".into(),
        ..Guard::default()
    };
    let rung = |tier: HintTier, text: &str, below| Assignment {
        prompts: Prompts { system: "Tier {{ tier }}.", user: "{{ authored }}" },
        view: SystemView { tier, ..assignment(None).view },
        values: json!({"authored": text}),
        authored: Answer { hint_tier: Some(tier), ..Answer::authored(ResponseType::Diagnosis, text) },
        below,
        ..assignment(Some(&guard))
    };
    let lines = rung(HintTier::Pointer, "Line 2.", None);
    let cause = rung(HintTier::Explanation, "Line 2 adds.", Some(Box::new(lines)));
    let steps = rung(HintTier::WorkedPart, "Line 2 adds: n = 4.", Some(Box::new(cause)));
    let solution = || (vec!["Here:\n```python\ndef double(n):\n    return n * 2\n```\n"], None);
    let leaky = model(vec![solution(), solution()]);
    let outcome = written(&steps, &leaky, &mut Screen::default());
    assert_eq!(outcome.answer.hint_tier, Some(HintTier::Pointer));
    assert_eq!(outcome.answer.text, "Line 2.");
    // The second time the model is told no more than the lower tier may say.
    let asked = leaky.asked.borrow();
    assert_eq!(asked[1].system, "Tier explanation.");
    assert_eq!(asked[1].messages, [Message::user("Line 2 adds.")]);
}

#[test]
fn every_exercise_that_a_question_may_be_about_is_guarded() {
    let other = Guard {
        tests: vec![TestCase::Call { name: "1".into(), call: "double(2)".into(), expected: "4".into() }],
        names: vec!["double".into()],
        ..Guard::default()
    };
    let guard = Guard { names: vec!["triple".into()], others: vec![other], ..Guard::default() };
    let leaky = "```python\ndef double(n):\n    return n * 2\n```\n";
    assert_eq!(block_on(guard.judge(leaky, &Interpreter)), Ok(Verdict::Leaks));
    assert_eq!(block_on(guard.judge("Which number?", &Interpreter)), Ok(Verdict::Safe));
}

#[test]
fn what_disagrees_with_the_evidence_is_not_shown() {
    let mut assignment = assignment(None);
    assignment.holds_back = true;
    assignment.facts =
        Facts { program: "x = 1\n".into(), stated: vec!["x = 1".into()], failed: Some(false), printed: None };
    let mut screen = Screen::default();
    let written = written(&assignment, &model(vec![(vec!["Look at line 7."], None)]), &mut screen);
    assert_eq!((written.answer.text.as_str(), screen.text.as_str()), ("The authored answer.", ""));
    assert_eq!(written.counters, ["grounding_fallbacks"]);
}

#[test]
fn nobody_pays_for_an_answer_that_nobody_reads() {
    let model = model(vec![(vec!["One ", "two ", "three ", "four"], None)]);
    let mut screen = Screen { gone_after: Some(4), ..Screen::default() };
    let written = written(&assignment(None), &model, &mut screen);
    assert_eq!(written.fault.unwrap().kind, ModelFaultKind::Cancelled);
    assert_eq!(screen.text, "One ");
}

#[test]
fn markup_in_two_pieces_is_shown_as_text() {
    let model = model(vec![(
        vec!["Look: <", "script>alert(1)<", "/script> !", "[x](java", "script:alert(1))"],
        None,
    )]);
    let mut screen = Screen::default();
    let written = written(&assignment(None), &model, &mut screen);
    assert_eq!(written.answer.text, "Look: &lt;script>alert(1)&lt;/script> [x](#))");
    assert_eq!(screen.text, written.answer.text);
}

#[test]
fn comments_that_claim_what_was_not_printed_go() {
    let block = "```python\nprint(x)  # 5\nprint(y)  # -> 7\nx = 1  # a number\n```\n";
    assert_eq!(
        without_false_comments(block, "7\n"),
        "```python\nprint(x)\nprint(y)  # -> 7\nx = 1  # a number\n```\n"
    );
}
