//! What a student has reached, from evidence only.

use std::collections::{BTreeMap, BTreeSet};

use learnflow_events::payload::ObservationKind;

use crate::{curriculum, parameters::MASTERED, state::StoredObservation, tracing::Knowledge};

/// Counts while observations are folded; an achievement once reached stays, even when knowledge fades.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Ids in the order in which they were reached.
    pub(crate) reached: Vec<String>,
    /// Numbers of the turns whose submission was counted.
    submissions: BTreeSet<i64>,
    solved: usize,
    solved_in_a_row: usize,
    topics: BTreeSet<String>,
    mastered: BTreeSet<String>,
    failures: BTreeMap<String, usize>,
}

impl Tally {
    pub(crate) fn observe(&mut self, observation: &StoredObservation, knowledge: &Knowledge) {
        let topic = &observation.topic;
        if self.topics.insert(topic.clone()) && self.topics.len() == 20 {
            self.reach("explorer".to_owned());
        }
        // A submission is observed once for each topic of its exercise.
        if observation.kind == ObservationKind::Exercise && self.submissions.insert(observation.seq) {
            self.count_exercise(observation.correct);
        }
        if !observation.correct && observation.kind != ObservationKind::Question {
            *self.failures.entry(topic.clone()).or_default() += 1;
        }
        if knowledge.probability >= MASTERED && self.mastered.insert(topic.clone()) {
            self.reach(format!("mastered:{topic}"));
            if self.failures.get(topic).is_some_and(|failures| *failures >= 3) {
                self.reach(format!("comeback:{topic}"));
            }
            let module =
                curriculum::modules().iter().find(|m| m.topics.iter().any(|t| t.id == topic.as_str()));
            if let Some(module) = module
                && module.topics.iter().all(|t| self.mastered.contains(t.id))
            {
                self.reach(format!("module:{}", module.id));
            }
        }
    }

    fn count_exercise(&mut self, correct: bool) {
        if !correct {
            self.solved_in_a_row = 0;
            return;
        }
        self.solved += 1;
        self.solved_in_a_row += 1;
        match self.solved {
            1 => self.reach("first-exercise".to_owned()),
            10 | 25 | 50 | 100 => self.reach(format!("exercises:{}", self.solved)),
            _ => {}
        }
        if self.solved_in_a_row == 5 {
            self.reach("five-in-a-row".to_owned());
        }
    }

    fn reach(&mut self, id: String) {
        if !self.reached.contains(&id) {
            self.reached.push(id);
        }
    }
}

/// What a student reads about an achievement: a clause that follows "You".
pub fn describe(id: &str) -> String {
    match id.split_once(':') {
        Some(("mastered", topic)) => format!("mastered “{}”", curriculum::title(topic)),
        Some(("comeback", topic)) => {
            format!("did not give up on “{}” and mastered it after several tries", curriculum::title(topic))
        }
        Some(("module", module)) => {
            let title = curriculum::modules().iter().find(|m| m.id == module).map_or(module, |m| m.title);
            format!("mastered every topic of the module “{title}”")
        }
        Some(("exercises", count)) => format!("passed practice tasks {count} times"),
        _ => match id {
            "first-exercise" => "solved your first exercise".to_owned(),
            "five-in-a-row" => "passed five practice tasks in a row".to_owned(),
            "explorer" => "have worked on twenty different topics".to_owned(),
            other => format!("reached “{other}”"),
        },
    }
}

/// How much an achievement is worth telling, more is better.
pub fn weight(id: &str) -> u8 {
    match id.split(':').next().unwrap_or_default() {
        "module" => 6,
        "comeback" => 5,
        "exercises" => 4,
        "five-in-a-row" => 3,
        "explorer" => 3,
        "mastered" => 2,
        _ => 1,
    }
}
