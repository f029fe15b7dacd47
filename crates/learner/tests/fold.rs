//! The fold is a function of the set of observations: order of arrival and repetition change nothing.

use chrono::{DateTime, Duration, TimeZone as _, Utc};
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
