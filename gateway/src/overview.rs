//! A class as its teachers see it: who is where, what is known, and which errors are common.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use learnflow_learner::{curriculum, state};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, types::Json as SqlJson};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    classes::Class,
    identity::Teacher,
    learning::{level_name, mean, module_mean},
    problem::{Path, Problem, Query},
    schema,
};

/// Errors that are listed, and examples of each.
const MOST_ERRORS: i64 = 20;
const EXAMPLES: i64 = 5;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(overview)).routes(routes!(heatmap)).routes(routes!(errors))
}

/// A class at a glance.
#[derive(Serialize, ToSchema)]
struct Overview {
    class: Class,
    modules: Vec<ModuleName>,
    students: Vec<StudentRow>,
}

/// A module of the curriculum.
#[derive(Serialize, ToSchema)]
struct ModuleName {
    module: String,
    title: String,
}

/// A student of the class.
#[derive(Serialize, ToSchema)]
pub(crate) struct StudentRow {
    pub(crate) student_id: String,
    pub(crate) name: String,
    pub(crate) last_seen: Option<DateTime<Utc>>,
    #[schema(value_type = schema::SkillLevel)]
    pub(crate) skill_level: String,
    /// Percent by module.
    pub(crate) mastery: BTreeMap<String, u8>,
    /// Mean over the curriculum, in percent.
    pub(crate) overall: u8,
    pub(crate) open_alerts: i64,
    /// Questions in the last seven days.
    pub(crate) turns_week: i64,
    /// Runs in the last seven days.
    pub(crate) runs_week: i64,
    /// Exercises with a submission that passed.
    pub(crate) exercises_passed: i64,
    /// Percent by topic, for those that something was seen of.
    #[serde(skip)]
    pub(crate) topics: BTreeMap<String, f64>,
}

#[derive(FromRow)]
struct Row {
    student_id: String,
    name: String,
    last_seen: Option<DateTime<Utc>>,
    mastery_levels: SqlJson<BTreeMap<String, f64>>,
    open_alerts: i64,
    turns_week: i64,
    runs_week: i64,
    exercises_passed: i64,
}

impl From<Row> for StudentRow {
    fn from(row: Row) -> Self {
        let topics = row.mastery_levels.0;
        let modules = curriculum::modules();
        Self {
            student_id: row.student_id,
            name: row.name,
            last_seen: row.last_seen,
            skill_level: level_name(&topics),
            mastery: modules.iter().map(|m| (m.id.to_owned(), module_mean(m, &topics))).collect(),
            overall: state::percent(mean(&topics)),
            open_alerts: row.open_alerts,
            turns_week: row.turns_week,
            runs_week: row.runs_week,
            exercises_passed: row.exercises_passed,
            topics,
        }
    }
}

impl App {
    /// The students of a class by name.
    pub(crate) async fn students_of(&self, class_id: Uuid) -> Result<Vec<StudentRow>, Problem> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT m.student_id, u.display_name AS name, p.last_activity AS last_seen,
                    coalesce(p.mastery_levels, '{}') AS mastery_levels,
                    (SELECT count(*) FROM struggle_alerts a
                      WHERE a.student_id = m.student_id AND a.resolved_at IS NULL) AS open_alerts,
                    (SELECT count(*) FROM query_history q
                      WHERE q.student_id = m.student_id AND q.created_at > now() - INTERVAL '7 days') AS turns_week,
                    (SELECT count(*) FROM code_submissions c
                      WHERE c.student_id = m.student_id AND c.created_at > now() - INTERVAL '7 days') AS runs_week,
                    (SELECT count(DISTINCT e.exercise_id) FROM exercise_attempts e
                      WHERE e.student_id = m.student_id AND e.passed) AS exercises_passed
               FROM class_members m
               JOIN users u ON u.user_id = m.student_id
               LEFT JOIN student_progress p ON p.student_id = m.student_id
              WHERE m.class_id = $1
           ORDER BY lower(u.display_name), m.student_id",
        )
        .bind(class_id)
        .fetch_all(&self.db)
        .await?;
        Ok(rows.into_iter().map(StudentRow::from).collect())
    }
}

/// A class at a glance: each student's mastery, activity and open alerts.
#[utoipa::path(get, path = "/api/instructor/classes/{id}/overview", tag = "teacher", security(("bearer" = [])),
    params(("id" = Uuid, Path)), responses((status = 200, description = "As asked", body = Overview), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn overview(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Path(class_id): Path<Uuid>,
) -> Result<Json<Overview>, Problem> {
    app.taught(&identity, class_id).await?;
    let class = app.class(&identity, class_id).await?;
    let modules = curriculum::modules()
        .iter()
        .map(|module| ModuleName { module: module.id.to_owned(), title: module.title.to_owned() })
        .collect();
    Ok(Json(Overview { class, modules, students: app.students_of(class_id).await? }))
}

/// Mastery of a class, student by topic.
#[derive(Serialize, ToSchema)]
struct ClassHeatmap {
    /// Topics that something was seen of in the class, in teaching order.
    topics: Vec<TopicName>,
    students: Vec<HeatRow>,
    /// The class's mean by topic, in percent, over those who have begun it.
    mean: Vec<Option<u8>>,
}

/// A topic of the curriculum.
#[derive(Serialize, ToSchema)]
struct TopicName {
    topic: String,
    title: String,
    module: String,
}

/// A student's mastery, one value for each topic of the map.
#[derive(Serialize, ToSchema)]
struct HeatRow {
    student_id: String,
    name: String,
    /// In percent; absent where nothing was seen.
    mastery: Vec<Option<u8>>,
}

/// Mastery of a class as a heat map: students by topics.
#[utoipa::path(get, path = "/api/instructor/classes/{id}/heatmap", tag = "teacher", security(("bearer" = [])),
    params(("id" = Uuid, Path)), responses((status = 200, description = "As asked", body = ClassHeatmap), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn heatmap(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Path(class_id): Path<Uuid>,
) -> Result<Json<ClassHeatmap>, Problem> {
    app.taught(&identity, class_id).await?;
    let students = app.students_of(class_id).await?;
    let topics: Vec<_> = curriculum::topics()
        .filter(|topic| students.iter().any(|student| student.topics.contains_key(topic.id)))
        .collect();
    let mean = topics
        .iter()
        .map(|topic| {
            let levels: Vec<f64> = students.iter().filter_map(|s| s.topics.get(topic.id).copied()).collect();
            (!levels.is_empty()).then(|| state::percent(levels.iter().sum::<f64>() / levels.len() as f64))
        })
        .collect();
    let rows = students
        .iter()
        .map(|student| HeatRow {
            student_id: student.student_id.clone(),
            name: student.name.clone(),
            mastery: topics
                .iter()
                .map(|topic| student.topics.get(topic.id).map(|level| state::percent(*level)))
                .collect(),
        })
        .collect();
    let topics = topics
        .into_iter()
        .map(|topic| TopicName {
            topic: topic.id.to_owned(),
            title: topic.title.to_owned(),
            module: topic.module.to_owned(),
        })
        .collect();
    Ok(Json(ClassHeatmap { topics, students: rows, mean }))
}

/// How far to look back.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Days {
    /// 1 to 90 days; 7 when absent.
    days: Option<i32>,
}

/// The errors that a class runs into most.
#[derive(Serialize, ToSchema)]
struct CommonErrors {
    errors: Vec<CommonError>,
}

/// An exception of Python's.
#[derive(Serialize, ToSchema)]
struct CommonError {
    /// The class's name (`IndexError`).
    error: String,
    /// Runs that ended with it.
    count: i64,
    /// Students that it happened to.
    students: i64,
    /// The topic behind it.
    topic: Option<String>,
    topic_title: Option<String>,
    /// The newest ones.
    examples: Vec<ErrorExample>,
}

/// A run that ended with the error.
#[derive(Serialize, Deserialize, ToSchema)]
struct ErrorExample {
    run_id: Uuid,
    student_id: String,
    name: String,
    message: String,
    line: Option<i32>,
    at: DateTime<Utc>,
}

/// The errors that a class ran into most in the last days.
#[utoipa::path(get, path = "/api/instructor/classes/{id}/errors", tag = "teacher", security(("bearer" = [])),
    params(("id" = Uuid, Path), Days),
    responses((status = 200, description = "As asked", body = CommonErrors), (status = 400, description = "A parameter is not valid; the problem says which"), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn errors(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Path(class_id): Path<Uuid>,
    Query(days): Query<Days>,
) -> Result<Json<CommonErrors>, Problem> {
    app.taught(&identity, class_id).await?;
    let days = days.days.unwrap_or(7);
    if !(1..=90).contains(&days) {
        return Err(Problem::bad_request("days must be 1 to 90."));
    }
    let rows: Vec<(String, i64, i64, SqlJson<Vec<ErrorExample>>)> = sqlx::query_as(
        "WITH failed AS (
             SELECT c.error ->> 'type' AS error, c.run_id, c.student_id, u.display_name AS name,
                    coalesce(c.error ->> 'message', '') AS message, c.error -> 'line' AS line, c.created_at AS at,
                    row_number() OVER (PARTITION BY c.error ->> 'type'
                                           ORDER BY c.created_at DESC, c.run_id) AS place
               FROM class_members m
               JOIN users u ON u.user_id = m.student_id
               JOIN code_submissions c ON c.student_id = m.student_id
              WHERE m.class_id = $1 AND c.created_at > now() - make_interval(days => $2)
                AND c.error ->> 'type' IS NOT NULL)
         SELECT error, count(*) AS count, count(DISTINCT student_id) AS students,
                jsonb_agg(jsonb_build_object('run_id', run_id, 'student_id', student_id, 'name', name,
                                             'message', message, 'line', line, 'at', at) ORDER BY place)
                    FILTER (WHERE place <= $3)
           FROM failed GROUP BY error ORDER BY count DESC, error LIMIT $4",
    )
    .bind(class_id)
    .bind(days)
    .bind(EXAMPLES)
    .bind(MOST_ERRORS)
    .fetch_all(&app.db)
    .await?;
    let errors = rows
        .into_iter()
        .map(|(error, count, students, examples)| {
            let topic = curriculum::topic_of_exception(&error);
            CommonError {
                topic: topic.map(str::to_owned),
                topic_title: topic.map(|topic| curriculum::title(topic).to_owned()),
                error,
                count,
                students,
                examples: examples.0,
            }
        })
        .collect();
    Ok(Json(CommonErrors { errors }))
}
