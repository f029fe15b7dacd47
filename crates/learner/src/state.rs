//! The fold of everything seen of a student into one state.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use learnflow_agent::{LearningStyle, SkillLevel};
use learnflow_events::payload::{MasteryChange, ObservationKind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    achievement,
    curriculum::{self, Topic},
    parameters::{ADVANCED_TOPICS, INHERITED, INTERMEDIATE_TOPICS, MASTERED, PRIOR, STRUGGLE_LOOKBACK, WEAK},
    tracing::Knowledge,
};

/// A row of the table `observations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredObservation {
    /// The turn's number; negative for what happened outside turns, where it is made of the run's id.
    pub seq: i64,
    /// The observation's place in the turn.
    pub place: i16,
    /// A topic id of the curriculum.
    pub topic: String,
    /// What was seen.
    pub kind: ObservationKind,
    /// Whether it speaks for the student knowing the topic.
    pub correct: bool,
    /// The turn.
    #[serde(default)]
    pub query_id: Option<Uuid>,
    /// When it was seen, by the clock of whoever sent the event.
    pub observed_at: DateTime<Utc>,
}

impl StoredObservation {
    /// What makes an observation the same one when it comes again.
    fn id(&self) -> (i64, i16) {
        (self.seq, self.place)
    }
}

/// What is known about a student. A pure function of the set of observations: their order of arrival and
/// repetitions change nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LearnerState {
    /// By topic id; only topics that something was seen of.
    pub knowledge: BTreeMap<String, Knowledge>,
    /// Achievement ids in the order in which they were reached.
    pub achievements: Vec<String>,
    /// Topics whose latest evidence is mostly failure.
    pub struggle_topics: Vec<String>,
    /// How the student seems to learn; absent until there is evidence.
    pub learning_style: Option<LearningStyle>,
    /// Time of the newest observation: what the state is as of.
    pub as_of: Option<DateTime<Utc>>,
}

impl LearnerState {
    /// Folds observations in the order of time, turns and runs alike. Repeated (seq, place) pairs count once.
    pub fn fold(observations: &[StoredObservation]) -> Self {
        let mut ordered = in_order_of_time(observations);
        keep_telling_runs(&mut ordered);
        let mut state = Self { as_of: ordered.iter().map(|o| o.observed_at).max(), ..Self::default() };
        let mut tally = achievement::Tally::default();
        for observation in &ordered {
            let knowledge = state
                .knowledge
                .entry(observation.topic.clone())
                .or_insert_with(|| Knowledge::new(observation.observed_at));
            knowledge.observe(observation.kind, observation.correct, observation.observed_at);
            tally.observe(observation, knowledge);
        }
        state.achievements = tally.reached;
        state.struggle_topics = struggle_topics(&ordered, &state);
        state.learning_style = learning_style(&ordered);
        state
    }

    /// Mastery of every observed topic at a time, 0 to 1: the column `mastery_levels`.
    pub fn mastery_at(&self, time: DateTime<Utc>) -> BTreeMap<String, f64> {
        self.knowledge
            .iter()
            .map(|(topic, knowledge)| (topic.clone(), (knowledge.at(time) * 1e4).round() / 1e4))
            .collect()
    }

    /// [`LearnerState::mastery_at`] the newest observation: what is stored, since it depends on nothing else.
    pub fn mastery(&self) -> BTreeMap<String, f64> {
        self.as_of.map(|time| self.mastery_at(time)).unwrap_or_default()
    }

    /// Observed topics in teaching order: the column `topics_covered`.
    pub fn topics_covered(&self) -> Vec<String> {
        let mut topics: Vec<String> = self.knowledge.keys().cloned().collect();
        topics.sort_by_key(|topic| curriculum::position(topic));
        topics
    }

    /// How far the student is, as of the newest observation.
    pub fn skill_level(&self) -> SkillLevel {
        skill_level(&self.mastery())
    }

    /// Rows of the table `progress`: module, topic, mastery in percent, attempts.
    pub fn progress_rows(&self) -> Vec<(&'static str, &'static str, u8, u32)> {
        let mastery = self.mastery();
        curriculum::topics()
            .filter_map(|topic| {
                let knowledge = self.knowledge.get(topic.id)?;
                Some((topic.module, topic.id, percent(mastery[topic.id]), knowledge.attempts))
            })
            .collect()
    }

    /// What changed from `before` to this state, topic by topic in teaching order; unchanged topics are left out.
    pub fn changes_since(&self, before: &Self) -> Vec<MasteryChange> {
        let (old, new) = (before.mastery(), self.mastery());
        self.topics_covered()
            .into_iter()
            .map(|topic| MasteryChange {
                before: old.get(&topic).copied().unwrap_or(PRIOR),
                now: new[&topic],
                topic,
            })
            .filter(|change| (change.now - change.before).abs() >= 1e-4)
            .collect()
    }
}

/// A probability as a whole percentage.
pub fn percent(probability: f64) -> u8 {
    (probability.clamp(0.0, 1.0) * 100.0).round() as u8
}

/// Mastery of every topic, own or inherited: who has mastered what builds on a topic is taken to know it as well.
pub fn effective_mastery(mastery: &BTreeMap<String, f64>) -> BTreeMap<&'static str, f64> {
    let own = |topic: &str| mastery.get(topic).copied();
    let mut effective: BTreeMap<&'static str, f64> =
        curriculum::topics().map(|topic| (topic.id, own(topic.id).unwrap_or(PRIOR))).collect();
    // Values only rise and every step up shrinks them, so this ends after as many rounds as the longest chain.
    loop {
        let mut changed = false;
        for topic in curriculum::topics() {
            let inherited = INHERITED * effective[topic.id];
            for prerequisite in topic.prerequisites {
                // Direct evidence of not knowing wins over what other topics suggest.
                let open = own(prerequisite).is_none_or(|own| own >= WEAK);
                if open && inherited > effective[prerequisite] {
                    effective.insert(prerequisite, inherited);
                    changed = true;
                }
            }
        }
        if !changed {
            return effective;
        }
    }
}

/// How far somebody with this mastery is.
pub fn skill_level(mastery: &BTreeMap<String, f64>) -> SkillLevel {
    let known =
        effective_mastery(mastery).into_values().filter(|known| *known >= MASTERED * INHERITED).count();
    match known {
        n if n >= ADVANCED_TOPICS => SkillLevel::Advanced,
        n if n >= INTERMEDIATE_TOPICS => SkillLevel::Intermediate,
        _ => SkillLevel::Beginner,
    }
}

/// Mastered topics, best first.
pub fn strengths(mastery: &BTreeMap<String, f64>) -> Vec<&'static Topic> {
    by_mastery(mastery, |probability| probability >= MASTERED, |a, b| b.total_cmp(&a))
}

/// Observed topics that are weak, weakest first.
pub fn growth_areas(mastery: &BTreeMap<String, f64>) -> Vec<&'static Topic> {
    by_mastery(mastery, |probability| probability < WEAK, |a, b| a.total_cmp(&b))
}

fn by_mastery(
    mastery: &BTreeMap<String, f64>,
    keep: impl Fn(f64) -> bool,
    order: impl Fn(f64, f64) -> std::cmp::Ordering,
) -> Vec<&'static Topic> {
    let mut topics: Vec<(&Topic, f64)> = curriculum::topics()
        .filter_map(|topic| Some((topic, *mastery.get(topic.id)?)))
        .filter(|(_, probability)| keep(*probability))
        .collect();
    topics.sort_by(|a, b| order(a.1, b.1));
    topics.into_iter().map(|(topic, _)| topic).collect()
}

fn struggle_topics(ordered: &[&StoredObservation], state: &LearnerState) -> Vec<String> {
    let mastery = state.mastery();
    state
        .topics_covered()
        .into_iter()
        .filter(|topic| {
            let recent: Vec<bool> = ordered
                .iter()
                .rev()
                // Questions are no failures.
                .filter(|o| o.topic == *topic && o.kind != ObservationKind::Question)
                .take(STRUGGLE_LOOKBACK)
                .map(|o| o.correct)
                .collect();
            let failures = recent.iter().filter(|correct| !**correct).count();
            failures >= 3 && failures * 2 > recent.len() && mastery[topic] < WEAK
        })
        .collect()
}

/// Each observation once, the earliest first. What was seen at the same time is in the order of its numbers.
fn in_order_of_time(observations: &[StoredObservation]) -> Vec<&StoredObservation> {
    let mut ordered: Vec<&StoredObservation> = observations.iter().collect();
    // The whole row takes part in the order, so that even contradicting repeats give one result.
    ordered.sort_by(|a, b| {
        (a.id(), a.observed_at, &a.topic, a.kind as u8, a.correct).cmp(&(
            b.id(),
            b.observed_at,
            &b.topic,
            b.kind as u8,
            b.correct,
        ))
    });
    ordered.dedup_by_key(|observation| observation.id());
    ordered.sort_by_key(|observation| (observation.observed_at, observation.id()));
    ordered
}

/// Leaves out programs that ran and say nothing new. That a program ended well is a weak sign, and many are run: only
/// the first of a day counts for a topic, and only when the topic was met in another way before, so that one loop that
/// ran does not make somebody who was never asked about loops a beginner in them. (`learner_record` in
/// migrations/0049_learner.sql leaves out the others of a day, too.)
fn keep_telling_runs(ordered: &mut Vec<&StoredObservation>) {
    let (mut met, mut ran) = (BTreeSet::new(), BTreeSet::new());
    ordered.retain(|observation| {
        let topic = observation.topic.as_str();
        if observation.kind == ObservationKind::Run && observation.correct {
            let first = ran.insert((topic, observation.observed_at.date_naive()));
            return first && met.contains(topic);
        }
        met.insert(topic);
        true
    });
}

/// Somebody who tries things out far more often than asking learns from examples. An occasion counts once, however
/// many topics it showed.
fn learning_style(ordered: &[&StoredObservation]) -> Option<LearningStyle> {
    let occasions = |asked: bool| -> usize {
        let of_kind = ordered.iter().filter(|o| (o.kind == ObservationKind::Question) == asked);
        of_kind.map(|o| o.seq).collect::<BTreeSet<i64>>().len()
    };
    let (asked, tried) = (occasions(true), occasions(false));
    match (asked, tried) {
        (asked, tried) if asked + tried < 12 => None,
        (asked, tried) if tried >= 3 * asked => Some(LearningStyle::ExampleDriven),
        (asked, tried) if asked >= 2 * tried => Some(LearningStyle::StepByStep),
        _ => None,
    }
}
