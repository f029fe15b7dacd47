//! The fold is a function of the set of observations: order of arrival and repetition change nothing.

use chrono::{DateTime, Duration, TimeZone as _, Utc};
use learnflow_agent::LearningStyle;
use learnflow_events::payload::ObservationKind;
use learnflow_learner::{LearnerState, StoredObservation, curriculum, parameters, state};
use proptest::prelude::*;

fn day(number: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 8, 0, 0).single().expect("a real time") + Duration::days(number)
}

fn exercise(seq: i64, topic: &str, correct: bool) -> StoredObservation {
    StoredObservation {
        seq,
        place: 0,
        topic: topic.to_owned(),
        kind: ObservationKind::Exercise,
        correct,
        query_id: None,
        observed_at: day(seq),
    }
}

/// A run outside turns; its number says nothing about when it was.
fn run(number: i64, topic: &str, correct: bool, on: i64) -> StoredObservation {
    StoredObservation {
        kind: ObservationKind::Run,
        seq: -number,
        observed_at: day(on),
        ..exercise(number, topic, correct)
    }
}

fn any_observation() -> impl Strategy<Value = StoredObservation> {
    let topics: Vec<&'static str> = curriculum::topics().map(|topic| topic.id).take(12).collect();
    let kinds =
        [ObservationKind::Question, ObservationKind::Run, ObservationKind::Review, ObservationKind::Exercise];
    (
        -6i64..12,
        0i16..3,
        prop::sample::select(topics),
        prop::sample::select(kinds.to_vec()),
        any::<bool>(),
        0i64..90,
    )
        .prop_map(|(seq, place, topic, kind, correct, on)| StoredObservation {
            seq,
            place,
            topic: topic.to_owned(),
            kind,
            correct,
            query_id: None,
            observed_at: day(on),
        })
}

proptest! {
    #[test]
    fn disorder_and_duplicates_change_nothing(
        (observations, shuffled) in prop::collection::vec(any_observation(), 0..60).prop_flat_map(|seen| {
            let mut twice = seen.clone();
            twice.extend(seen.iter().take(seen.len() / 2).cloned());
            (Just(seen), Just(twice).prop_shuffle())
        })
    ) {
        prop_assert_eq!(LearnerState::fold(&observations), LearnerState::fold(&shuffled));
    }

    #[test]
    fn a_failing_run_raises_nothing_above_what_a_stranger_knows(
        before in prop::collection::vec(any_observation(), 0..60),
        number in 7i64..1000,
        topic in prop::sample::select(curriculum::topics().map(|topic| topic.id).take(12).collect::<Vec<_>>()),
        at in 90i64..400,
    ) {
        let known = |seen: &[StoredObservation]| {
            LearnerState::fold(seen).mastery_at(day(at)).get(topic).copied().unwrap_or(parameters::PRIOR)
        };
        let mut after = before.clone();
        after.push(run(number, topic, false, at));
        prop_assert!(known(&after) <= known(&before).max(parameters::PRIOR), "{} > {}", known(&after), known(&before));
    }

    #[test]
    fn mastery_is_always_a_probability(observations in prop::collection::vec(any_observation(), 0..60), later in 0i64..2000) {
        let folded = LearnerState::fold(&observations);
        for probability in folded.mastery_at(day(later)).into_values() {
            prop_assert!((0.0..=1.0).contains(&probability));
        }
        for probability in state::effective_mastery(&folded.mastery()).into_values() {
            prop_assert!((0.0..=1.0).contains(&probability));
        }
    }
}

#[test]
fn a_run_takes_its_place_in_time_whatever_its_number() {
    let mut seen: Vec<StoredObservation> = (1..=4).map(|seq| exercise(seq, "for-loops", true)).collect();
    let later = day(300);
    let faded = LearnerState::fold(&seen).mastery_at(later)["for-loops"];
    seen.push(run(1, "for-loops", false, 300));
    let failed = LearnerState::fold(&seen).mastery_at(later)["for-loops"];
    assert!(failed < faded, "a failing run raises mastery from {faded} to {failed}");
    let mut renumbered = seen.clone();
    renumbered[4].seq = -(1 << 60);
    assert_eq!(LearnerState::fold(&renumbered), LearnerState::fold(&seen));
}

#[test]
fn programs_that_ran_count_once_a_day_for_topics_that_were_met() {
    let asked = StoredObservation { kind: ObservationKind::Question, ..exercise(1, "for-loops", false) };
    let fold = |runs: &[StoredObservation]| {
        LearnerState::fold(&runs.iter().chain([&asked]).cloned().collect::<Vec<_>>())
    };
    let once = fold(&[run(1, "for-loops", true, 5)]);
    assert!(once.mastery()["for-loops"] > fold(&[]).mastery()["for-loops"]);
    let often: Vec<StoredObservation> =
        (1..40).map(|number| run(number, "for-loops", true, 5)).chain([run(99, "sets", true, 5)]).collect();
    assert_eq!(fold(&often), once);
    assert!(fold(&[run(1, "for-loops", true, 5), run(2, "for-loops", true, 6)]).mastery() > once.mastery());
    // The first of a day is the one that counts, and it came before the question.
    assert_eq!(fold(&[run(1, "for-loops", true, 0)]), fold(&[]));
}

#[test]
fn a_submission_counts_once_however_many_topics_it_shows() {
    let topics = ["accumulators", "integer-division", "for-loops", "lists", "range"];
    let passed = |seq: i64, correct: bool| {
        topics
            .into_iter()
            .zip(0..)
            .map(move |(topic, place)| StoredObservation { place, ..exercise(seq, topic, correct) })
    };
    let once: Vec<StoredObservation> = passed(1, true).collect();
    assert_eq!(LearnerState::fold(&once).achievements, ["first-exercise"]);
    let mut ten: Vec<StoredObservation> = (1..=9).flat_map(|seq| passed(seq, true)).collect();
    let reached = |seen: &[StoredObservation], id: &str| {
        LearnerState::fold(seen).achievements.iter().any(|reached| reached == id)
    };
    assert!(reached(&ten, "five-in-a-row") && !reached(&ten, "exercises:10"));
    ten.extend(passed(10, true));
    assert!(reached(&ten, "exercises:10"));
    let broken: Vec<StoredObservation> =
        [true, true, false, true, true].into_iter().zip(1..).flat_map(|(ok, seq)| passed(seq, ok)).collect();
    assert!(!reached(&broken, "five-in-a-row"));
}

#[test]
fn a_learning_style_is_seen_from_occasions() {
    let question =
        |seq| StoredObservation { kind: ObservationKind::Question, ..exercise(seq, "for-loops", false) };
    let style = |seen: Vec<StoredObservation>| LearnerState::fold(&seen).learning_style;
    let tries = |count: i64| (1..=count).map(|seq| exercise(seq, "lists", true));
    assert_eq!(style(tries(11).collect()), None, "too little is known");
    assert_eq!(style(tries(12).collect()), Some(LearningStyle::ExampleDriven));
    assert_eq!(style((1..=12).map(question).collect()), Some(LearningStyle::StepByStep));
    assert_eq!(
        style(tries(8).chain((9..=16).map(question)).collect()),
        None,
        "as much of one as of the other"
    );
    // Many topics in few submissions are few occasions.
    let few = |place| tries(4).map(move |passed| StoredObservation { place, ..passed });
    assert_eq!(style((0..6).flat_map(few).collect()), None);
    // So are many runs on one day.
    let met = [question(1)].into_iter();
    assert_eq!(style(met.chain((1..60).map(|number| run(number, "for-loops", true, 5))).collect()), None);
}

#[test]
fn solved_exercises_become_mastery_level_and_achievements() {
    let seen: Vec<StoredObservation> = (0..4).map(|seq| exercise(seq + 1, "for-loops", true)).collect();
    let folded = LearnerState::fold(&seen);
    assert!(folded.mastery()["for-loops"] > parameters::MASTERED);
    assert_eq!(folded.achievements, ["first-exercise", "mastered:for-loops"]);
    assert_eq!(folded.topics_covered(), ["for-loops"]);
    assert_eq!(state::strengths(&folded.mastery())[0].id, "for-loops");
    let (module, topic, mastery, attempts) = folded.progress_rows()[0];
    assert_eq!((module, topic, attempts), ("loops", "for-loops", 4));
    assert!(mastery > 85);
}

#[test]
fn repeated_failures_are_a_struggle_and_giving_on_is_a_comeback() {
    let mut seen: Vec<StoredObservation> = (1..=4).map(|seq| exercise(seq, "while-loops", false)).collect();
    assert_eq!(LearnerState::fold(&seen).struggle_topics, ["while-loops"]);
    assert_eq!(state::growth_areas(&LearnerState::fold(&seen).mastery())[0].id, "while-loops");
    seen.extend((5..=9).map(|seq| exercise(seq, "while-loops", true)));
    let folded = LearnerState::fold(&seen);
    assert!(folded.struggle_topics.is_empty());
    assert!(folded.achievements.contains(&"comeback:while-loops".to_owned()), "{:?}", folded.achievements);
}

#[test]
fn changes_name_only_what_changed() {
    let before = LearnerState::fold(&[exercise(1, "lists", true)]);
    let mut second = exercise(2, "sets", true);
    second.observed_at = day(1);
    let after = LearnerState::fold(&[exercise(1, "lists", true), second]);
    let changes = after.changes_since(&before);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].topic, "sets");
    assert_eq!(changes[0].before, parameters::PRIOR);
    assert!(changes[0].now > changes[0].before);
}

#[test]
fn somebody_who_solves_hard_things_is_not_taught_as_a_beginner() {
    let seen: Vec<StoredObservation> = ["recursive-data", "inheritance", "generators", "csv-files"]
        .iter()
        .flat_map(|topic| std::iter::repeat_n(*topic, 4))
        .enumerate()
        .map(|(at, topic)| StoredObservation { observed_at: day(0), ..exercise(at as i64 + 1, topic, true) })
        .collect();
    assert!(LearnerState::fold(&seen).skill_level() > learnflow_agent::SkillLevel::Beginner);
    assert_eq!(LearnerState::default().skill_level(), learnflow_agent::SkillLevel::Beginner);
}
