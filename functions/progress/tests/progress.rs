//! From events to what is known, and what the student reads of it.

use chrono::{DateTime, Duration, TimeZone as _, Utc};
use learnflow_agent::Question;
use learnflow_events::{
    code::{CodeExecuted, Outcome, PythonError, RunReport},
    payload::{
        AgentResponded, AnsweredBy, FeedbackGiven, Observation, ObservationKind, QuerySubmitted, ResponseType,
    },
};
use learnflow_learner::{
    LearnerState, StoredObservation,
    struggle::{Activity, Run, Turn},
};
use progress::{Reply, observe, observe::from_answer, observe::from_feedback, observe::from_run, report};
use proptest::prelude::*;
use uuid::Uuid;

/// A program that uses a loop.
const LOOP: &str = "for n in (1, 2):\n    print(n)\n";

fn minute(number: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 8, 0, 0).single().expect("a real time") + Duration::minutes(number)
}

fn answered(seq: i64, topic: &str, correct: bool) -> AgentResponded {
    AgentResponded {
        query_id: Uuid::from_u128(seq as u128),
        seq,
        agent_name: "exercise".to_owned(),
        response_text: String::new(),
        response_type: ResponseType::Grading,
        code_examples: Vec::new(),
        processing_time_ms: 1,
        confidence: 1.0,
        reasoning: String::new(),
        answered_by: AnsweredBy::Authored,
        evidence: serde_json::Value::Null,
        topics: vec![topic.to_owned()],
        observations: vec![Observation { topic: topic.to_owned(), kind: ObservationKind::Exercise, correct }],
        concept: None,
        hint_tier: None,
        model: None,
    }
}

fn history(topics: &[(&str, bool)]) -> Vec<StoredObservation> {
    (1..)
        .zip(topics)
        .flat_map(|(seq, (topic, ok))| from_answer(&answered(seq, topic, *ok), minute(seq)))
        .collect()
}

fn executed(error: Option<&str>) -> CodeExecuted {
    CodeExecuted {
        run_id: Uuid::from_u128(77),
        report: RunReport {
            outcome: if error.is_some() { Outcome::Raised } else { Outcome::Ok },
            exit_code: 0,
            stdout: String::new(),
            stderr: String::new(),
            error: error.map(|kind| PythonError {
                kind: kind.to_owned(),
                message: String::new(),
                line: None,
                file: String::new(),
                explanation: String::new(),
                parts: Default::default(),
                traceback: String::new(),
            }),
            duration_us: 1,
            memory_bytes: 0,
            fuel_used: None,
            trace: None,
            receipt: None,
        },
    }
}

#[test]
fn a_solved_exercise_raises_mastery_and_replies_with_it() {
    let new = from_answer(&answered(1, "for-loops", true), minute(1));
    let change = observe(&[], new, &Activity::default(), minute(1));
    let Some(Reply::Mastery(updated)) = change.reply() else { panic!("{:?}", change.reply()) };
    assert_eq!(updated.query_id, Some(Uuid::from_u128(1)));
    assert_eq!(updated.changes[0].topic, "for-loops");
    assert!(updated.changes[0].now > updated.changes[0].before);
    assert_eq!(updated.achievements, ["first-exercise"]);
}

#[test]
fn a_redelivered_answer_changes_nothing() {
    let stored = history(&[("lists", true)]);
    let again = from_answer(&answered(1, "lists", true), minute(9));
    let change = observe(&stored, again, &Activity::default(), minute(9));
    assert!(change.insert.is_empty());
    assert_eq!(change.reply(), None);
    assert_eq!(change.state, LearnerState::fold(&stored));
}

#[test]
fn topics_that_the_curriculum_does_not_have_are_left_out() {
    assert!(from_answer(&answered(1, "knitting", true), minute(1)).is_empty());
}

#[test]
fn a_failed_run_speaks_against_the_topic_of_its_error_once() {
    let new = from_run(&executed(Some("IndexError")), "", minute(1));
    assert_eq!((new.len(), new[0].topic.as_str(), new[0].correct), (1, "list-indexing", false));
    let other = from_run(&CodeExecuted { run_id: Uuid::from_u128(78), ..executed(None) }, LOOP, minute(1));
    assert!(new[0].seq < 0 && other[0].seq < 0 && new[0].seq != other[0].seq, "{new:?} {other:?}");
    let change = observe(
        &new,
        from_run(&executed(Some("IndexError")), "", minute(2)),
        &Activity::default(),
        minute(2),
    );
    assert!(change.insert.is_empty(), "the same run again");
}

#[test]
fn two_agents_that_answer_a_turn_do_not_take_each_others_place() {
    let debug = AgentResponded { agent_name: "debug".to_owned(), ..answered(1, "list-indexing", false) };
    let concepts = AgentResponded { agent_name: "concepts".to_owned(), ..answered(1, "lists", false) };
    let stored = from_answer(&debug, minute(1));
    let change = observe(&stored, from_answer(&concepts, minute(2)), &Activity::default(), minute(2));
    assert_eq!(change.insert.len(), 1);
    assert_eq!(change.state.topics_covered(), ["lists", "list-indexing"]);
}

#[test]
fn a_program_that_ran_speaks_for_what_its_main_part_uses() {
    let seen = from_run(&executed(None), LOOP, minute(1));
    assert_eq!(
        seen.iter().map(|seen| (seen.topic.as_str(), seen.correct)).collect::<Vec<_>>(),
        [("for-loops", true)]
    );
    assert!(from_run(&executed(None), "", minute(1)).is_empty(), "its text is not known");
    let failed = from_run(&executed(Some("NoSuchError")), LOOP, minute(1));
    assert!(failed.is_empty(), "it ran into something that the curriculum does not have");
}

#[test]
fn what_is_folded_first_is_what_is_stored() {
    let at = minute(1) + Duration::nanoseconds(1_234_567);
    let stored = minute(1) + Duration::microseconds(1_234);
    assert_eq!(from_run(&executed(Some("IndexError")), "", at)[0].observed_at, stored);
    assert_eq!(from_answer(&answered(1, "lists", true), at)[0].observed_at, stored);
    let poor = FeedbackGiven { query_id: Uuid::from_u128(3), helpful: false, rating: None, comment: None };
    assert_eq!(from_feedback(&poor, 3, &["sets".to_owned()], at)[0].observed_at, stored);
}

/// Something that happened to a student.
#[derive(Clone, Debug)]
enum Happened {
    Answered(i64, &'static str, bool),
    Ran(u128, Option<&'static str>),
    Rated(i64),
}

impl Happened {
    fn observations(&self, at: DateTime<Utc>) -> Vec<StoredObservation> {
        match self {
            Self::Answered(seq, topic, correct) => from_answer(&answered(*seq, topic, *correct), at),
            Self::Ran(number, error) => {
                let executed = CodeExecuted { run_id: Uuid::from_u128(*number), ..executed(*error) };
                from_run(&executed, LOOP, at)
            }
            Self::Rated(seq) => {
                let query_id = Uuid::from_u128(*seq as u128);
                let feedback = FeedbackGiven { query_id, helpful: false, rating: None, comment: None };
                from_feedback(&feedback, *seq, &["lists".to_owned()], at)
            }
        }
    }
}

/// What a student does, one thing after the other: turns are numbered as they come, runs by chance.
fn happened() -> impl Strategy<Value = Vec<(Happened, DateTime<Utc>)>> {
    let topic = || prop::sample::select(vec!["for-loops", "lists", "list-indexing", "while-loops"]);
    let error = prop::sample::select(vec![None, Some("IndexError"), Some("TypeError")]);
    let one = (0..3, topic(), any::<bool>(), any::<u128>(), error, 0i64..2_000);
    prop::collection::vec(one, 1..30).prop_map(|all| {
        let (mut seq, mut at) = (0, minute(0));
        let mut happened = Vec::new();
        for (what, topic, correct, number, error, pause) in all {
            at += Duration::minutes(pause);
            let what = match what {
                0 => {
                    seq += 1;
                    Happened::Answered(seq, topic, correct)
                }
                1 if seq > 0 => Happened::Rated(seq),
                _ => Happened::Ran(number, error),
            };
            happened.push((what, at));
        }
        happened
    })
}

/// What is stored, in no order, and the state after events that arrive one by one.
fn learnt<'a>(
    events: impl IntoIterator<Item = &'a (Happened, DateTime<Utc>)>,
) -> (Vec<String>, LearnerState) {
    let mut stored: Vec<StoredObservation> = Vec::new();
    let mut state = LearnerState::default();
    for (what, at) in events {
        let change = observe(&stored, what.observations(*at), &Activity::default(), *at);
        // As commit_learning does.
        stored.retain(|old| change.insert.iter().all(|new| (new.seq, new.place) != (old.seq, old.place)));
        stored.extend(change.insert);
        state = change.state;
    }
    let mut stored: Vec<String> = stored.iter().map(|observation| format!("{observation:?}")).collect();
    stored.sort();
    (stored, state)
}

proptest! {
    #[test]
    fn turns_and_runs_may_arrive_in_any_order_and_again(
        (in_order, arriving) in happened().prop_flat_map(|events| {
            let mut twice = events.clone();
            twice.extend(events.iter().step_by(2).cloned());
            (Just(events), Just(twice).prop_shuffle())
        })
    ) {
        prop_assert_eq!(learnt(&in_order), learnt(&arriving));
    }
}

#[test]
fn a_failed_run_after_long_success_lowers_mastery() {
    let stored = history(&[("list-indexing", true), ("list-indexing", true), ("list-indexing", true)]);
    let later = minute(0) + Duration::days(60);
    let change =
        observe(&stored, from_run(&executed(Some("IndexError")), "", later), &Activity::default(), later);
    let faded = LearnerState::fold(&stored).mastery_at(later)["list-indexing"];
    assert!(change.state.mastery()["list-indexing"] < faded);
}

#[test]
fn only_feedback_that_an_answer_did_not_help_is_an_observation() {
    let feedback =
        |helpful, rating| FeedbackGiven { query_id: Uuid::from_u128(3), helpful, rating, comment: None };
    let topics = ["sets".to_owned()];
    assert!(from_feedback(&feedback(true, None), 3, &topics, minute(1)).is_empty());
    assert_eq!(from_feedback(&feedback(true, Some(1)), 3, &topics, minute(1)).len(), 1);
    assert!(!from_feedback(&feedback(false, None), 3, &topics, minute(1))[0].correct);
}

#[test]
fn being_stuck_is_more_urgent_than_a_number() {
    let turns = (1..=3)
        .map(|n| Turn {
            query_id: Uuid::from_u128(n),
            topics: vec!["recursion".to_owned()],
            agent: "concepts".to_owned(),
            passed: None,
            asked_at: minute(n as i64),
        })
        .collect();
    let activity = Activity { turns, ..Activity::default() };
    let change = observe(&[], from_answer(&answered(3, "recursion", false), minute(3)), &activity, minute(3));
    let Some(Reply::Struggling(alert)) = change.reply() else { panic!("{:?}", change.reply()) };
    assert_eq!(alert.topic, "recursion");
    assert_eq!(alert.turns.len(), 3);
    assert!(change.mastery_updated.is_some());
}

#[test]
fn every_alert_that_is_opened_is_told() {
    let runs = (1..=5)
        .map(|n| Run {
            run_id: Uuid::from_u128(100 + n),
            query_id: None,
            error: Some("IndexError".to_owned()),
            ran_at: minute(n as i64),
        })
        .collect();
    let turns = (1..=3)
        .map(|n| Turn {
            query_id: Uuid::from_u128(n),
            topics: vec!["recursion".to_owned()],
            agent: "debug".to_owned(),
            passed: None,
            asked_at: minute(n as i64),
        })
        .collect();
    let mut activity = Activity { turns, runs, ..Activity::default() };
    let mut told = Vec::new();
    while told.len() < 3 {
        let change = observe(&[], Vec::new(), &activity, minute(5));
        let (Some(alert), Some(Reply::Struggling(event))) = (&change.alert, change.reply()) else { break };
        assert_eq!(
            (&alert.topic, &alert.turns, &alert.runs),
            (&event.topic, &event.turns, &event.runs),
            "the event has all of the evidence"
        );
        activity.open_alerts.push((alert.topic.clone(), alert.cause.as_str().to_owned()));
        told.push(event.topic);
    }
    assert_eq!(told, ["recursion", "list-indexing"]);
}

fn written(observations: &[StoredObservation], text: &str, at: DateTime<Utc>) -> String {
    let query = QuerySubmitted { query_text: text.to_owned(), ..QuerySubmitted::default() };
    let question = Question { query, ..Question::default() };
    report(&question, &LearnerState::fold(observations), at).text
}

#[test]
fn a_report_on_nothing_is_honest() {
    insta::assert_snapshot!(written(&[], "how am I doing?", minute(0)));
}

#[test]
fn a_report_names_strengths_growth_and_what_is_next() {
    let seen = history(&[
        ("print", true),
        ("print", true),
        ("print", true),
        ("variables", true),
        ("variables", true),
        ("variables", true),
        ("for-loops", true),
        ("for-loops", true),
        ("while-loops", false),
        ("while-loops", false),
        ("while-loops", false),
    ]);
    insta::assert_snapshot!(written(&seen, "how am I doing with while loops?", minute(60)));
}

#[test]
fn what_was_learnt_long_ago_is_recommended_for_review() {
    let seen = history(&[("sets", true), ("sets", true), ("sets", true)]);
    let text = written(&seen, "progress", minute(0) + Duration::days(200));
    assert!(text.contains("It has been a while since “Sets”"), "{text}");
}
