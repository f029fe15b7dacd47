//! One student for the teachers who look after them; and finding students by what they struggle with.

use axum::{Json, extract::State};
use chrono::{DateTime, SecondsFormat, Utc};
use learnflow_exercise_bank::bank;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, postgres::PgRow};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    alerts::{Alert, AlertRow, Attempt, Run, alert_columns, attempt_columns, run_columns},
    app::{App, Shared},
    identity::Teacher,
    learning::Progress,
    page,
    problem::{Path, Problem, Query},
    turns::{Turn, TurnRow, turn_columns},
};

const MOST: i64 = 100;
const PAGE: i64 = 30;
const TITLE_CHARS: usize = 140;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(progress)).routes(routes!(timeline))
}

/// What is known of a student, as the student sees it.
#[utoipa::path(get, path = "/api/instructor/students/{id}/progress", tag = "teacher", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, description = "As asked", body = Progress), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn progress(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Path(student_id): Path<String>,
) -> Result<Json<Progress>, Problem> {
    let name = app.student_name(&identity, &student_id).await?;
    Ok(Json(app.progress_of(student_id, name).await?))
}

/// Which part.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Before {
    /// `next` of the page before.
    before: Option<String>,
    /// Events, 1 to 100; 30 when absent.
    limit: Option<i64>,
}

/// What a student did, newest first.
#[derive(Serialize, ToSchema)]
struct Timeline {
    student: StudentName,
    events: Vec<TimelineEvent>,
    /// `before` of the next page; absent on the last one.
    next: Option<String>,
}

/// A student.
#[derive(Serialize, ToSchema)]
struct StudentName {
    student_id: String,
    name: String,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
struct TimelineEvent {
    at: DateTime<Utc>,
    id: Uuid,
    title: String,
    #[serde(flatten)]
    what: Happening,
}

/// What happened, by kind.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", content = "detail", rename_all = "lowercase")]
enum Happening {
    Turn(Box<Turn>),
    Run(Box<Run>),
    Attempt(Box<Attempt>),
    Alert(Box<Alert>),
}

/// What a student did: messages, runs, submissions and alerts, newest first.
#[utoipa::path(get, path = "/api/instructor/students/{id}/timeline", tag = "teacher", security(("bearer" = [])),
    params(("id" = String, Path), Before),
    responses((status = 200, description = "As asked", body = Timeline), (status = 400, description = "A parameter is not valid; the problem says which"), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn timeline(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Path(student_id): Path<String>,
    Query(asked): Query<Before>,
) -> Result<Json<Timeline>, Problem> {
    let name = app.student_name(&identity, &student_id).await?;
    let limit = page::rows(asked.limit, PAGE, MOST)?;
    let before = asked.before.as_deref().map(Place::read).transpose()?.unwrap_or(Place::NOW);
    let mut events = app.events_before(&student_id, before, limit + 1).await?;
    events.sort_by_key(|event| std::cmp::Reverse((event.at, event.id)));
    let more = page::cut(&mut events, limit);
    let next =
        more.then(|| events.last().map(|event| Place { at: event.at, id: event.id }.write())).flatten();
    Ok(Json(Timeline { student: StudentName { student_id, name }, events, next }))
}

/// A place in a timeline; two things may happen at one moment.
#[derive(Clone, Copy)]
struct Place {
    at: DateTime<Utc>,
    id: Uuid,
}

impl Place {
    /// Later than anything.
    const NOW: Self =
        Self { at: DateTime::<Utc>::from_timestamp(32_503_680_000, 0).unwrap(), id: Uuid::max() };

    fn write(self) -> String {
        format!("{}_{}", self.at.to_rfc3339_opts(SecondsFormat::Micros, true), self.id)
    }

    fn read(text: &str) -> Result<Self, Problem> {
        text.split_once('_')
            .and_then(|(at, id)| {
                let at = DateTime::parse_from_rfc3339(at).ok()?.with_timezone(&Utc);
                Some(Self { at, id: id.parse().ok()? })
            })
            .ok_or_else(|| Problem::bad_request("before must be the next of another page."))
    }
}

impl App {
    /// Of each kind the newest `limit` events before a place.
    async fn events_before(
        &self,
        student_id: &str,
        before: Place,
        limit: i64,
    ) -> Result<Vec<TimelineEvent>, Problem> {
        let mut events = Vec::new();
        let statement = concat!(
            turn_columns!(),
            "WHERE q.student_id = $1 AND (q.created_at, q.query_id) < ($2, $3)
          ORDER BY q.created_at DESC, q.query_id DESC LIMIT $4"
        );
        let turns: Vec<TurnRow> = self.newest(statement, student_id, before, limit).await?;
        events.extend(turns.into_iter().map(|row| {
            let turn = Turn::from(row);
            let title = shortened(turn.question());
            TimelineEvent {
                at: turn.created_at,
                id: turn.query_id,
                title,
                what: Happening::Turn(turn.into()),
            }
        }));
        let statement = concat!(
            run_columns!(),
            "WHERE student_id = $1 AND (created_at, run_id) < ($2, $3)
          ORDER BY created_at DESC, run_id DESC LIMIT $4"
        );
        let runs: Vec<Run> = self.newest(statement, student_id, before, limit).await?;
        events.extend(runs.into_iter().map(|run| {
            let title = match &run.error {
                Some(error) => {
                    let part = |name: &str| error.0[name].as_str().unwrap_or_default().to_owned();
                    shortened(&format!("{}: {}", part("type"), part("message")))
                }
                None => run.outcome.clone(),
            };
            TimelineEvent { at: run.at, id: run.run_id, title, what: Happening::Run(run.into()) }
        }));
        let statement = concat!(
            attempt_columns!(),
            "WHERE student_id = $1 AND (created_at, attempt_id) < ($2, $3)
          ORDER BY created_at DESC, attempt_id DESC LIMIT $4"
        );
        let attempts: Vec<Attempt> = self.newest(statement, student_id, before, limit).await?;
        events.extend(attempts.into_iter().map(|attempt| {
            let tried = &attempt.submission;
            let title = bank()
                .binary_search_by_key(&attempt.exercise_id.as_str(), |exercise| exercise.id)
                .map_or(attempt.exercise_id.as_str(), |at| bank()[at].title);
            let title = format!("{title}: {}/{}", tried.tests_passed, tried.tests_total);
            let (at, id) = (tried.at, tried.attempt_id);
            TimelineEvent { at, id, title, what: Happening::Attempt(attempt.into()) }
        }));
        let statement = concat!(
            alert_columns!(),
            "WHERE a.student_id = $1 AND (a.created_at, a.alert_id) < ($2, $3)
          ORDER BY a.created_at DESC, a.alert_id DESC LIMIT $4"
        );
        let alerts: Vec<AlertRow> = self.newest(statement, student_id, before, limit).await?;
        events.extend(alerts.into_iter().map(|row| {
            let alert = Alert::from(row);
            let title = format!("{} ({})", alert.topic_title, alert.cause);
            TimelineEvent {
                at: alert.created_at,
                id: alert.alert_id,
                title,
                what: Happening::Alert(alert.into()),
            }
        }));
        Ok(events)
    }

    /// The rows of a statement whose parameters are a student, the time and id of a place, and a limit.
    async fn newest<Row>(
        &self,
        statement: &'static str,
        student_id: &str,
        before: Place,
        limit: i64,
    ) -> Result<Vec<Row>, Problem>
    where
        Row: for<'row> FromRow<'row, PgRow> + Send + Unpin,
    {
        let rows = sqlx::query_as(statement).bind(student_id).bind(before.at).bind(before.id).bind(limit);
        Ok(rows.fetch_all(&self.db).await?)
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(TITLE_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_text() {
        let place = Place { at: Utc::now(), id: Uuid::now_v7() };
        let read = Place::read(&place.write()).unwrap();
        assert_eq!((read.at.timestamp_micros(), read.id), (place.at.timestamp_micros(), place.id));
        assert!(Place::read("yesterday").is_err());
    }
}
