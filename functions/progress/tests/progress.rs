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
    struggle::{Activity, Turn},
};
use progress::{Reply, observe, observe::from_answer, observe::from_feedback, observe::from_run, report};
use uuid::Uuid;

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
    let new = from_run(&executed(Some("IndexError")), &[], &[], minute(1));
    assert_eq!((new[0].seq, new[0].topic.as_str(), new[0].correct), (-1, "list-indexing", false));
    assert!(from_run(&executed(Some("IndexError")), &[], &new, minute(2)).is_empty(), "the same run again");
    let fine = from_run(&executed(None), &["sets".to_owned(), "knitting".to_owned()], &[], minute(1));
    assert_eq!(fine.len(), 1);
    assert!(fine[0].correct);
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
