//! A student's turns: found by words, page by page, and rated.

use axum::{Json, extract::State, http::StatusCode};
use chrono::Utc;
use learnflow_events::{EventType, Outgoing, ids, payload::FeedbackGiven};
use learnflow_telemetry::TraceContext;
use serde::{Deserialize, Serialize};
use sqlx::types::Json as SqlJson;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    dead_letters::SOURCE,
    identity::Identity,
    page,
    problem::{Body, Problem, Query},
    turns::{Turn, TurnRow, turn_columns},
};

const MOST: i64 = 100;
const COMMENT_BYTES: usize = 4 * 1024;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(history)).routes(routes!(feedback))
}

/// Which turns.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// Words to find in the questions, as in a web search: `loop -while "off by one"`.
    q: Option<String>,
    /// Older than this number: `next` of the page before.
    before: Option<i64>,
    /// Turns, 1 to 100; 20 when absent.
    limit: Option<i64>,
}

/// A page of turns, newest first.
#[derive(Serialize, ToSchema)]
struct History {
    turns: Vec<Turn>,
    /// `before` of the next page; absent on the last one.
    next: Option<i64>,
}

/// One's own turns, newest first.
#[utoipa::path(get, path = "/api/history", tag = "turns", security(("bearer" = [])), params(Filter),
    responses((status = 200, description = "As asked", body = History)))]
async fn history(
    State(app): State<Shared>,
    identity: Identity,
    Query(filter): Query<Filter>,
) -> Result<Json<History>, Problem> {
    let limit = page::rows(filter.limit, 20, MOST)?;
    let words = filter.q.map(|words| words.replace('\0', "")).filter(|words| !words.trim().is_empty());
    let rows: Vec<TurnRow> = sqlx::query_as(concat!(
        turn_columns!(),
        "WHERE q.student_id = $1
           AND ($2::text IS NULL OR q.query_vector @@ websearch_to_tsquery('english', $2))
           AND ($3::bigint IS NULL OR q.seq < $3)
      ORDER BY q.seq DESC LIMIT $4 + 1"
    ))
    .bind(&identity.user_id)
    .bind(words)
    .bind(filter.before)
    .bind(limit)
    .fetch_all(&app.db)
    .await?;
    let mut turns: Vec<Turn> = rows.into_iter().map(Turn::from).collect();
    let more = page::cut(&mut turns, limit);
    let next = more.then(|| turns.last().map(|turn| turn.seq)).flatten();
    Ok(Json(History { turns, next }))
}

/// What a student thinks of an answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feedback {
    /// The turn.
    query_id: Uuid,
    /// Thumb up or down.
    helpful: bool,
    /// 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rating: Option<u8>,
    /// At most 4 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

/// Rates an answer; a later rating replaces an earlier one.
#[utoipa::path(post, path = "/api/feedback", tag = "turns", security(("bearer" = [])),
    request_body = Feedback,
    responses((status = 202, description = "Kept"), (status = 404, description = "Not one of your turns"),
              (status = 422, description = "Not valid; the problem says what to do"), (status = 503, description = "Not kept; see Retry-After")))]
async fn feedback(
    State(app): State<Shared>,
    identity: Identity,
    Body(feedback): Body<Feedback>,
) -> Result<StatusCode, Problem> {
    app.rate(&identity, feedback).await?;
    Ok(StatusCode::ACCEPTED)
}

impl App {
    /// Keeps a rating and tells the progress agent.
    pub(crate) async fn rate(&self, identity: &Identity, feedback: Feedback) -> Result<(), Problem> {
        let refuse = |detail: &str| Problem::reject(StatusCode::UNPROCESSABLE_ENTITY, detail);
        if feedback.rating.is_some_and(|rating| !(1..=5).contains(&rating)) {
            return Err(refuse("rating must be 1 to 5."));
        }
        let comment = feedback.comment.as_deref().unwrap_or_default();
        if comment.len() > COMMENT_BYTES || comment.contains('\0') {
            return Err(refuse("comment must have at most 4096 bytes, none of them NUL."));
        }
        // One's own answers only: a teacher may see a student's turn, but not speak for the student.
        let kept =
            sqlx::query("UPDATE query_history SET feedback = $3 WHERE query_id = $1 AND student_id = $2")
                .bind(feedback.query_id)
                .bind(&identity.user_id)
                .bind(SqlJson(&feedback))
                .execute(&self.db)
                .await?;
        if kept.rows_affected() == 0 {
            return Err(Problem::not_found("You have no turn with this id."));
        }
        let payload = FeedbackGiven {
            query_id: feedback.query_id,
            helpful: feedback.helpful,
            rating: feedback.rating,
            comment: feedback.comment,
        };
        // The same rating twice is one event; a changed one is another.
        let cause = serde_json::to_string(&payload).map_err(|error| Problem::bug(error.to_string()))?;
        let event = Outgoing {
            id: ids::caused_event(&cause, EventType::FeedbackGiven),
            source: SOURCE.to_owned(),
            subject: Some(feedback.query_id.to_string()),
            time: Utc::now(),
            student_id: identity.user_id.clone(),
            traceparent: Some(TraceContext::current_or_new().traceparent()),
            extensions: Vec::new(),
        }
        .event(payload);
        self.outbound.publish(&self.config.broker_url, &event).await?;
        Ok(())
    }
}
