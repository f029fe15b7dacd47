//! What is known about a student when a question is answered.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How far a student is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SkillLevel {
    /// Analogies, no jargon.
    #[default]
    Beginner,
    /// Terms and variations.
    Intermediate,
    /// Trade-offs, cost, edge cases.
    Advanced,
}

/// How a student likes to learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearningStyle {
    /// Pictures and tables.
    Visual,
    /// One step after the other.
    #[default]
    StepByStep,
    /// From examples.
    ExampleDriven,
}

/// What is known about a student. A new student has [`StudentContext::default`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StudentContext {
    /// How far the student is.
    pub skill_level: SkillLevel,
    /// How the student likes to learn.
    pub learning_style: LearningStyle,
    /// Probability of mastery by topic id of the curriculum, 0 to 1.
    pub mastery_levels: BTreeMap<String, f64>,
    /// Topics with an open struggle.
    pub struggle_topics: Vec<String>,
    /// Topics whose last rated answer did not help.
    pub unhelpful_topics: Vec<String>,
    /// Achievements so far.
    pub achievements: Vec<String>,
    /// Turns so far, by agent.
    pub queries_by_type: BTreeMap<String, u64>,
    /// All turns so far.
    pub total_queries: u64,
    /// The last turns, newest first, at most ten.
    pub recent_queries: Vec<RecentQuery>,
    /// Every exercise that was given or attempted, newest first.
    pub exercises: Vec<ExerciseState>,
}

/// An earlier turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecentQuery {
    /// What was asked.
    pub query_text: String,
    /// Who answered.
    #[serde(default)]
    pub assigned_agent: Option<String>,
    /// Topics it touched.
    #[serde(default)]
    pub topics: Vec<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Where a student stands with an exercise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExerciseState {
    /// The exercise.
    pub exercise_id: String,
    /// Submissions so far.
    pub attempts: u32,
    /// Whether one passed.
    pub passed: bool,
}
