//! From an event to observations, and from observations to what changed.

use chrono::{DateTime, SubsecRound as _, Utc};
use learnflow_events::{
    Agent,
    code::{CodeExecuted, Outcome},
    payload::{AgentResponded, FeedbackGiven, MasteryUpdated, ObservationKind, StudentStruggling},
};
use learnflow_learner::{
    LearnerState, StoredObservation, curriculum, program,
    struggle::{self, Activity, Alert},
};

/// Most observations that one event may bring.
const MOST_OBSERVATIONS: usize = 100;
/// First place of observations from feedback, so that they never meet those of an answer.
const FEEDBACK_PLACE: i16 = 1_000;

/// What an answer showed: its observations, numbered as the turn is. Two agents may answer a turn (the concept behind a
/// fault), so each has places of its own. Topics that the curriculum does not have are left out.
pub fn from_answer(answer: &AgentResponded, at: DateTime<Utc>) -> Vec<StoredObservation> {
    let agent = Agent::ALL.iter().position(|agent| agent.as_str() == answer.agent_name);
    let first = agent.unwrap_or(Agent::ALL.len()) * MOST_OBSERVATIONS;
    answer
        .observations
        .iter()
        .filter(|observation| curriculum::topic(&observation.topic).is_some())
        .take(MOST_OBSERVATIONS)
        .zip(first..)
        .map(|(observation, place)| StoredObservation {
            seq: answer.seq,
            place: place as i16,
            topic: observation.topic.clone(),
            kind: observation.kind,
            correct: observation.correct,
            query_id: Some(answer.query_id),
            observed_at: as_stored(at),
        })
        .collect()
}

/// What a run outside a turn showed. A program that raised speaks against the topic behind its error; one that ran
/// speaks for the topics that its main part uses, which the fold takes for the weak sign that it is. `program` is its
/// text, empty when it is not known. The run's id is kept as `query_id`, and its number is made of it: negative, so
/// that it is no turn's, and the same whatever arrived before.
pub fn from_run(executed: &CodeExecuted, program: &str, at: DateTime<Utc>) -> Vec<StoredObservation> {
    let seen: Vec<(String, bool)> = match (&executed.report.error, executed.report.outcome) {
        (Some(error), _) => curriculum::topic_of_exception(&error.kind)
            .map(|topic| (topic.to_owned(), false))
            .into_iter()
            .collect(),
        (None, Outcome::Timeout) => vec![("while-loops".to_owned(), false)],
        (None, Outcome::Ok) => {
            program::topics_used(program).into_iter().map(|topic| (topic.to_owned(), true)).collect()
        }
        (None, _) => Vec::new(),
    };
    // As migrations/0049_learner.sql numbers the runs that were stored before.
    let (high, low) = executed.run_id.as_u64_pair();
    let seq = ((high ^ low) | (1 << 63)).cast_signed();
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
            observed_at: as_stored(at),
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
            observed_at: as_stored(at),
        })
        .collect()
}

/// A time as PostgreSQL keeps it, so that an observation is folded alike before and after it was stored.
fn as_stored(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

/// What follows from new observations.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Rows to insert, or to put in the place of later ones with the same numbers.
    pub insert: Vec<StoredObservation>,
    /// The student's state with them.
    pub state: LearnerState,
    /// What changed in it, if anything did.
    pub mastery_updated: Option<MasteryUpdated>,
    /// The alert to open, the most serious one. The reply tells of it, so there is never a second one that nobody hears
    /// of: it is found again, and told, with the next event for as long as its cause is there.
    pub alert: Option<Alert>,
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
        match (&self.alert, &self.mastery_updated) {
            (Some(alert), _) => Some(Reply::Struggling(alert.into())),
            (None, Some(updated)) => Some(Reply::Mastery(updated.clone())),
            (None, None) => None,
        }
    }
}

/// Adds observations to what is stored of a student, and applies the struggle rules to the recent activity (which
/// includes the event at hand) at the time `now`. Observations that are stored already change nothing; of what was said
/// twice (feedback that was given again) the first counts, whichever arrives first.
pub fn observe(
    stored: &[StoredObservation],
    new: Vec<StoredObservation>,
    activity: &Activity,
    now: DateTime<Utc>,
) -> Change {
    let insert: Vec<StoredObservation> = new
        .into_iter()
        .filter(|new| {
            let known = |old: &StoredObservation| {
                (old.seq, old.place) == (new.seq, new.place) && old.observed_at <= new.observed_at
            };
            !stored.iter().any(known)
        })
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
    let alert = struggle::detect(activity, now).into_iter().next();
    Change { insert, state, mastery_updated, alert }
}
