//! How the system is: the agents, what waits, and what the language model has cost.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use learnflow_events::{Agent, Route};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::Shared, identity::Admin, problem::Problem, schema};

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(agents)).routes(routes!(lag)).routes(routes!(budget))
}

/// Every agent, triage first.
#[derive(Serialize, ToSchema)]
struct Agents {
    agents: Vec<AgentReport>,
}

/// An agent in the last hour. Agents are not there between two messages: what they did stands for a heartbeat.
#[derive(Serialize, FromRow, ToSchema)]
struct AgentReport {
    agent: String,
    /// `error`: its last turn failed, or one waits too long.
    #[schema(value_type = schema::AgentStatus)]
    status: String,
    /// Turns that wait for it.
    waiting: i64,
    /// Turns that it answered; of triage, that it routed.
    answered_hour: i64,
    failed_hour: i64,
    /// Median time of an answer, in milliseconds.
    p50_ms: Option<i64>,
    /// Time within which 95 % of the answers were given, in milliseconds.
    p95_ms: Option<i64>,
    last_answer_at: Option<DateTime<Utc>>,
}

/// What each agent did in the last hour, and whether it is well.
#[utoipa::path(get, path = "/api/operator/agents", tag = "operator", security(("bearer" = [])),
    responses((status = 200, description = "As asked", body = Agents), (status = 403, description = "Not for this account")))]
async fn agents(State(app): State<Shared>, _: Admin) -> Result<Json<Agents>, Problem> {
    let runner = Route::CodeRunner.to_string();
    let names: Vec<String> = Agent::ALL.iter().map(ToString::to_string).chain([runner]).collect();
    let agents = sqlx::query_as(
        "SELECT a.agent, agent_health(a.agent) ->> 'status' AS status,
                (SELECT count(*) FROM query_history q
                  WHERE q.status IN ('received', 'routed')
                    AND (q.assigned_agent = a.agent OR a.agent = 'triage' AND q.assigned_agent IS NULL)) AS waiting,
                CASE WHEN a.agent = 'triage' THEN
                    (SELECT count(*) FROM query_history q
                      WHERE q.routing_confidence IS NOT NULL AND q.created_at > now() - INTERVAL '1 hour')
                ELSE h.answered END AS answered_hour,
                h.failed AS failed_hour, h.p50::bigint AS p50_ms, h.p95::bigint AS p95_ms,
                (SELECT max(q.answered_at) FROM query_history q
                  WHERE q.assigned_agent = a.agent AND q.status = 'answered') AS last_answer_at
           FROM unnest($1::text[]) WITH ORDINALITY AS a(agent, place),
                LATERAL (SELECT count(*) FILTER (WHERE q.status = 'answered') AS answered,
                                count(*) FILTER (WHERE q.status = 'failed') AS failed,
                                percentile_cont(0.5) WITHIN GROUP (ORDER BY q.processing_time_ms) AS p50,
                                percentile_cont(0.95) WITHIN GROUP (ORDER BY q.processing_time_ms) AS p95
                           FROM query_history q
                          WHERE q.assigned_agent = a.agent AND q.created_at > now() - INTERVAL '1 hour') h
       ORDER BY a.place",
    )
    .bind(names)
    .fetch_all(&app.db)
    .await?;
    Ok(Json(Agents { agents }))
}

/// What waits.
#[derive(Serialize, ToSchema)]
struct Lag {
    /// Consumer groups with the records that they have not handled.
    groups: Vec<GroupLag>,
    turns: Waiting,
}

/// A consumer group on a topic.
#[derive(Serialize, ToSchema)]
struct GroupLag {
    group: String,
    topic: String,
    lag: u64,
    partitions: u32,
}

/// Turns without an answer.
#[derive(Serialize, FromRow, ToSchema)]
struct Waiting {
    /// For triage.
    received: i64,
    /// For a specialist.
    routed: i64,
    oldest_waiting_s: Option<i64>,
}

/// What waits: records in the event log by consumer group, and turns without an answer.
#[utoipa::path(get, path = "/api/operator/lag", tag = "operator", security(("bearer" = [])),
    responses((status = 200, description = "As asked", body = Lag), (status = 403, description = "Not for this account"), (status = 503, description = "The event log is away")))]
async fn lag(State(app): State<Shared>, _: Admin) -> Result<Json<Lag>, Problem> {
    let turns = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE status = 'received') AS received,
                count(*) FILTER (WHERE status = 'routed') AS routed,
                extract(epoch FROM now() - min(created_at))::bigint AS oldest_waiting_s
           FROM query_history WHERE status IN ('received', 'routed')",
    )
    .fetch_one(&app.db)
    .await?;
    let mut groups = Vec::new();
    for watched in app.config.watched_groups() {
        let lag = app.config.event_log.lag(&watched.group, &watched.topic).await;
        let lag = lag.map_err(|error| Problem::away(format!("the lag of {}: {error}", watched.group)))?;
        groups.push(GroupLag {
            group: watched.group,
            topic: watched.topic,
            lag,
            partitions: watched.partitions,
        });
    }
    Ok(Json(Lag { groups, turns }))
}

/// What the language model has cost.
#[derive(Serialize, ToSchema)]
struct Budget {
    /// What a day may cost; `null` where the gateway was not told of a model.
    site: Option<SiteBudget>,
    today: Spending,
    /// Since the first of the month (UTC).
    month: Spending,
    /// This month.
    by_agent: Vec<AgentSpending>,
    breakers: Vec<Breaker>,
    cache: Cache,
}

/// What the model may cost on a day (UTC), in millionths of a US dollar.
#[derive(Serialize, ToSchema)]
struct SiteBudget {
    limit_micros: i64,
    /// What counts against the limit: what was spent, and what calls that are being made may cost.
    used_micros: i64,
    remaining_micros: i64,
    /// When it is full again.
    resets_at: DateTime<Utc>,
}

/// Calls of a model and their price.
#[derive(Serialize, FromRow, ToSchema)]
struct Spending {
    input_tokens: i64,
    output_tokens: i64,
    /// In millionths of a US dollar.
    cost_micros: i64,
    calls: i64,
}

/// An agent's calls.
#[derive(Serialize, FromRow, ToSchema)]
struct AgentSpending {
    agent: String,
    #[sqlx(flatten)]
    #[serde(flatten)]
    spending: Spending,
}

/// The circuit breaker of a provider.
#[derive(Serialize, FromRow, ToSchema)]
struct Breaker {
    name: String,
    /// `closed`, `open` or `half-open`.
    state: String,
    failures: i32,
    opened_at: Option<DateTime<Utc>>,
}

/// Answers that are kept for whoever asks the same.
#[derive(Serialize, FromRow, ToSchema)]
struct Cache {
    entries: i64,
    hits: i64,
}

/// What is left of the language model's budget today, and what it has cost today and this month, by agent; breakers
/// and cache.
#[utoipa::path(get, path = "/api/operator/budget", tag = "operator", security(("bearer" = [])),
    responses((status = 200, description = "As asked", body = Budget), (status = 403, description = "Not for this account")))]
async fn budget(State(app): State<Shared>, _: Admin) -> Result<Json<Budget>, Problem> {
    // A call whose instance died keeps its estimate, so that reserved rows count as well.
    const SPENT: &str = "
        SELECT coalesce(sum(input_tokens), 0)::bigint AS input_tokens,
               coalesce(sum(output_tokens), 0)::bigint AS output_tokens,
               coalesce(sum(cost_micros), 0)::bigint AS cost_micros, count(*) AS calls
          FROM usage_ledger
         WHERE kind = 'llm' AND created_at >= date_trunc($1, now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'";
    // The sum that the agents hold their calls against.
    let (used_micros, resets_at): (i64, DateTime<Utc>) = sqlx::query_as(
        "SELECT coalesce(max(cost_micros), 0), (utc_today() + 1)::timestamp AT TIME ZONE 'UTC'
           FROM usage_days WHERE day = utc_today() AND scope = 'site'",
    )
    .fetch_one(&app.db)
    .await?;
    let site = app.config.site_micros_per_day.map(|limit_micros| SiteBudget {
        limit_micros,
        used_micros,
        remaining_micros: (limit_micros - used_micros).max(0),
        resets_at,
    });
    let today = sqlx::query_as(SPENT).bind("day").fetch_one(&app.db).await?;
    let month = sqlx::query_as(SPENT).bind("month").fetch_one(&app.db).await?;
    let by_agent = sqlx::query_as(
        "SELECT agent, sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens,
                sum(cost_micros)::bigint AS cost_micros, count(*) AS calls
           FROM usage_ledger
          WHERE kind = 'llm' AND created_at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
       GROUP BY agent ORDER BY sum(cost_micros) DESC, agent",
    )
    .fetch_all(&app.db)
    .await?;
    let breakers =
        sqlx::query_as("SELECT name, state, failures, opened_at FROM circuit_breakers ORDER BY name")
            .fetch_all(&app.db)
            .await?;
    let cache = sqlx::query_as(
        "SELECT count(*) AS entries, coalesce(sum(hits), 0)::bigint AS hits FROM response_cache
          WHERE expires_at > now()",
    )
    .fetch_one(&app.db)
    .await?;
    Ok(Json(Budget { site, today, month, by_agent, breakers, cache }))
}
