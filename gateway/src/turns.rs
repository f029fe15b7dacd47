//! Turns: their state, waiting for an answer, and the answer as it is written.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::State,
    response::{
        IntoResponse, Sse,
        sse::{Event, KeepAlive},
    },
};
use chrono::{DateTime, Utc};
use futures::{Stream, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, types::Json as SqlJson};
use tokio::time::{Instant, timeout_at};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    history::Feedback,
    identity::Identity,
    problem::{Path, Problem, Query},
    schema,
    waiters::{Subscription, TurnEvent},
};

/// Longest wait of a long poll.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often a stream looks at PostgreSQL though nothing woke it: the net for an event log that is away.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What a student reads when a turn failed.
pub(crate) const FAILED: &str = "Sorry, this question could not be answered. It is kept, and whoever runs the \
    system can try it again; you need not send it twice.";

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(turn)).routes(routes!(turn_events))
}

/// One question and its answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Turn {
    pub(crate) query_id: Uuid,
    /// The turn's number among the student's turns, from 1.
    pub(crate) seq: i64,
    pub(crate) student_id: String,
    #[schema(value_type = schema::TurnStatus)]
    pub(crate) status: String,
    /// What was asked.
    #[schema(value_type = schema::QuerySubmitted)]
    query: Value,
    /// Who answers, once triage has decided.
    routing: Option<Routing>,
    /// The answer.
    answer: Option<Answer>,
    /// What a second agent added.
    #[schema(value_type = Option<schema::AgentResponded>)]
    follow_up: Option<Value>,
    /// Why there is no answer.
    failure: Option<Failure>,
    #[schema(value_type = Option<Feedback>)]
    feedback: Option<Value>,
    pub(crate) created_at: DateTime<Utc>,
    answered_at: Option<DateTime<Utc>>,
    /// From the question to the answer, in milliseconds.
    latency_ms: Option<i64>,
}

/// Triage's decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Routing {
    target_agent: String,
    confidence: Option<f64>,
    reasoning: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Answer {
    agent_name: Option<String>,
    /// Markdown.
    response_text: String,
    #[schema(value_type = Option<schema::ResponseType>)]
    response_type: Option<String>,
    #[schema(value_type = Option<schema::AnsweredBy>)]
    answered_by: Option<String>,
    confidence: Option<f64>,
    reasoning: Option<String>,
    /// What the answer rests on; its shape depends on the agent.
    #[schema(value_type = Option<Object>)]
    evidence: Option<Value>,
    topics: Vec<String>,
    processing_time_ms: Option<i32>,
    /// How much help it gives, where that is graded.
    #[schema(value_type = Option<schema::HintTier>)]
    hint_tier: Option<String>,
    /// The model that wrote it.
    #[schema(value_type = Option<schema::ModelUse>)]
    model: Option<Value>,
}

/// Why a turn failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Failure {
    message: String,
    /// What to quote to whoever runs the system.
    dead_letter_id: Option<Uuid>,
}

impl Turn {
    /// Whether it is answered or failed.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.status.as_str(), "answered" | "failed")
    }

    /// What was asked, without what came with it.
    pub(crate) fn question(&self) -> &str {
        self.query["query_text"].as_str().unwrap_or_default()
    }
}

impl Turn {
    /// The answer or the failure in the shape of the Socket.IO events `agent-response` and `query-failed`, with
    /// what only PostgreSQL knows.
    fn outcome(&self) -> Value {
        let mut outcome = match (&self.answer, &self.failure) {
            (Some(answer), _) => serde_json::json!(answer),
            (None, failure) => serde_json::json!(failure),
        };
        if let Some(outcome) = outcome.as_object_mut() {
            outcome.insert("query_id".to_owned(), self.query_id.to_string().into());
            outcome.insert("seq".to_owned(), self.seq.into());
            outcome.insert("student_id".to_owned(), self.student_id.clone().into());
            outcome.insert("latency_ms".to_owned(), self.latency_ms.into());
            outcome.insert("follow_up".to_owned(), self.follow_up.clone().into());
        }
        outcome
    }
}

/// A row of `query_history` with its newest dead letter.
#[derive(FromRow)]
pub(crate) struct TurnRow {
    query_id: Uuid,
    seq: i64,
    student_id: String,
    status: String,
    query: SqlJson<Value>,
    assigned_agent: Option<String>,
    routing_confidence: Option<f64>,
    routing_reasoning: Option<String>,
    response_text: Option<String>,
    response_type: Option<String>,
    answered_by: Option<String>,
    confidence: Option<f64>,
    reasoning: Option<String>,
    evidence: Option<SqlJson<Value>>,
    topics: Vec<String>,
    follow_up: Option<SqlJson<Value>>,
    processing_time_ms: Option<i32>,
    hint_tier: Option<String>,
    model: Option<SqlJson<Value>>,
    feedback: Option<SqlJson<Value>>,
    created_at: DateTime<Utc>,
    answered_at: Option<DateTime<Utc>>,
    dead_letter_id: Option<Uuid>,
}

/// The columns of [`TurnRow`]; a macro, since SQL is only taken from literals.
macro_rules! turn_columns {
    () => {
        "SELECT q.query_id, q.seq, q.student_id, q.status, q.query, q.assigned_agent, q.routing_confidence,
                q.routing_reasoning, q.response_text, q.response_type, q.answered_by, q.confidence, q.reasoning,
                q.evidence, q.topics, q.follow_up, q.processing_time_ms, q.feedback, q.created_at, q.answered_at,
                q.hint_tier,
                CASE WHEN q.model IS NOT NULL THEN jsonb_build_object(
                    'model', q.model, 'prompt_hash', q.prompt_hash, 'input_tokens', q.input_tokens,
                    'output_tokens', q.output_tokens, 'cost_micros', q.cost_micros) END AS model,
                (SELECT d.dead_letter_id FROM dead_letters d
                  WHERE d.query_id = q.query_id AND q.status = 'failed'
               ORDER BY d.created_at DESC LIMIT 1) AS dead_letter_id
           FROM query_history q "
    };
}
pub(crate) use turn_columns;

impl From<TurnRow> for Turn {
    fn from(row: TurnRow) -> Self {
        let routing = row.assigned_agent.clone().map(|target_agent| Routing {
            target_agent,
            confidence: row.routing_confidence,
            reasoning: row.routing_reasoning,
        });
        let answer = row.response_text.map(|response_text| Answer {
            agent_name: row.assigned_agent,
            response_text,
            response_type: row.response_type,
            answered_by: row.answered_by,
            confidence: row.confidence,
            reasoning: row.reasoning,
            evidence: row.evidence.map(|evidence| evidence.0),
            topics: row.topics,
            processing_time_ms: row.processing_time_ms,
            hint_tier: row.hint_tier,
            model: row.model.map(|model| model.0),
        });
        let failure = (row.status == "failed")
            .then(|| Failure { message: FAILED.to_owned(), dead_letter_id: row.dead_letter_id });
        Self {
            query_id: row.query_id,
            seq: row.seq,
            student_id: row.student_id,
            status: row.status,
            query: row.query.0,
            routing,
            answer,
            follow_up: row.follow_up.map(|follow_up| follow_up.0),
            failure,
            feedback: row.feedback.map(|feedback| feedback.0),
            created_at: row.created_at,
            answered_at: row.answered_at,
            latency_ms: row.answered_at.map(|at| (at - row.created_at).num_milliseconds()),
        }
    }
}

impl App {
    /// A turn that `identity` may see. Somebody else's turn is as unknown as one that does not exist.
    pub(crate) async fn turn(&self, identity: &Identity, query_id: Uuid) -> Result<Option<Turn>, Problem> {
        let row: Option<TurnRow> = sqlx::query_as(concat!(turn_columns!(), "WHERE q.query_id = $1"))
            .bind(query_id)
            .fetch_optional(&self.db)
            .await?;
        let Some(turn) = row.map(Turn::from) else { return Ok(None) };
        let seen = self.may_see(identity, &turn.student_id).await?;
        Ok(seen.then_some(turn))
    }
}

fn unknown_turn() -> Problem {
    Problem::not_found("You have no turn with this id.")
}

/// How long to wait.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Wait {
    /// Wait so many milliseconds for the answer, at most 30,000.
    #[serde(default)]
    wait_ms: u64,
}

/// A turn. With `wait_ms` the response waits until the turn is answered or failed, or the time is over.
#[utoipa::path(get, path = "/api/turns/{id}", tag = "turns", security(("bearer" = [])),
    params(("id" = Uuid, Path), Wait),
    responses((status = 200, description = "As asked", body = Turn), (status = 404, description = "No such turn, or not yours")))]
async fn turn(
    State(app): State<Shared>,
    identity: Identity,
    Path(query_id): Path<Uuid>,
    Query(wait): Query<Wait>,
) -> Result<Json<Turn>, Problem> {
    let until = Instant::now() + Duration::from_millis(wait.wait_ms).min(LONGEST_WAIT);
    let mut events = app.waiters.subscribe(query_id);
    loop {
        let turn = app.turn(&identity, query_id).await?;
        if turn.as_ref().is_some_and(Turn::is_final) || Instant::now() >= until {
            return turn.map(Json).ok_or_else(unknown_turn);
        }
        // Routing and deltas do not make a turn final; look again when something else happens, or at the end.
        let changed = async { while !matches!(events.next().await, TurnEvent::Changed) {} };
        let look_again = until.min(Instant::now() + LOOK_AGAIN);
        tokio::select! {
            _ = timeout_at(look_again, changed) => {}
            // The client asks again, and another replica answers.
            () = app.stop.cancelled() => return turn.map(Json).ok_or_else(unknown_turn),
        }
    }
}

/// A turn's events as they happen (server-sent): `routed`, `delta`, then `answered` or `failed`, which is the
/// last. Their data is that of the Socket.IO events: the decision, a piece of the answer, the answer, the failure.
#[utoipa::path(get, path = "/api/turns/{id}/events", tag = "turns", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "As asked", content_type = "text/event-stream"), (status = 404, description = "Not there, or not for this account")))]
async fn turn_events(
    State(app): State<Shared>,
    identity: Identity,
    Path(query_id): Path<Uuid>,
) -> Result<impl IntoResponse, Problem> {
    let events = app.waiters.subscribe(query_id);
    let turn = app.turn(&identity, query_id).await?.ok_or_else(unknown_turn)?;
    let follow = Follow { app, identity, query_id, events, routed: false, step: Step::Known(Box::new(turn)) };
    Ok(Sse::new(follow.into_stream()).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// A stream over one turn.
struct Follow {
    app: Shared,
    identity: Identity,
    query_id: Uuid,
    events: Subscription,
    /// Whether `routed` has been sent.
    routed: bool,
    step: Step,
}

enum Step {
    /// PostgreSQL was read: send what is new in it.
    Known(Box<Turn>),
    /// Wait for the consumer.
    Wait,
    /// The last event was sent.
    Over,
}

impl Follow {
    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, async |mut follow| {
            let event = follow.next().await?;
            Some((Ok(event), follow))
        })
    }

    /// What happens next, or [`TurnEvent::Changed`] when it is time to look; `None` when the gateway stops.
    async fn wait(&mut self) -> Option<TurnEvent> {
        tokio::select! {
            event = timeout_at(Instant::now() + LOOK_AGAIN, self.events.next()) => {
                Some(event.unwrap_or(TurnEvent::Changed))
            }
            () = self.app.stop.cancelled() => None,
        }
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            match std::mem::replace(&mut self.step, Step::Wait) {
                Step::Over => return None,
                Step::Known(turn) => {
                    if !self.routed
                        && let Some(routing) = &turn.routing
                    {
                        self.routed = true;
                        let data = serde_json::json!({
                            "query_id": turn.query_id, "seq": turn.seq, "target_agent": routing.target_agent,
                            "confidence": routing.confidence, "reasoning": routing.reasoning,
                        });
                        self.step = Step::Known(turn);
                        return Some(event("routed", &data));
                    }
                    if turn.is_final() {
                        self.step = Step::Over;
                        return Some(event(&turn.status, &turn.outcome()));
                    }
                }
                Step::Wait => match self.wait().await? {
                    TurnEvent::Routed(data) if !self.routed => {
                        self.routed = true;
                        return Some(event("routed", &*data));
                    }
                    TurnEvent::Routed(_) => {}
                    TurnEvent::Delta(data) => return Some(event("delta", &*data)),
                    TurnEvent::Changed => {
                        match self.app.turn(&self.identity, self.query_id).await {
                            Ok(Some(turn)) => self.step = Step::Known(Box::new(turn)),
                            // Erased while somebody was watching.
                            Ok(None) => return None,
                            // PostgreSQL is away: stay, and look again later.
                            Err(problem) => problem.log(),
                        }
                    }
                },
            }
        }
    }
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let event = Event::default().event(name);
    event
        .json_data(data)
        .unwrap_or_else(|error| Event::default().comment(format!("an event could not be written: {error}")))
}
