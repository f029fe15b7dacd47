//! Rules that notice when somebody is stuck. Each finds one cause; thresholds are in [`crate::parameters`].

use chrono::{DateTime, Utc};
use learnflow_events::{
    Agent,
    payload::{StruggleLevel, StudentStruggling},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    curriculum,
    parameters::{
        GONE_S, SAME_ERROR_RUNS, SAME_TOPIC_TURNS, SAME_TOPIC_WINDOW_S, STALLED_ATTEMPTS, STILLNESS_S,
    },
};

/// The rule that fired; `struggle_alerts.cause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Had difficulty with one topic again and again within minutes.
    SameTopic,
    /// Ran into one error again and again.
    SameError,
    /// Submitted one exercise again and again, and no more tests pass.
    NoProgress,
    /// Has an exercise open and does nothing.
    Stillness,
}

impl Cause {
    /// The value in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SameTopic => "same-topic",
            Self::SameError => "same-error",
            Self::NoProgress => "no-progress",
            Self::Stillness => "stillness",
        }
    }
}

/// A turn, as the rules see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// The turn.
    pub query_id: Uuid,
    /// Topics that it touched; an exercise's main one first.
    pub topics: Vec<String>,
    /// Who answered it.
    pub agent: String,
    /// Whether the program that it handed in passed; absent when it handed in none.
    #[serde(default)]
    pub passed: Option<bool>,
    /// When it was asked.
    pub asked_at: DateTime<Utc>,
}

impl Turn {
    /// The topics that it shows difficulty with: those of a question about an idea or a fault, and the main one of a
    /// program that was handed in and failed. Whoever asks for practice, a hint, a review or a report, or has solved
    /// something, is at work and not stuck.
    fn difficulties(&self) -> &[String] {
        match self.agent.parse() {
            Ok(Agent::Concepts | Agent::Debug) => &self.topics,
            Ok(Agent::Exercise) if self.failed() => &self.topics[..self.topics.len().min(1)],
            _ => &[],
        }
    }

    fn failed(&self) -> bool {
        self.passed == Some(false)
    }
}

/// A run of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The run.
    pub run_id: Uuid,
    /// The turn it belongs to, if any.
    #[serde(default)]
    pub query_id: Option<Uuid>,
    /// The exception that ended it, if one did (`IndexError`).
    #[serde(default)]
    pub error: Option<String>,
    /// When it ran.
    pub ran_at: DateTime<Utc>,
}

/// A submission of an exercise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The exercise.
    pub exercise_id: String,
    /// Its main topic.
    pub topic: String,
    /// The turn, if known.
    #[serde(default)]
    pub query_id: Option<Uuid>,
    /// Tests that passed.
    pub tests_passed: u32,
    /// All tests.
    pub tests_total: u32,
    /// When it was submitted.
    pub submitted_at: DateTime<Utc>,
}

/// An exercise that a student was given and has not solved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenExercise {
    /// The exercise.
    pub exercise_id: String,
    /// Its main topic.
    pub topic: String,
    /// The last thing the student did with it: got it, asked about it, ran or submitted something.
    pub touched_at: DateTime<Utc>,
}

/// What a student did lately. The order of the lists does not matter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Activity {
    /// Turns.
    pub turns: Vec<Turn>,
    /// Runs.
    pub runs: Vec<Run>,
    /// Submissions.
    pub attempts: Vec<Attempt>,
    /// The exercise being worked on.
    pub open_exercise: Option<OpenExercise>,
    /// Alerts that are open: topic and cause (as in the database). They are not raised again.
    pub open_alerts: Vec<(String, String)>,
}

/// Somebody is stuck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The topic.
    pub topic: String,
    /// The rule.
    pub cause: Cause,
    /// How much.
    pub level: StruggleLevel,
    /// What a teacher could do.
    pub recommendation: String,
    /// What was seen, in a sentence.
    pub context: String,
    /// Turns that show it.
    pub turns: Vec<Uuid>,
    /// Runs that show it.
    pub runs: Vec<Uuid>,
}

impl From<&Alert> for StudentStruggling {
    fn from(alert: &Alert) -> Self {
        Self {
            topic: alert.topic.clone(),
            struggle_level: alert.level,
            recommendation: alert.recommendation.clone(),
            context: alert.context.clone(),
            turns: alert.turns.clone(),
            runs: alert.runs.clone(),
        }
    }
}

/// Every rule that fires at `now`, most serious first, without those that have an open alert.
pub fn detect(activity: &Activity, now: DateTime<Utc>) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = same_topic(activity, now);
    alerts.extend(same_error(activity));
    alerts.extend(no_progress(activity));
    alerts.extend(stillness(activity, now));
    alerts.retain(|alert| {
        !activity
            .open_alerts
            .iter()
            .any(|(topic, cause)| *topic == alert.topic && cause == alert.cause.as_str())
    });
    alerts.sort_by(|a, b| b.level.cmp(&a.level).then(a.cause.cmp(&b.cause)).then(a.topic.cmp(&b.topic)));
    alerts
}

fn same_topic(activity: &Activity, now: DateTime<Utc>) -> Vec<Alert> {
    let recent = |turn: &&Turn| (0..=SAME_TOPIC_WINDOW_S).contains(&(now - turn.asked_at).num_seconds());
    let mut turns: Vec<&Turn> = activity.turns.iter().filter(recent).collect();
    turns.sort_by_key(|turn| (turn.asked_at, turn.query_id));
    turns.dedup_by_key(|turn| turn.query_id);
    curriculum::topics()
        .filter_map(|topic| {
            let on_topic: Vec<&&Turn> =
                turns.iter().filter(|t| t.difficulties().iter().any(|id| id == topic.id)).collect();
            if on_topic.len() < SAME_TOPIC_TURNS {
                return None;
            }
            let level = if on_topic.len() >= 2 * SAME_TOPIC_TURNS {
                StruggleLevel::High
            } else {
                StruggleLevel::Medium
            };
            Some(Alert {
                topic: topic.id.to_owned(),
                cause: Cause::SameTopic,
                level,
                recommendation: format!(
                    "Ask the student to explain “{}” in their own words, and start from what is missing: {}",
                    topic.title,
                    prerequisites_in_words(topic)
                ),
                context: format!(
                    "{} “{}” within {} minutes.",
                    what_happened(&on_topic),
                    topic.title,
                    SAME_TOPIC_WINDOW_S / 60
                ),
                turns: on_topic.iter().map(|turn| turn.query_id).collect(),
                runs: Vec::new(),
            })
        })
        .collect()
}

/// “2 questions about”, “3 failed submissions on”, or both.
fn what_happened(turns: &[&&Turn]) -> String {
    let failed = turns.iter().filter(|turn| turn.failed()).count();
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match (counted(turns.len() - failed, "question"), counted(failed, "failed submission")) {
        (questions, _) if failed == 0 => format!("{questions} about"),
        (_, submissions) if failed == turns.len() => format!("{submissions} on"),
        (questions, submissions) => format!("{questions} about and {submissions} on"),
    }
}

fn same_error(activity: &Activity) -> Option<Alert> {
    let mut runs: Vec<&Run> = activity.runs.iter().collect();
    runs.sort_by_key(|run| (run.ran_at, run.run_id));
    runs.dedup_by_key(|run| run.run_id);
    let error = runs.last()?.error.as_deref()?;
    let row: Vec<&&Run> = runs.iter().rev().take_while(|run| run.error.as_deref() == Some(error)).collect();
    if row.len() < SAME_ERROR_RUNS {
        return None;
    }
    let topic = curriculum::topic_of_exception(error).unwrap_or("reading-errors");
    let level = if row.len() >= 2 * SAME_ERROR_RUNS { StruggleLevel::High } else { StruggleLevel::Medium };
    let mut turns: Vec<Uuid> = row.iter().rev().filter_map(|run| run.query_id).collect();
    turns.dedup();
    Some(Alert {
        topic: topic.to_owned(),
        cause: Cause::SameError,
        level,
        recommendation: format!(
            "Read the message of the {error} together, line by line, and let the student say what each name in \
             the faulty line holds."
        ),
        context: format!("The last {} runs all ended with {error}.", row.len()),
        turns,
        runs: row.iter().rev().map(|run| run.run_id).collect(),
    })
}

fn no_progress(activity: &Activity) -> Option<Alert> {
    let mut attempts: Vec<&Attempt> = activity.attempts.iter().collect();
    attempts.sort_by_key(|attempt| (attempt.submitted_at, attempt.query_id));
    attempts.dedup_by(|a, b| a.query_id.is_some() && a.query_id == b.query_id);
    let last = attempts.last()?;
    let row: Vec<&&Attempt> =
        attempts.iter().rev().take_while(|attempt| attempt.exercise_id == last.exercise_id).collect();
    if row.len() <= STALLED_ATTEMPTS || last.tests_passed >= last.tests_total {
        return None;
    }
    // The best of the last attempts is no better than the best of all before them.
    let best = |attempts: &[&&Attempt]| attempts.iter().map(|a| a.tests_passed).max().unwrap_or_default();
    let (late, early) = row.split_at(STALLED_ATTEMPTS);
    if best(late) > best(early) {
        return None;
    }
    Some(Alert {
        topic: last.topic.clone(),
        cause: Cause::NoProgress,
        level: if row.len() > 2 * STALLED_ATTEMPTS { StruggleLevel::High } else { StruggleLevel::Medium },
        recommendation: format!(
            "Work through one failing test by hand with the student; an easier exercise on “{}” first may help.",
            curriculum::title(&last.topic)
        ),
        context: format!(
            "{} submissions of “{}”, still {} of {} tests pass.",
            row.len(),
            last.exercise_id,
            last.tests_passed,
            last.tests_total
        ),
        turns: row.iter().rev().filter_map(|attempt| attempt.query_id).collect(),
        runs: Vec::new(),
    })
}

fn stillness(activity: &Activity, now: DateTime<Utc>) -> Option<Alert> {
    let open = activity.open_exercise.as_ref()?;
    let still_s = (now - open.touched_at).num_seconds();
    if !(STILLNESS_S..GONE_S).contains(&still_s) {
        return None;
    }
    Some(Alert {
        topic: open.topic.clone(),
        cause: Cause::Stillness,
        level: StruggleLevel::Low,
        recommendation: "Ask whether the task is clear; offer the first hint or a smaller step.".to_owned(),
        context: format!(
            "Nothing has happened in the exercise “{}” for {} minutes.",
            open.exercise_id,
            still_s / 60
        ),
        turns: Vec::new(),
        runs: Vec::new(),
    })
}

fn prerequisites_in_words(topic: &curriculum::Topic) -> String {
    if topic.prerequisites.is_empty() {
        return "a first small example, typed in and run together.".to_owned();
    }
    let titles: Vec<&str> = topic.prerequisites.iter().map(|id| curriculum::title(id)).collect();
    format!("it builds on {}.", titles.join(" and "))
}
