//! Exercises for students: found, read, with the hints that are unlocked and what was handed in. Hidden tests and
//! solutions stay here.

use std::collections::HashMap;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use learnflow_exercise_bank::{bank, draft::Draft};
use learnflow_learner::curriculum;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, types::Json as SqlJson};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    authoring::TestKind,
    identity::Identity,
    problem::{Path, Problem, Query},
    schema,
    tasks::{Case, Task},
};

/// Submissions that are shown with an exercise.
const SUBMISSIONS: i64 = 20;
/// Exercises of classes that a list holds at most.
const MOST_OF_CLASSES: i64 = 500;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list_exercises)).routes(routes!(show_exercise))
}

/// Which exercises.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// Words in the title, the statement or the topics.
    q: Option<String>,
    /// `new`, `tried` or `passed`.
    state: Option<String>,
    /// `beginner`, `intermediate` or `advanced`.
    difficulty: Option<String>,
    /// A topic's id.
    topic: Option<String>,
    /// A module's id.
    module: Option<String>,
    /// Of one class only.
    class_id: Option<Uuid>,
}

/// An exercise in a list.
#[derive(Serialize, ToSchema)]
struct ExerciseSummary {
    exercise_id: String,
    title: String,
    /// Topics of the curriculum, the main one first.
    topics: Vec<String>,
    /// The module of the main topic.
    module: String,
    #[schema(value_type = schema::SkillLevel)]
    difficulty: String,
    /// The class that it belongs to; absent for those of the bank.
    class_id: Option<Uuid>,
    #[schema(value_type = schema::ExerciseState)]
    state: &'static str,
    /// Submissions so far.
    attempts: i64,
    /// Most tests that a submission has passed.
    best_passed: i32,
    tests_total: usize,
}

/// The exercises that fit.
#[derive(Serialize, ToSchema)]
struct Exercises {
    exercises: Vec<ExerciseSummary>,
}

/// An exercise with everything that its student may see.
#[derive(Serialize, ToSchema)]
struct ExerciseDetail {
    #[serde(flatten)]
    summary: ExerciseSummary,
    /// Markdown.
    statement: String,
    starter: String,
    tests: ShownTests,
    /// Those that are unlocked: the first is free, each submission gives another, as far as the course allows.
    hints: Vec<String>,
    hints_total: usize,
    /// The most help that the student's classes allow with it.
    #[schema(value_type = Option<schema::HintTier>)]
    max_tier: Option<String>,
    /// Newest first.
    submissions: Vec<Submission>,
}

/// The tests that students see.
#[derive(Serialize, ToSchema)]
struct ShownTests {
    #[schema(value_type = TestKind)]
    kind: &'static str,
    shown: Vec<Case>,
}

/// A program that was handed in.
#[derive(Serialize, FromRow, ToSchema)]
pub(crate) struct Submission {
    pub(crate) attempt_id: Uuid,
    pub(crate) query_id: Option<Uuid>,
    #[sqlx(rename = "created_at")]
    pub(crate) at: DateTime<Utc>,
    pub(crate) passed: bool,
    pub(crate) tests_passed: i32,
    pub(crate) tests_total: i32,
    pub(crate) code: String,
    /// The exercise agent's evidence: examples with their messages, counts of hidden tests, a known misconception.
    #[schema(value_type = Object)]
    pub(crate) verdict: SqlJson<Value>,
}

#[derive(Clone, Copy, Default)]
struct Tries {
    attempts: i64,
    passed: bool,
    best_passed: i32,
}

/// The bank's exercises and those of one's classes, in teaching order.
#[utoipa::path(get, path = "/api/exercises", tag = "learning", security(("bearer" = [])), params(Filter),
    responses((status = 200, description = "As asked", body = Exercises), (status = 400, description = "A parameter is not valid; the problem says which")))]
async fn list_exercises(
    State(app): State<Shared>,
    identity: Identity,
    Query(filter): Query<Filter>,
) -> Result<Json<Exercises>, Problem> {
    one_of("state", filter.state.as_deref(), &["new", "tried", "passed"])?;
    one_of("difficulty", filter.difficulty.as_deref(), &["beginner", "intermediate", "advanced"])?;
    let tries = app.tries(&identity.user_id).await?;
    let words: Vec<String> =
        filter.q.as_deref().unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
    let mut tasks: Vec<Task> = bank().iter().map(Task::of_bank).collect();
    tasks.extend(app.class_tasks(&identity.user_id).await?);
    tasks.retain(|task| {
        let is =
            |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        is(&filter.difficulty, &task.difficulty)
            && is(&filter.module, task.module())
            && filter.topic.as_ref().is_none_or(|topic| task.topics.contains(topic))
            && filter.class_id.is_none_or(|class_id| task.class_id == Some(class_id))
            && (words.is_empty() || mentions(task, &words))
    });
    let place = |task: &Task| task.topics.first().map_or(usize::MAX, |topic| curriculum::position(topic));
    let level = |task: &Task| ["beginner", "intermediate"].iter().position(|name| *name == task.difficulty);
    tasks.sort_by_cached_key(|task| (place(task), level(task).unwrap_or(2), task.id.clone()));
    let exercises = tasks
        .iter()
        .map(|task| summary(task, tries.get(&task.id).copied().unwrap_or_default()))
        .filter(|summary| filter.state.as_deref().is_none_or(|state| state == summary.state))
        .collect();
    Ok(Json(Exercises { exercises }))
}

/// An exercise: the task, the tests that are shown, the hints that are unlocked, and one's submissions.
#[utoipa::path(get, path = "/api/exercises/{id}", tag = "learning", security(("bearer" = [])),
    params(("id" = String, Path)),
    responses((status = 200, description = "As asked", body = ExerciseDetail), (status = 404, description = "Not there, or not for this account")))]
async fn show_exercise(
    State(app): State<Shared>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<ExerciseDetail>, Problem> {
    let student_id = &identity.user_id;
    let task = app
        .task(student_id, &id)
        .await?
        .ok_or_else(|| Problem::not_found("There is no exercise with this id."))?;
    let tries = app.tries(student_id).await?.get(&task.id).copied().unwrap_or_default();
    let max_tier: Option<String> = sqlx::query_scalar("SELECT course_context($1, $2) ->> 'max_tier'")
        .bind(student_id)
        .bind(&task.id)
        .fetch_one(&app.db)
        .await?;
    let submissions = sqlx::query_as(
        "SELECT attempt_id, query_id, created_at, passed, tests_passed, tests_total, code, verdict
           FROM exercise_attempts WHERE student_id = $1 AND exercise_id = $2
       ORDER BY created_at DESC, attempt_id DESC LIMIT $3",
    )
    .bind(student_id)
    .bind(&task.id)
    .bind(SUBMISSIONS)
    .fetch_all(&app.db)
    .await?;
    let summary = summary(&task, tries);
    let hints_total = task.hints.len();
    let unlocked = unlocked(tries.attempts, tries.passed, max_tier.as_deref()).min(hints_total);
    Ok(Json(ExerciseDetail {
        summary,
        statement: task.statement,
        starter: task.starter,
        tests: ShownTests { kind: task.kind, shown: task.shown },
        hints: task.hints.into_iter().take(unlocked).collect(),
        hints_total,
        max_tier,
        submissions,
    }))
}

/// How many hints a student may read: one, and one more with each try, as far as the course's tier goes. Whoever has
/// passed may read all.
fn unlocked(attempts: i64, passed: bool, max_tier: Option<&str>) -> usize {
    let allowed = match max_tier {
        Some("nudge") => 1,
        Some("pointer") => 2,
        _ => usize::MAX,
    };
    if passed { usize::MAX } else { (usize::try_from(attempts).unwrap_or(0) + 1).min(allowed) }
}

fn one_of(name: &str, value: Option<&str>, known: &[&str]) -> Result<(), Problem> {
    match value {
        Some(value) if !known.contains(&value) => {
            Err(Problem::bad_request(format!("{name} is one of {}.", known.join(", "))))
        }
        _ => Ok(()),
    }
}

fn mentions(task: &Task, words: &[String]) -> bool {
    let text =
        format!("{} {} {} {}", task.id, task.title, task.topics.join(" "), task.statement).to_lowercase();
    words.iter().all(|word| text.contains(word))
}

fn summary(task: &Task, tries: Tries) -> ExerciseSummary {
    ExerciseSummary {
        exercise_id: task.id.clone(),
        title: task.title.clone(),
        topics: task.topics.clone(),
        module: task.module().to_owned(),
        difficulty: task.difficulty.clone(),
        class_id: task.class_id,
        state: match tries {
            Tries { passed: true, .. } => "passed",
            Tries { attempts: 0, .. } => "new",
            _ => "tried",
        },
        attempts: tries.attempts,
        best_passed: tries.best_passed,
        tests_total: task.tests_total,
    }
}

impl App {
    async fn tries(&self, student_id: &str) -> Result<HashMap<String, Tries>, Problem> {
        let rows: Vec<(String, i64, bool, i32)> = sqlx::query_as(
            "SELECT exercise_id, count(*), bool_or(passed), max(tests_passed) FROM exercise_attempts
              WHERE student_id = $1 GROUP BY exercise_id",
        )
        .bind(student_id)
        .fetch_all(&self.db)
        .await?;
        let tries = |(id, attempts, passed, best_passed)| (id, Tries { attempts, passed, best_passed });
        Ok(rows.into_iter().map(tries).collect())
    }

    /// Verified exercises of the classes that somebody learns or teaches in.
    async fn class_tasks(&self, user_id: &str) -> Result<Vec<Task>, Problem> {
        let rows: Vec<(String, Uuid, SqlJson<Draft>)> = sqlx::query_as(
            "SELECT e.exercise_id, e.class_id, e.exercise FROM class_exercises e
              WHERE e.verified_at IS NOT NULL
                AND (EXISTS (SELECT FROM class_members m WHERE m.class_id = e.class_id AND m.student_id = $1)
                  OR EXISTS (SELECT FROM class_teachers t WHERE t.class_id = e.class_id AND t.user_id = $1))
           ORDER BY e.exercise_id LIMIT $2",
        )
        .bind(user_id)
        .bind(MOST_OF_CLASSES)
        .fetch_all(&self.db)
        .await?;
        Ok(rows.into_iter().map(|(id, class, draft)| Task::of_draft(id, Some(class), draft.0)).collect())
    }

    /// An exercise that somebody may work on.
    pub(crate) async fn task(&self, user_id: &str, id: &str) -> Result<Option<Task>, Problem> {
        if let Ok(at) = bank().binary_search_by_key(&id, |exercise| exercise.id) {
            return Ok(Some(Task::of_bank(&bank()[at])));
        }
        let kept: (Option<SqlJson<Draft>>, Option<Uuid>) = sqlx::query_as(
            "SELECT kept_exercise($1, $2), (SELECT class_id FROM class_exercises WHERE exercise_id = $2)",
        )
        .bind(user_id)
        .bind(id.replace('\0', ""))
        .fetch_one(&self.db)
        .await?;
        let (draft, class_id) = kept;
        Ok(draft.map(|draft| Task::of_draft(id.to_owned(), class_id, draft.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_come_with_tries_as_far_as_the_course_goes() {
        assert_eq!(unlocked(0, false, None), 1);
        assert_eq!(unlocked(2, false, None), 3);
        assert_eq!(unlocked(5, false, Some("pointer")), 2);
        assert_eq!(unlocked(0, false, Some("nudge")), 1);
        assert_eq!(unlocked(1, true, Some("nudge")), usize::MAX);
    }
}
