//! From an event to observations, and from observations to what changed.

use chrono::{DateTime, Utc};
use learnflow_events::{
    code::{CodeExecuted, Outcome},
    payload::{AgentResponded, FeedbackGiven, MasteryUpdated, ObservationKind, StudentStruggling},
};
use learnflow_learner::{
    LearnerState, StoredObservation, curriculum,
    struggle::{self, Activity, Alert},
};

/// First place of observations from feedback, so that they never meet those of the answer itself.
const FEEDBACK_PLACE: i16 = 1_000;
/// Most observations that one event may bring.
const MOST_OBSERVATIONS: usize = 100;

/// What an answer showed: its observations, numbered as the turn is. Topics that the curriculum does not have are
/// left out.
pub fn from_answer(answer: &AgentResponded, at: DateTime<Utc>) -> Vec<StoredObservation> {
    answer
        .observations
        .iter()
        .filter(|observation| curriculum::topic(&observation.topic).is_some())
        .take(MOST_OBSERVATIONS)
        .enumerate()
        .map(|(place, observation)| StoredObservation {
            seq: answer.seq,
            place: place as i16,
            topic: observation.topic.clone(),
            kind: observation.kind,
            correct: observation.correct,
            query_id: Some(answer.query_id),
            observed_at: at,
        })
        .collect()
}

/// What a run outside a turn showed. A program that raised speaks against the topic behind its error; one that ran
/// speaks for `topics`, the ideas that its text uses, if the caller knows them. The run gets the next negative number,
/// or none when `stored` has it already (its id is kept as `query_id`).
pub fn from_run(
    executed: &CodeExecuted,
    topics: &[String],
    stored: &[StoredObservation],
    at: DateTime<Utc>,
) -> Vec<StoredObservation> {
    if stored.iter().any(|observation| observation.query_id == Some(executed.run_id)) {
        return Vec::new();
    }
    let seen: Vec<(String, bool)> = match (&executed.report.error, executed.report.outcome) {
        (Some(error), _) => curriculum::topic_of_exception(&error.kind)
            .map(|topic| (topic.to_owned(), false))
            .into_iter()
            .collect(),
        (None, Outcome::Timeout) => vec![("while-loops".to_owned(), false)],
        (None, Outcome::Ok) => topics
            .iter()
            .filter(|topic| curriculum::topic(topic).is_some())
            .map(|topic| (topic.clone(), true))
            .collect(),
        (None, _) => Vec::new(),
    };
    let seq = stored.iter().map(|observation| observation.seq).min().unwrap_or(0).min(0) - 1;
    seen.into_iter()
        .take(MOST_OBSERVATIONS)
        .enumerate()
        .map(|(place, (topic, correct))| StoredObservation {
            seq,
            place: place as i16,
            topic,
            kind: ObservationKind::Run,
            correct,
            query_id: Some(executed.run_id),
            observed_at: at,
        })
        .collect()
}

/// What feedback on a turn says about its topics: an answer that did not help leaves them open. Praise is about the
/// answer and says nothing about what the student knows.
pub fn from_feedback(
    feedback: &FeedbackGiven,
    seq: i64,
    topics: &[String],
    at: DateTime<Utc>,
) -> Vec<StoredObservation> {
    let helped = feedback.helpful && feedback.rating.is_none_or(|rating| rating > 2);
    if helped {
        return Vec::new();
    }
    topics
        .iter()
        .filter(|topic| curriculum::topic(topic).is_some())
        .take(MOST_OBSERVATIONS)
        .zip(FEEDBACK_PLACE..)
        .map(|(topic, place)| StoredObservation {
            seq,
            place,
            topic: topic.clone(),
            kind: ObservationKind::Question,
            correct: false,
            query_id: Some(feedback.query_id),
            observed_at: at,
        })
        .collect()
}

/// What follows from new observations.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Rows to insert.
    pub insert: Vec<StoredObservation>,
    /// The student's state with them.
    pub state: LearnerState,
    /// What changed in it, if anything did.
    pub mastery_updated: Option<MasteryUpdated>,
    /// Alerts to open, most serious first.
    pub alerts: Vec<Alert>,
}

/// The event that the progress agent replies with.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Mastery changed.
    Mastery(MasteryUpdated),
    /// The student is stuck.
    Struggling(StudentStruggling),
}

impl Change {
    /// At most one event: an alert is more urgent than a changed number, which is stored in any case.
    pub fn reply(&self) -> Option<Reply> {
        match (self.alerts.first(), &self.mastery_updated) {
            (Some(alert), _) => Some(Reply::Struggling(alert.into())),
            (None, Some(updated)) => Some(Reply::Mastery(updated.clone())),
            (None, None) => None,
        }
    }
}

/// Adds observations to what is stored of a student, and applies the struggle rules to the recent activity (which
/// includes the event at hand) at the time `now`. Observations that are stored already change nothing.
pub fn observe(
    stored: &[StoredObservation],
    new: Vec<StoredObservation>,
    activity: &Activity,
    now: DateTime<Utc>,
) -> Change {
    let insert: Vec<StoredObservation> = new
        .into_iter()
        .filter(|new| !stored.iter().any(|old| (old.seq, old.place) == (new.seq, new.place)))
        .collect();
    let before = LearnerState::fold(stored);
    let all: Vec<StoredObservation> = stored.iter().chain(&insert).cloned().collect();
    let state = LearnerState::fold(&all);
    let changes = state.changes_since(&before);
    let achievements: Vec<String> = state
        .achievements
        .iter()
        .filter(|achievement| !before.achievements.contains(achievement))
        .cloned()
        .collect();
    let anything = !changes.is_empty() || !achievements.is_empty();
    let mastery_updated = (anything && !insert.is_empty()).then(|| MasteryUpdated {
        query_id: insert[0].query_id.filter(|_| insert[0].seq >= 0),
        changes,
        achievements,
    });
    Change { insert, state, mastery_updated, alerts: struggle::detect(activity, now) }
}
