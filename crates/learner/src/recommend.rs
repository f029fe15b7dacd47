//! What to learn next.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    curriculum::{self, Topic},
    parameters::{MASTERED, READY},
    state::effective_mastery,
};

/// Why a topic is recommended, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Something went wrong with it, and what it builds on is in place.
    Repair,
    /// It is begun and not yet firm.
    Continue,
    /// It is new, and what it builds on is in place.
    Next,
}

/// A topic to learn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// The topic.
    pub topic: &'static Topic,
    /// Why now.
    pub reason: Reason,
    /// The student's mastery of it, 0 to 1.
    pub mastery: f64,
}

/// Whether everything that a topic builds on is known well enough, by [`effective_mastery`].
pub fn ready(effective: &BTreeMap<&'static str, f64>, topic: &Topic) -> bool {
    topic.prerequisites.iter().all(|prerequisite| effective[prerequisite] >= READY)
}

/// At most `limit` topics, what is urgent first and otherwise in teaching order; a topic never comes before one
/// that it builds on.
pub fn recommend(mastery: &BTreeMap<String, f64>, struggles: &[String], limit: usize) -> Vec<Recommendation> {
    let effective = effective_mastery(mastery);
    let mut found: Vec<Recommendation> = curriculum::topics()
        .filter_map(|topic| {
            let own = effective[topic.id];
            if own >= MASTERED {
                return None;
            }
            let stuck = struggles.iter().any(|struggle| struggle == topic.id);
            let reason = match (stuck, ready(&effective, topic), mastery.contains_key(topic.id)) {
                (true, true, _) => Reason::Repair,
                (false, true, true) => Reason::Continue,
                (false, true, false) if own < READY => Reason::Next,
                _ => return None,
            };
            Some(Recommendation { topic, reason, mastery: own })
        })
        .collect();
    // Struggling with what rests on gaps: the gaps come first, as repairs.
    for struggle in struggles {
        for gap in gaps(&effective, struggle) {
            match found.iter_mut().find(|r| r.topic.id == gap.id) {
                Some(known) => known.reason = Reason::Repair,
                None => found.push(Recommendation {
                    topic: gap,
                    reason: Reason::Repair,
                    mastery: effective[gap.id],
                }),
            }
        }
    }
    found.sort_by_key(|r| (r.reason, curriculum::position(r.topic.id)));
    found.truncate(limit);
    found
}

/// The deepest prerequisites of a topic that are not in place and can be learnt now.
fn gaps(effective: &BTreeMap<&'static str, f64>, topic: &str) -> Vec<&'static Topic> {
    let Some(topic) = curriculum::topic(topic) else { return Vec::new() };
    let mut found = Vec::new();
    for prerequisite in topic.prerequisites {
        if effective[prerequisite] < READY
            && let Some(prerequisite) = curriculum::topic(prerequisite)
        {
            if ready(effective, prerequisite) {
                found.push(prerequisite);
            } else {
                found.extend(gaps(effective, prerequisite.id));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mastery(levels: &[(&str, f64)]) -> BTreeMap<String, f64> {
        levels.iter().map(|(topic, level)| ((*topic).to_owned(), *level)).collect()
    }

    fn ids(found: &[Recommendation]) -> Vec<&'static str> {
        found.iter().map(|r| r.topic.id).collect()
    }

    #[test]
    fn a_new_student_starts_at_the_beginning() {
        assert_eq!(ids(&recommend(&BTreeMap::new(), &[], 3)), ["print"]);
    }

    #[test]
    fn what_is_built_upon_is_taken_as_known() {
        let found = recommend(&mastery(&[("recursion", 0.95)]), &[], 40);
        assert!(ids(&found).contains(&"base-case"));
        assert!(!ids(&found).contains(&"print"), "recursion rests on it");
    }

    #[test]
    fn a_struggle_resting_on_a_gap_leads_to_the_gap() {
        let known = mastery(&[
            ("variables", 0.9),
            ("print", 0.9),
            ("nested-loops", 0.1),
            ("for-loops", 0.2),
            ("if-statements", 0.9),
        ]);
        let found = recommend(&known, &["nested-loops".to_owned()], 3);
        assert_eq!(found[0].topic.id, "for-loops");
        assert_eq!(found[0].reason, Reason::Repair);
    }

    #[test]
    fn only_topics_whose_prerequisites_are_in_place_are_recommended() {
        let known = mastery(&[("print", 0.9), ("variables", 0.7)]);
        for found in recommend(&known, &[], 100) {
            assert!(ready(&effective_mastery(&known), found.topic), "{}", found.topic.id);
        }
    }
}
