//! A class's figures as CSV.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use learnflow_learner::{curriculum, state};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    identity::Teacher,
    problem::{Path, Problem, Query},
    table::Csv,
};

/// Whose try at which exercise, when, whether it passed, and tests passed of how many.
type Attempt = (String, String, String, DateTime<Utc>, bool, i32, i32);

/// Most rows of submissions, or alerts.
const MOST_ROWS: i64 = 50_000;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(export_class))
}

/// Which figures.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum What {
    /// A row for each student.
    Overview,
    /// Mastery in percent: a row for each student, a column for each topic.
    Mastery,
    /// A row for each submission of an exercise.
    Attempts,
    /// A row for each struggle alert.
    Alerts,
}

/// Which figures.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `overview`, `mastery`, `attempts` or `alerts`.
    #[param(inline)]
    what: What,
}

/// A class's figures as CSV. Cells that a spreadsheet would run as a formula are made text.
#[utoipa::path(get, path = "/api/instructor/classes/{id}/export.csv", tag = "teacher", security(("bearer" = [])),
    params(("id" = Uuid, Path), Wanted),
    responses((status = 200, description = "As asked", content_type = "text/csv", body = String), (status = 400, description = "A parameter is not valid; the problem says which"), (status = 403, description = "Not for this account"),
              (status = 404, description = "Not there, or not for this account")))]
async fn export_class(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Path(class_id): Path<Uuid>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    app.taught(&identity, class_id).await?;
    let csv = match wanted.what {
        What::Overview => app.overview_table(class_id).await?,
        What::Mastery => app.mastery_table(class_id).await?,
        What::Attempts => app.attempts_table(class_id).await?,
        What::Alerts => app.alerts_table(class_id).await?,
    };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"class.csv\""),
    ];
    Ok((headers, csv.into_text()).into_response())
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_default()
}

impl App {
    async fn overview_table(&self, class_id: Uuid) -> Result<Csv, Problem> {
        let mut columns: Vec<String> = [
            "student_id",
            "name",
            "last_seen",
            "skill_level",
            "overall_percent",
            "turns_7_days",
            "runs_7_days",
            "exercises_passed",
            "open_alerts",
        ]
        .map(str::to_owned)
        .to_vec();
        columns.extend(curriculum::modules().iter().map(|module| module.id.to_owned()));
        let mut csv = Csv::new(&columns);
        for one in self.students_of(class_id).await? {
            let mut cells = vec![
                one.student_id,
                one.name,
                time(one.last_seen),
                one.skill_level,
                one.overall.to_string(),
                one.turns_week.to_string(),
                one.runs_week.to_string(),
                one.exercises_passed.to_string(),
                one.open_alerts.to_string(),
            ];
            let percent = |id: &str| one.mastery.get(id).map(u8::to_string).unwrap_or_default();
            cells.extend(curriculum::modules().iter().map(|module| percent(module.id)));
            csv.row(&cells);
        }
        Ok(csv)
    }

    async fn mastery_table(&self, class_id: Uuid) -> Result<Csv, Problem> {
        let columns: Vec<&str> =
            ["student_id", "name"].into_iter().chain(curriculum::topics().map(|topic| topic.id)).collect();
        let mut csv = Csv::new(&columns);
        for one in self.students_of(class_id).await? {
            let percent = |topic: &curriculum::Topic| {
                one.topics.get(topic.id).map(|level| state::percent(*level).to_string()).unwrap_or_default()
            };
            let levels: Vec<String> = curriculum::topics().map(percent).collect();
            let cells: Vec<String> = [one.student_id, one.name].into_iter().chain(levels).collect();
            csv.row(&cells);
        }
        Ok(csv)
    }

    async fn attempts_table(&self, class_id: Uuid) -> Result<Csv, Problem> {
        let mut csv = Csv::new(&[
            "student_id",
            "name",
            "exercise_id",
            "submitted_at",
            "passed",
            "tests_passed",
            "tests_total",
        ]);
        let rows: Vec<Attempt> = sqlx::query_as(
            "SELECT e.student_id, u.display_name, e.exercise_id, e.created_at, e.passed, e.tests_passed, e.tests_total
               FROM class_members m
               JOIN users u ON u.user_id = m.student_id
               JOIN exercise_attempts e ON e.student_id = m.student_id
              WHERE m.class_id = $1 ORDER BY e.created_at DESC, e.attempt_id LIMIT $2",
        )
        .bind(class_id)
        .bind(MOST_ROWS)
        .fetch_all(&self.db)
        .await?;
        for (student_id, name, exercise_id, at, passed, tests_passed, tests_total) in rows {
            csv.row(&[
                student_id,
                name,
                exercise_id,
                time(Some(at)),
                passed.to_string(),
                tests_passed.to_string(),
                tests_total.to_string(),
            ]);
        }
        Ok(csv)
    }

    async fn alerts_table(&self, class_id: Uuid) -> Result<Csv, Problem> {
        let mut csv = Csv::new(&[
            "student_id",
            "name",
            "topic",
            "cause",
            "level",
            "context",
            "created_at",
            "resolved_at",
            "note",
        ]);
        type Row = (
            String,
            String,
            String,
            String,
            String,
            String,
            DateTime<Utc>,
            Option<DateTime<Utc>>,
            Option<String>,
        );
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT a.student_id, u.display_name, a.topic, a.cause, a.level, a.context, a.created_at, a.resolved_at,
                    a.note
               FROM class_members m
               JOIN users u ON u.user_id = m.student_id
               JOIN struggle_alerts a ON a.student_id = m.student_id
              WHERE m.class_id = $1 ORDER BY a.created_at DESC, a.alert_id LIMIT $2",
        )
        .bind(class_id)
        .bind(MOST_ROWS)
        .fetch_all(&self.db)
        .await?;
        for (student_id, name, topic, cause, level, context, created_at, resolved_at, note) in rows {
            csv.row(&[
                student_id,
                name,
                topic,
                cause,
                level,
                context,
                time(Some(created_at)),
                time(resolved_at),
                note.unwrap_or_default(),
            ]);
        }
        Ok(csv)
    }
}
