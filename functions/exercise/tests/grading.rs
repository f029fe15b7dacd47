//! What a student reads about a submission: never a hidden test, always something to go on.

use exercise::{answer, bank, bank::Exercise, generate};
use futures::executor::block_on;
use learnflow_agent::{Fault, FaultKind, Question, Sandbox, context::ExerciseState};
use learnflow_events::{
    code::{Outcome, PythonError, RunReport, RunRequest, TestCase, TestReport, TestRequest, TestVerdict},
    payload::{QuerySubmitted, ResponseType},
};

/// A sandbox that follows a script: for each program, what it makes of each test. (That the bank's programs do what
/// they should is tested in the real sandbox by the integration tests.)
struct Scripted(fn(&str, usize) -> Verdict);

enum Verdict {
    Pass,
    Gives(&'static str),
    Raises(&'static str),
    Unreadable,
}

impl Sandbox for Scripted {
    async fn run(&self, _: &RunRequest) -> Result<RunReport, Fault> {
        Err(Fault::bug("grading runs tests only"))
    }

    async fn test(&self, request: &TestRequest) -> Result<TestReport, Fault> {
        let verdicts: Vec<TestVerdict> = request
            .tests
            .iter()
            .enumerate()
            .map(|(at, case)| {
                let TestCase::Call { name, .. } = case else { panic!("a call") };
                let error = |kind: &str| PythonError {
                    kind: kind.to_owned(),
                    message: "a message".to_owned(),
                    line: Some(3),
                    file: "main.py".to_owned(),
                    explanation: String::new(),
                    parts: Default::default(),
                    traceback: String::new(),
                };
                let (passed, message, outcome, error) = match (self.0)(&request.code, at) {
                    Verdict::Pass => (true, String::new(), Outcome::Ok, None),
                    Verdict::Gives(what) => (false, format!("got {what}"), Outcome::Ok, None),
                    Verdict::Raises(kind) => (false, String::new(), Outcome::Raised, Some(error(kind))),
                    Verdict::Unreadable => {
                        (false, String::new(), Outcome::SyntaxError, Some(error("SyntaxError")))
                    }
                };
                let (name, stdout) = (name.clone(), String::new());
                TestVerdict { name, passed, message, outcome, error, stdout, duration_us: 100 }
            })
            .collect();
        Ok(TestReport { passed: verdicts.iter().all(|verdict| verdict.passed), verdicts })
    }
}

fn sum_of_evens() -> &'static Exercise {
    bank::exercise("sum-of-evens").expect("it is in the bank")
}

fn submission(code: &str) -> Question {
    Question {
        query: QuerySubmitted {
            code: Some(code.to_owned()),
            exercise_id: Some("sum-of-evens".to_owned()),
            ..QuerySubmitted::default()
        },
        ..Question::default()
    }
}

#[test]
fn a_right_program_is_praised_and_speaks_for_every_topic() {
    let answer = block_on(answer(&submission("right"), &Scripted(|_, _| Verdict::Pass))).expect("graded");
    assert_eq!(answer.response_type, ResponseType::Grading);
    assert!(answer.text.starts_with("**Solved"), "{}", answer.text);
    assert_eq!(answer.observations.len(), sum_of_evens().topics.len());
    assert!(answer.observations.iter().all(|observation| observation.correct));
    assert_eq!(answer.evidence["passed"], true);
}

#[test]
fn a_known_misconception_is_recognised_by_what_the_program_does() {
    // The student's program has another text than the typical wrong answer, but behaves like it.
    let script = Scripted(|code, at| match code {
        code if code == "mine" || code == sum_of_evens().wrong[1].code => match at {
            0 | 2 => Verdict::Gives("2"),
            _ => Verdict::Pass,
        },
        _ => Verdict::Gives("0"),
    });
    let answer = block_on(answer(&submission("mine"), &script)).expect("graded");
    assert!(answer.text.contains(sum_of_evens().wrong[1].misconception), "{}", answer.text);
    assert!(answer.text.contains("`sum_of_evens([1, 2, 3, 4])` should give `6`"), "{}", answer.text);
    assert_eq!(answer.observations.len(), 1);
    assert!(!answer.observations[0].correct);
}

#[test]
fn hidden_tests_are_never_shown() {
    let exercise = sum_of_evens();
    let fails_hidden = Scripted(|_, at| if at < 3 { Verdict::Pass } else { Verdict::Raises("IndexError") });
    let answer = block_on(answer(&submission("mine"), &fails_hidden)).expect("graded");
    let everything = format!("{} {}", answer.text, answer.evidence);
    for (call, _) in exercise.hidden {
        assert!(!everything.contains(call), "{call} is shown");
    }
    assert!(answer.text.contains("ends with an IndexError"), "{}", answer.text);
}

#[test]
fn an_exception_named_after_a_hidden_test_does_not_smuggle_it_out() {
    let smuggles = Scripted(|_, at| if at < 3 { Verdict::Pass } else { Verdict::Raises("X100_1_50") });
    let answer = block_on(answer(&submission("mine"), &smuggles)).expect("graded");
    assert!(!format!("{} {}", answer.text, answer.evidence).contains("X100"), "{}", answer.text);
}

#[test]
fn a_program_that_python_cannot_read_says_nothing_about_the_topic() {
    let answer = block_on(answer(&submission("def"), &Scripted(|_, _| Verdict::Unreadable))).expect("graded");
    assert!(answer.text.contains("Python cannot read the program in line 3"), "{}", answer.text);
    assert!(answer.observations.is_empty());
}

#[test]
fn hints_grow_with_the_attempts() {
    let mut question = submission("mine");
    let fails = Scripted(|code, _| if code == "mine" { Verdict::Gives("7") } else { Verdict::Gives("8") });
    for (attempts, hint) in [(0, 0), (1, 1), (9, 2)] {
        question.student.exercises =
            vec![ExerciseState { exercise_id: "sum-of-evens".to_owned(), attempts, passed: false }];
        let answer = block_on(answer(&question, &fails)).expect("graded");
        assert!(answer.text.contains(sum_of_evens().hints[hint]), "{}", answer.text);
    }
}

#[test]
fn an_unknown_exercise_is_refused_with_a_way_on() {
    let mut question = submission("x = 1");
    question.query.exercise_id = Some("no-such-exercise".to_owned());
    let fault = block_on(answer(&question, &Scripted(|_, _| Verdict::Pass))).expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Reject);
    assert!(fault.sentence.contains("Ask for an exercise"), "{}", fault.sentence);
}

fn asked(text: &str) -> Question {
    Question {
        query: QuerySubmitted { query_text: text.to_owned(), ..QuerySubmitted::default() },
        ..Question::default()
    }
}

#[test]
fn a_topic_and_a_difficulty_are_honoured() {
    let answer = generate(&asked("an easy exercise on recursion please")).expect("an exercise");
    assert_eq!(answer.response_type, ResponseType::Exercise);
    assert_eq!(answer.topics[0], "recursion");
    assert_eq!(answer.evidence["difficulty"], "beginner");
}

#[test]
fn a_new_student_gets_something_that_builds_on_nothing_unknown() {
    let answer = generate(&asked("give me an exercise")).expect("an exercise");
    let chosen =
        bank::exercise(answer.evidence["exercise_id"].as_str().expect("an id")).expect("in the bank");
    assert_eq!(answer.evidence["difficulty"], "beginner");
    assert!(!chosen.topics.contains(&"recursion"));
}

#[test]
fn what_is_solved_is_not_set_again_and_an_exhausted_topic_is_said_plainly() {
    let mut question = asked("practice scope");
    let mut seen = Vec::new();
    loop {
        let answer = generate(&question).expect("an answer");
        let Some(id) = answer.evidence["exercise_id"].as_str().map(str::to_owned) else {
            assert_eq!(answer.response_type, ResponseType::Clarification);
            break;
        };
        assert!(!seen.contains(&id), "{id} again");
        question.student.exercises.push(ExerciseState { exercise_id: id.clone(), attempts: 1, passed: true });
        seen.push(id);
    }
    assert!(!seen.is_empty());
}

#[test]
fn the_parsons_form_has_all_lines_in_another_order_and_no_indentation() {
    for exercise in bank() {
        let lines = exercise::parsons::shuffled(exercise);
        let mut given: Vec<&str> = exercise
            .solution
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        if given.len() > 2 {
            assert_ne!(lines, given, "{} is in order", exercise.id);
        }
        let mut lines = lines;
        lines.sort();
        given.sort_unstable();
        assert_eq!(lines, given, "{}", exercise.id);
    }
}

#[test]
fn the_bank_covers_the_curriculum_and_gives_nothing_away() {
    for topic in learnflow_learner::curriculum::topics() {
        let main = bank().iter().filter(|exercise| exercise.topics[0] == topic.id).count();
        assert!(main > 0, "no exercise is mainly about {}", topic.id);
    }
    for exercise in bank() {
        let shown = exercise::present::task(exercise);
        for (given, _) in exercise.hidden {
            // Very short inputs occur in any text.
            assert!(given.len() < 12 || !shown.contains(given), "{} shows {given}", exercise.id);
        }
        assert!(!shown.contains(exercise.solution), "{} shows its solution", exercise.id);
    }
}
