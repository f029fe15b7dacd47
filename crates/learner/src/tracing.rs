//! Bayesian knowledge tracing of one topic, with forgetting.

use chrono::{DateTime, Utc};
use learnflow_events::payload::ObservationKind;
use serde::{Deserialize, Serialize};

use crate::parameters::{self, HALF_LIFE_DAYS, LONGEST_HALF_LIFE_DAYS, PRIOR, RUN_CEILING};

const DAY_S: f64 = 86_400.0;

/// What is known about a student's knowledge of one topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Knowledge {
    /// Probability that the topic was known at [`Knowledge::seen_at`], 0 to 1.
    pub probability: f64,
    /// When it was last observed.
    pub seen_at: DateTime<Utc>,
    /// Observations so far.
    pub attempts: u32,
    /// Those that spoke for knowing it.
    pub successes: u32,
    /// Successes that took more than running a program: what makes knowledge last.
    pub recalls: u32,
}

impl Knowledge {
    /// Nothing is known yet.
    pub fn new(at: DateTime<Utc>) -> Self {
        Self { probability: PRIOR, seen_at: at, attempts: 0, successes: 0, recalls: 0 }
    }

    /// The probability at a later time: what was learnt above the prior fades with a half-life that each
    /// recall doubles. Times before the last observation give the probability as it was then.
    pub fn at(&self, time: DateTime<Utc>) -> f64 {
        let days = (time - self.seen_at).num_seconds().max(0) as f64 / DAY_S;
        let half_life = (HALF_LIFE_DAYS * 2f64.powi(self.recalls.min(30) as i32)).min(LONGEST_HALF_LIFE_DAYS);
        // A probability below the prior is evidence of not knowing, and does not grow by waiting.
        if self.probability <= PRIOR {
            return self.probability;
        }
        PRIOR + (self.probability - PRIOR) * (-days / half_life).exp2()
    }

    /// Takes in one observation: first the time since the last one, then Bayes' rule, then learning. Observations come
    /// in order of time, since none before the last one is forgotten again.
    pub fn observe(&mut self, kind: ObservationKind, correct: bool, at: DateTime<Utc>) {
        let evidence = parameters::evidence(kind);
        let known = self.at(at);
        let (if_known, if_unknown) = if correct {
            (1.0 - evidence.slip, evidence.guess)
        } else {
            (evidence.slip, 1.0 - evidence.guess)
        };
        let posterior = known * if_known / (known * if_known + (1.0 - known) * if_unknown);
        let learnt = posterior + (1.0 - posterior) * evidence.learn;
        let ran = correct && kind == ObservationKind::Run;
        self.probability = if ran { learnt.min(known.max(RUN_CEILING)) } else { learnt };
        self.seen_at = self.seen_at.max(at);
        self.attempts += 1;
        self.successes += u32::from(correct);
        self.recalls += u32::from(correct && !ran);
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone as _};

    use super::*;

    fn noon() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 3, 2, 12, 0, 0).single().expect("a real time")
    }

    fn solved(times: usize) -> Knowledge {
        let mut knowledge = Knowledge::new(noon());
        for _ in 0..times {
            knowledge.observe(ObservationKind::Exercise, true, noon());
        }
        knowledge
    }

    #[test]
    fn one_correct_exercise_moves_as_the_formula_says() {
        // 0.15·0.9 / (0.15·0.9 + 0.85·0.18) = 0.46875; plus 0.12 of the rest.
        assert!((solved(1).probability - 0.5325).abs() < 1e-12);
    }

    #[test]
    fn three_solved_exercises_are_mastery_and_a_failure_takes_some_back() {
        let mut knowledge = solved(3);
        assert!(knowledge.probability > parameters::MASTERED);
        let before = knowledge.probability;
        knowledge.observe(ObservationKind::Exercise, false, noon());
        assert!(knowledge.probability < before);
    }

    #[test]
    fn asking_costs_next_to_nothing() {
        let mut knowledge = solved(2);
        let before = knowledge.probability;
        knowledge.observe(ObservationKind::Question, false, noon());
        assert!((knowledge.probability - before).abs() < 0.05);
    }

    #[test]
    fn programs_that_ran_never_make_a_topic_one_to_build_on() {
        let mut knowledge = Knowledge::new(noon());
        knowledge.observe(ObservationKind::Question, false, noon());
        let asked = knowledge.probability;
        for day in 0..50 {
            knowledge.observe(ObservationKind::Run, true, noon() + Duration::days(day));
        }
        assert!(knowledge.probability > asked && knowledge.probability < parameters::READY);
        assert_eq!((knowledge.successes, knowledge.recalls), (50, 0), "and they do not make it last");
        let mut mastered = solved(4);
        let before = mastered.probability;
        mastered.observe(ObservationKind::Run, true, noon());
        assert!((mastered.probability - before).abs() < 1e-12, "what is known better stays");
    }

    #[test]
    fn knowledge_fades_more_slowly_after_more_successes() {
        let later = noon() + Duration::days(40);
        let (once, often) = (solved(1), solved(5));
        assert!((once.at(later) - PRIOR) / (once.probability - PRIOR) < 0.3);
        assert!((often.at(later) - PRIOR) / (often.probability - PRIOR) > 0.9);
        assert_eq!(once.at(noon() - Duration::days(1)), once.probability);
    }
}
