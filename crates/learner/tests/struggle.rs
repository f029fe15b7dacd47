//! Each struggle rule fires at its threshold, not before, and not while its alert is open.

use chrono::{DateTime, Duration, TimeZone as _, Utc};
use learnflow_events::payload::StruggleLevel;
use learnflow_learner::{
    parameters::{
        GONE_S, SAME_ERROR_RUNS, SAME_TOPIC_TURNS, SAME_TOPIC_WINDOW_S, STALLED_ATTEMPTS, STILLNESS_S,
    },
    struggle::{Activity, Attempt, Cause, OpenExercise, Run, Turn, detect},
};
use uuid::Uuid;

fn minute(number: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 8, 0, 0).single().expect("a real time") + Duration::minutes(number)
}

fn turn(number: u128, at: i64) -> Turn {
    Turn {
        query_id: Uuid::from_u128(number),
        topics: vec!["for-loops".to_owned()],
        agent: "concepts".to_owned(),
        passed: None,
        asked_at: minute(at),
    }
}

fn run(number: u128, error: Option<&str>) -> Run {
    Run {
        run_id: Uuid::from_u128(number),
        query_id: None,
        error: error.map(str::to_owned),
        ran_at: minute(number as i64),
    }
}

fn attempt(number: u128, tests_passed: u32) -> Attempt {
    Attempt {
        exercise_id: "sum-of-evens".to_owned(),
        topic: "accumulators".to_owned(),
        query_id: Some(Uuid::from_u128(number)),
        tests_passed,
        tests_total: 8,
        submitted_at: minute(number as i64),
    }
}

#[test]
fn the_same_topic_three_times_in_ten_minutes() {
    let turns: Vec<Turn> = (0..SAME_TOPIC_TURNS as u128).map(|n| turn(n, 3 * n as i64)).collect();
    let activity = Activity { turns, ..Activity::default() };
    let alerts = detect(&activity, minute(7));
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].cause, alerts[0].level), (Cause::SameTopic, StruggleLevel::Medium));
    assert_eq!(alerts[0].topic, "for-loops");
    assert_eq!(alerts[0].turns.len(), 3);
    let last_moment = minute(0) + Duration::seconds(SAME_TOPIC_WINDOW_S);
    assert_eq!(detect(&activity, last_moment).len(), 1);
    assert!(
        detect(&activity, last_moment + Duration::seconds(1)).is_empty(),
        "the first turn is out of the window"
    );

    let twice = Activity { turns: vec![turn(1, 0), turn(1, 0), turn(2, 1)], ..Activity::default() };
    assert!(detect(&twice, minute(2)).is_empty(), "a repeated turn counts once");

    let many: Vec<Turn> = (0..2 * SAME_TOPIC_TURNS as u128).map(|n| turn(n, 1)).collect();
    assert_eq!(
        detect(&Activity { turns: many, ..Activity::default() }, minute(2))[0].level,
        StruggleLevel::High
    );
}

#[test]
fn only_turns_that_show_difficulty_count() {
    let by = |number: u128, agent: &str, passed: Option<bool>| Turn {
        agent: agent.to_owned(),
        passed,
        topics: vec!["accumulators".to_owned(), "for-loops".to_owned()],
        ..turn(number, number as i64)
    };
    let alerts = |turns: Vec<Turn>| detect(&Activity { turns, ..Activity::default() }, minute(8));
    // A task, a hint, a look at one's progress, a review, a run, and the right solution.
    let at_work = vec![
        by(1, "exercise", None),
        by(2, "exercise", None),
        by(3, "progress", None),
        by(4, "code-review", None),
        by(5, "code-runner", None),
        by(6, "exercise", Some(true)),
    ];
    assert!(alerts(at_work.clone()).is_empty(), "{:?}", alerts(at_work));

    // A failed submission speaks about the main topic only: the others may be fine.
    let failed: Vec<Turn> = (0..3).map(|number| by(number, "exercise", Some(false))).collect();
    let found = alerts(failed);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].topic, "accumulators");
    assert!(found[0].context.starts_with("3 failed submissions on “"), "{}", found[0].context);

    let mixed =
        vec![by(0, "debug", None), by(1, "concepts", None), by(2, "exercise", Some(false)), turn(9, 3)];
    let found = alerts(mixed);
    assert_eq!(found.len(), 2, "{found:?}");
    let about = |topic: &str| &found.iter().find(|alert| alert.topic == topic).expect("an alert").context;
    assert!(about("accumulators").starts_with("2 questions about and 1 failed submission on “"), "{found:?}");
    assert!(about("for-loops").starts_with("3 questions about “"), "{found:?}");
}

#[test]
fn an_open_alert_is_not_raised_again() {
    let turns: Vec<Turn> = (0..4).map(|n| turn(n, n as i64)).collect();
    let mut activity = Activity { turns, ..Activity::default() };
    assert_eq!(detect(&activity, minute(4)).len(), 1);
    activity.open_alerts = vec![("for-loops".to_owned(), "same-topic".to_owned())];
    assert!(detect(&activity, minute(4)).is_empty());
}

#[test]
fn the_same_error_five_runs_in_a_row() {
    let mut runs: Vec<Run> = (1..SAME_ERROR_RUNS as u128).map(|n| run(n, Some("IndexError"))).collect();
    assert!(detect(&Activity { runs: runs.clone(), ..Activity::default() }, minute(60)).is_empty());
    runs.push(run(50, Some("IndexError")));
    runs.reverse();
    let alerts = detect(&Activity { runs: runs.clone(), ..Activity::default() }, minute(60));
    assert_eq!((alerts[0].cause, alerts[0].topic.as_str()), (Cause::SameError, "list-indexing"));
    assert_eq!(alerts[0].runs.len(), SAME_ERROR_RUNS);
    runs.push(run(51, None));
    assert!(
        detect(&Activity { runs, ..Activity::default() }, minute(60)).is_empty(),
        "the last run was fine"
    );
}

#[test]
fn attempts_without_progress() {
    // The first one sets the mark that the others do not pass.
    let mut stalled: Vec<Attempt> = (0..STALLED_ATTEMPTS as u128).map(|n| attempt(n, 3)).collect();
    assert!(detect(&Activity { attempts: stalled.clone(), ..Activity::default() }, minute(5)).is_empty());
    stalled.push(attempt(STALLED_ATTEMPTS as u128, 3));
    let alerts = detect(&Activity { attempts: stalled.clone(), ..Activity::default() }, minute(5));
    assert_eq!((alerts[0].cause, alerts[0].topic.as_str()), (Cause::NoProgress, "accumulators"));
    let better: Vec<Attempt> = (0..=STALLED_ATTEMPTS as u128).map(|n| attempt(n, n as u32)).collect();
    assert!(detect(&Activity { attempts: better, ..Activity::default() }, minute(5)).is_empty());
    stalled.push(attempt(50, 8));
    assert!(
        detect(&Activity { attempts: stalled, ..Activity::default() }, minute(60)).is_empty(),
        "the exercise is solved"
    );
}

#[test]
fn stillness_inside_an_exercise_but_not_after_school() {
    let open_exercise = Some(OpenExercise {
        exercise_id: "sum-of-evens".to_owned(),
        topic: "accumulators".to_owned(),
        touched_at: minute(0),
    });
    let activity = Activity { open_exercise, ..Activity::default() };
    let after = |seconds: i64| detect(&activity, minute(0) + Duration::seconds(seconds));
    assert!(after(STILLNESS_S - 1).is_empty());
    assert_eq!(after(STILLNESS_S)[0].cause, Cause::Stillness);
    assert_eq!(after(GONE_S - 1)[0].cause, Cause::Stillness);
    assert!(after(GONE_S).is_empty());
}
