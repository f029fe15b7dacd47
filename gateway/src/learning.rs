//! What is known of a student, as the student and the teachers see it: the fold of all that was observed.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Json, extract::State};
use chrono::NaiveDate;
use learnflow_exercise_bank::{Exercise, bank};
use learnflow_learner::{
    LearnerState, StoredObservation, achievement,
    curriculum::{self, Module},
    parameters::MASTERED,
    recommend::{Reason, recommend},
    state,
};
use serde::Serialize;
use serde_json::Value;
use sqlx::types::Json as SqlJson;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{App, Shared},
    identity::Identity,
    problem::Problem,
    schema,
};

/// Topics that are recommended.
const NEXT: usize = 5;
/// Days of the curve: the last ones on which something was observed.
const CURVE_DAYS: usize = 90;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(own_progress)).routes(routes!(show_curriculum))
}

/// What is known of a student.
#[derive(Serialize, ToSchema)]
pub(crate) struct Progress {
    student_id: String,
    name: String,
    #[schema(value_type = schema::SkillLevel)]
    skill_level: String,
    total_queries: i32,
    /// Turns by agent.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    queries_by_type: Value,
    modules: Vec<ModuleProgress>,
    /// One point for each day on which something was observed, oldest first.
    curve: Vec<CurvePoint>,
    achievements: Vec<Achievement>,
    /// Topic ids, best first.
    strengths: Vec<String>,
    /// Topic ids, weakest first.
    growth_areas: Vec<String>,
    /// Topic ids.
    struggle_topics: Vec<String>,
    next: Vec<NextStep>,
}

/// A module with its topics.
#[derive(Serialize, ToSchema)]
struct ModuleProgress {
    module: String,
    title: String,
    /// Mean of its topics in percent; topics that were never seen count as 0.
    mastery: u8,
    topics: Vec<TopicProgress>,
}

/// A topic.
#[derive(Serialize, ToSchema)]
struct TopicProgress {
    topic: String,
    title: String,
    /// In percent; absent when nothing was seen of it.
    mastery: Option<u8>,
    attempts: u32,
    successes: u32,
    mastered: bool,
}

/// What was known at the end of a day.
#[derive(Serialize, ToSchema)]
struct CurvePoint {
    date: NaiveDate,
    /// Mean over the whole curriculum, in percent.
    mastery: f64,
    /// Topics that are mastered.
    mastered: usize,
    /// What was observed on that day.
    observations: usize,
}

/// Something reached.
#[derive(Serialize, ToSchema)]
struct Achievement {
    id: String,
    /// A clause that follows "You".
    text: String,
    reached_on: Option<NaiveDate>,
}

/// What to learn next.
#[derive(Serialize, ToSchema)]
struct NextStep {
    topic: String,
    title: String,
    summary: String,
    module: String,
    #[schema(value_type = schema::Reason)]
    reason: Reason,
    /// In percent.
    mastery: u8,
    /// An exercise on it that was not passed yet.
    exercise_id: Option<String>,
}

/// What is known of oneself: mastery by module and topic, the curve over time, achievements, and what comes next.
#[utoipa::path(get, path = "/api/progress", tag = "learning", security(("bearer" = [])),
    responses((status = 200, description = "As asked", body = Progress)))]
async fn own_progress(State(app): State<Shared>, identity: Identity) -> Result<Json<Progress>, Problem> {
    let Identity { user_id, name, .. } = identity;
    Ok(Json(app.progress_of(user_id, name).await?))
}

/// The curriculum: modules in teaching order with their topics.
#[utoipa::path(get, path = "/api/curriculum", tag = "learning", security(("bearer" = [])),
    responses((status = 200, description = "{modules: [{id, title, topics: [{id, title, summary, prerequisites, …}]}]}",
               content_type = "application/json", body = Object)))]
async fn show_curriculum(_: Identity) -> Json<Value> {
    Json(serde_json::json!({ "modules": curriculum::modules() }))
}

impl App {
    /// What is known of a student.
    pub(crate) async fn progress_of(&self, student_id: String, name: String) -> Result<Progress, Problem> {
        let stored: Option<(i32, Value)> = sqlx::query_as(
            "SELECT total_queries, queries_by_type FROM student_progress WHERE student_id = $1",
        )
        .bind(&student_id)
        .fetch_optional(&self.db)
        .await?;
        let (total_queries, queries_by_type) = stored.unwrap_or((0, serde_json::json!({})));
        let observations: SqlJson<Vec<StoredObservation>> = sqlx::query_scalar(
            "SELECT coalesce(jsonb_agg(to_jsonb(o) - 'student_id'), '[]') FROM observations o
              WHERE student_id = $1",
        )
        .bind(&student_id)
        .fetch_one(&self.db)
        .await?;
        let passed: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT exercise_id FROM exercise_attempts WHERE student_id = $1 AND passed",
        )
        .bind(&student_id)
        .fetch_all(&self.db)
        .await?;
        // The curve folds once for each day: not on a thread that others wait for.
        let learnt = tokio::task::spawn_blocking(move || Learnt::of(observations.0, &passed))
            .await
            .map_err(|error| Problem::bug(error.to_string()))?;
        let Learnt { state, curve, reached_on, next } = learnt;
        let mastery = state.mastery();
        let ids = |topics: Vec<&curriculum::Topic>| topics.iter().map(|topic| topic.id.to_owned()).collect();
        Ok(Progress {
            student_id,
            name,
            skill_level: level_name(&mastery),
            total_queries,
            queries_by_type,
            modules: curriculum::modules().iter().map(|module| module_progress(module, &state)).collect(),
            curve,
            achievements: state
                .achievements
                .iter()
                .map(|id| Achievement {
                    id: id.clone(),
                    text: achievement::describe(id),
                    reached_on: reached_on.get(id).copied(),
                })
                .collect(),
            strengths: ids(state::strengths(&mastery)),
            growth_areas: ids(state::growth_areas(&mastery)),
            struggle_topics: state.struggle_topics,
            next,
        })
    }
}

/// What follows from the observations alone.
struct Learnt {
    state: LearnerState,
    curve: Vec<CurvePoint>,
    reached_on: BTreeMap<String, NaiveDate>,
    next: Vec<NextStep>,
}

impl Learnt {
    fn of(observations: Vec<StoredObservation>, passed: &[String]) -> Self {
        let day = |observation: &StoredObservation| observation.observed_at.date_naive();
        let days: BTreeSet<NaiveDate> = observations.iter().map(day).collect();
        let mut curve = Vec::new();
        let mut reached_on = BTreeMap::new();
        for date in days.iter().skip(days.len().saturating_sub(CURVE_DAYS)) {
            let until: Vec<StoredObservation> =
                observations.iter().filter(|observation| day(observation) <= *date).cloned().collect();
            let state = LearnerState::fold(&until);
            let mastery = state.mastery();
            curve.push(CurvePoint {
                date: *date,
                mastery: (mean(&mastery) * 1000.0).round() / 10.0,
                mastered: mastery.values().filter(|level| **level >= MASTERED).count(),
                observations: observations.iter().filter(|observation| day(observation) == *date).count(),
            });
            for id in state.achievements {
                reached_on.entry(id).or_insert(*date);
            }
        }
        let state = LearnerState::fold(&observations);
        let mastery = state.mastery();
        let level = state.skill_level();
        let next = recommend(&mastery, &state.struggle_topics, NEXT)
            .into_iter()
            .map(|found| NextStep {
                topic: found.topic.id.to_owned(),
                title: found.topic.title.to_owned(),
                summary: found.topic.summary.to_owned(),
                module: found.topic.module.to_owned(),
                reason: found.reason,
                mastery: state::percent(found.mastery),
                exercise_id: practice(found.topic.id, level, passed).map(|exercise| exercise.id.to_owned()),
            })
            .collect();
        Self { state, curve, reached_on, next }
    }
}

/// The exercise on a topic that comes nearest to a student's level, of those that were not passed.
fn practice(topic: &str, level: learnflow_agent::SkillLevel, passed: &[String]) -> Option<&'static Exercise> {
    bank()
        .iter()
        .filter(|exercise| exercise.topics[0] == topic && !passed.iter().any(|id| id == exercise.id))
        .min_by_key(|exercise| (exercise.difficulty as i8 - level as i8).abs())
}

/// Mean over the curriculum, 0 to 1; topics that were never seen count as 0.
pub(crate) fn mean(mastery: &BTreeMap<String, f64>) -> f64 {
    let topics = curriculum::topics().count().max(1);
    curriculum::topics().filter_map(|topic| mastery.get(topic.id)).sum::<f64>() / topics as f64
}

/// A module's mean in percent.
pub(crate) fn module_mean(module: &Module, mastery: &BTreeMap<String, f64>) -> u8 {
    let sum: f64 = module.topics.iter().filter_map(|topic| mastery.get(topic.id)).sum();
    state::percent(sum / module.topics.len().max(1) as f64)
}

/// `beginner`, `intermediate` or `advanced`.
pub(crate) fn level_name(mastery: &BTreeMap<String, f64>) -> String {
    difficulty_name(state::skill_level(mastery))
}

/// The name of a level.
pub(crate) fn difficulty_name(level: learnflow_agent::SkillLevel) -> String {
    serde_json::to_value(level).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn module_progress(module: &Module, state: &LearnerState) -> ModuleProgress {
    let mastery = state.mastery();
    ModuleProgress {
        module: module.id.to_owned(),
        title: module.title.to_owned(),
        mastery: module_mean(module, &mastery),
        topics: module
            .topics
            .iter()
            .map(|topic| {
                let known = state.knowledge.get(topic.id);
                let level = mastery.get(topic.id).copied();
                TopicProgress {
                    topic: topic.id.to_owned(),
                    title: topic.title.to_owned(),
                    mastery: level.map(state::percent),
                    attempts: known.map_or(0, |known| known.attempts),
                    successes: known.map_or(0, |known| known.successes),
                    mastered: level.is_some_and(|level| level >= MASTERED),
                }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeZone, Utc};
    use learnflow_events::payload::ObservationKind;

    use super::*;

    fn passed(seq: i64, day: u32) -> StoredObservation {
        let observed_at: DateTime<Utc> = Utc.with_ymd_and_hms(2026, 3, day, 12, 0, 0).unwrap();
        StoredObservation {
            seq,
            place: 0,
            topic: "variables".to_owned(),
            kind: ObservationKind::Exercise,
            correct: true,
            query_id: None,
            observed_at,
        }
    }

    #[test]
    fn the_curve_has_a_point_for_each_day_and_achievements_their_day() {
        let learnt = Learnt::of(vec![passed(1, 2), passed(2, 2), passed(3, 9)], &[]);
        let days: Vec<(u32, usize)> = learnt
            .curve
            .iter()
            .map(|point| (chrono::Datelike::day(&point.date), point.observations))
            .collect();
        assert_eq!(days, [(2, 2), (9, 1)]);
        assert!(learnt.curve[0].mastery > 0.0);
        assert_eq!(learnt.reached_on["first-exercise"], learnt.curve[0].date);
    }

    #[test]
    fn practice_was_not_passed_before() {
        let first = practice("variables", learnflow_agent::SkillLevel::Beginner, &[]).unwrap();
        let done = [first.id.to_owned()];
        let second = practice("variables", learnflow_agent::SkillLevel::Beginner, &done);
        assert_ne!(second.map(|exercise| exercise.id), Some(first.id));
    }
}
