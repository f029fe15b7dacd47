//! What a student reads about a submission: never a hidden test, always something to go on.

use exercise::{Policy, bank, bank::Exercise, parsons};
use futures::executor::block_on;
use learnflow_agent::{Answer, Fault, FaultKind, Question, Sandbox, context::ExerciseState};
use learnflow_events::{
    code::{Outcome, PythonError, RunReport, RunRequest, TestCase, TestReport, TestRequest, TestVerdict},
    payload::{HintTier, QuerySubmitted, ResponseType},
};

/// A policy that is the same for every exercise.
struct Allows(HintTier);

impl Policy for Allows {
    async fn most(&self, _: &Exercise) -> Result<HintTier, Fault> {
        Ok(self.0)
    }
}

/// Without a class.
const NO_CLASS: Allows = Allows(learnflow_agent::tutoring::MOST_WITHOUT_POLICY);

async fn answer(question: &Question, sandbox: &impl Sandbox) -> Result<Answer, Fault> {
    exercise::answer(question, sandbox, &NO_CLASS).await
}

fn generate(question: &Question) -> Result<Answer, Fault> {
    block_on(exercise::generate(question, &NO_CLASS))
}

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
fn the_parsons_form_has_all_lines_in_another_order_and_some_that_do_not_belong() {
    let mut with_distractors = 0;
    for exercise in bank::bank() {
        let given = parsons::shuffled(exercise);
        let solution: Vec<&str> = exercise
            .solution
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        let (own, others): (Vec<&str>, Vec<&str>) = given.iter().partition(|line| solution.contains(line));
        assert_eq!(parsons::suits(exercise), solution.len() > 3, "{}", exercise.id);
        if parsons::suits(exercise) {
            assert_ne!(own, solution, "{} is in order", exercise.id);
            with_distractors += usize::from(!others.is_empty());
        }
        let sorted = |mut lines: Vec<&'static str>| {
            lines.sort_unstable();
            lines
        };
        assert_eq!(sorted(own), sorted(solution), "{}", exercise.id);
        for line in others {
            let wrong = exercise.wrong.iter().any(|wrong| wrong.code.lines().any(|text| text.trim() == line));
            let given = exercise.starter.lines().any(|text| text.trim() == line);
            assert!(wrong && !given, "{}: {line}", exercise.id);
        }
    }
    let suited = bank::bank().iter().filter(|exercise| parsons::suits(exercise)).count();
    assert!(with_distractors + 3 > suited, "{with_distractors} of {suited} have lines that do not belong");
}

#[test]
fn the_lines_are_given_only_where_they_give_nothing_away_and_the_course_allows_it() {
    let parsons = |id: &str, most: HintTier| {
        let mut question = asked("as a Parsons puzzle please");
        question.query.exercise_id = Some(id.to_owned());
        block_on(exercise::generate(&question, &Allows(most))).expect("an exercise")
    };
    let given = parsons("sum-of-evens", HintTier::WorkedPart);
    assert_eq!(given.evidence["form"], "parsons");
    assert!(
        given.text.contains("some that do not belong") && given.text.contains("total += 1"),
        "{}",
        given.text
    );
    assert!(
        given.evidence["lines"].as_array().is_some_and(|lines| lines.contains(&"total += number".into()))
    );
    let short = parsons("last-item", HintTier::Full);
    let refused = parsons("sum-of-evens", HintTier::Explanation);
    for (code, why) in [(&short, "too short"), (&refused, "Your course")] {
        assert_eq!(code.evidence["form"], "code");
        assert!(code.text.contains(why) && code.text.contains("Start from this"), "{}", code.text);
        assert!(code.evidence["lines"].is_null());
    }
    assert!(!short.text.contains("items[-1]"), "{}", short.text);
    assert!(!refused.text.contains("total += number"), "{}", refused.text);
}

#[test]
fn whoever_asks_for_lines_to_order_gets_an_exercise_that_has_some() {
    for text in ["give me a Parsons puzzle", "lines in order on return values please"] {
        let chosen = generate(&asked(text)).expect("an exercise");
        assert_eq!(chosen.evidence["form"], "parsons", "{}", chosen.text);
    }
}

#[test]
fn a_task_tells_the_hints_that_are_unlocked_and_no_others() {
    let told = |attempts: u32, passed: bool, tier: HintTier, most: HintTier| {
        let mut question = asked("this one");
        question.query.exercise_id = Some("sum-of-evens".to_owned());
        question.tier = tier;
        question.student.exercises =
            vec![ExerciseState { exercise_id: "sum-of-evens".to_owned(), attempts, passed }];
        let answer = block_on(exercise::generate(&question, &Allows(most))).expect("an exercise");
        answer.evidence["hints"].as_array().expect("hints").len()
    };
    use HintTier::{Explanation, Full, Nudge, Pointer};
    assert_eq!(told(0, false, Explanation, Full), 1);
    assert_eq!(told(1, false, Explanation, Full), 2);
    assert_eq!(told(9, false, Explanation, Full), 3);
    assert_eq!(told(9, false, Pointer, Full), 2);
    assert_eq!(told(9, false, Explanation, Nudge), 1, "the policy of the exercise that was chosen");
    assert_eq!(told(1, true, Nudge, Nudge), 3, "it is solved");
}

#[test]
fn a_hint_goes_no_further_than_the_tier() {
    let mut question = asked("give me a hint");
    question.query.exercise_id = Some("sum-of-evens".to_owned());
    question.student.exercises =
        vec![ExerciseState { exercise_id: "sum-of-evens".to_owned(), attempts: 5, passed: false }];
    let hints = sum_of_evens().hints;
    for (tier, number) in [(HintTier::Nudge, 1), (HintTier::Pointer, 2), (HintTier::Explanation, 3)] {
        question.tier = tier;
        let answer = generate(&question).expect("a hint");
        assert_eq!(answer.evidence["hint"], number);
        assert!(answer.text.contains(hints[number - 1]), "{}", answer.text);
        assert!(!answer.text.contains("Try it before you ask"), "no next one is promised: {}", answer.text);
    }
    question.student.exercises.clear();
    assert!(generate(&question).expect("a hint").text.contains("Try it before you ask for the next one"));

    let mut failed = submission("mine");
    failed.tier = HintTier::Nudge;
    failed.student.exercises =
        vec![ExerciseState { exercise_id: "sum-of-evens".to_owned(), attempts: 5, passed: false }];
    let fails = Scripted(|code, _| if code == "mine" { Verdict::Gives("7") } else { Verdict::Gives("8") });
    let answer = block_on(answer(&failed, &fails)).expect("graded");
    assert!(answer.text.contains(hints[0]) && !answer.text.contains(hints[1]), "{}", answer.text);
}

#[test]
fn the_bank_covers_the_curriculum_and_gives_nothing_away() {
    for topic in learnflow_learner::curriculum::topics() {
        let main = bank::bank().iter().filter(|exercise| exercise.topics[0] == topic.id).count();
        assert!(main > 0, "no exercise is mainly about {}", topic.id);
    }
    for exercise in bank::bank() {
        let shown = exercise::present::task(exercise);
        for (given, _) in exercise.hidden {
            // Very short inputs occur in any text.
            assert!(given.len() < 12 || !shown.contains(given), "{} shows {given}", exercise.id);
        }
        assert!(!shown.contains(exercise.solution), "{} shows its solution", exercise.id);
    }
}
