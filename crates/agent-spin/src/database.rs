//! PostgreSQL through `spin:postgres`. Every write is one statement (migrations/0003_commit.sql says why).

use std::collections::BTreeMap;

use learnflow_agent::{
    Fault, StudentContext, Tutoring,
    llm::{Settings, Usage},
};
use learnflow_events::{
    Agent,
    payload::{AgentResponded, QuerySubmitted},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use spin_sdk::pg::{Connection, Decode, Error, ParameterValue, PgError, QueryError, Row};
use uuid::Uuid;

use crate::model::Payer;

/// A connection with an agent's role.
pub struct Database {
    connection: Connection,
}

/// A turn that was taken in.
#[derive(Clone, Debug)]
pub struct ReceivedTurn {
    /// Its number among the student's turns.
    pub seq: i64,
    /// `received`, `routed`, `answered` or `failed`.
    pub status: String,
    /// Whose turn it is; differs from the caller's student when an id was used twice.
    pub student_id: String,
}

/// An answer that is already stored, as far as an HTTP trigger shows it again.
#[derive(Clone, Debug, Deserialize)]
pub struct StoredReply {
    /// The event that the first handling replied with, in structured JSON.
    pub reply: Option<Value>,
}

impl Database {
    /// Connects.
    ///
    /// # Errors
    /// [`learnflow_agent::FaultKind::Retry`] when the server is away.
    pub async fn open(address: &str) -> Result<Self, Fault> {
        let connection = Connection::open(address).await.map_err(fault)?;
        Ok(Self { connection })
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// [`learnflow_agent::FaultKind::Retry`] when it does not.
    pub async fn ping(&self) -> Result<(), Fault> {
        self.row("SELECT true", vec![]).await.map(drop)
    }

    /// The reply that an event got when it was first handled; `None` when it never was.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn stored_reply(&self, consumer: &str, event_id: &str) -> Result<Option<StoredReply>, Fault> {
        let rows = self
            .rows(
                "SELECT reply FROM inbox WHERE consumer = $1 AND event_id = $2",
                vec![consumer.to_owned().into(), event_id.to_owned().into()],
            )
            .await?;
        rows.first().map(|row| Ok(StoredReply { reply: column(row, 0)? })).transpose()
    }

    /// Takes a turn in, once; a repeat gives the stored turn.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn receive_turn(
        &self,
        query_id: Uuid,
        student_id: &str,
        query: &QuerySubmitted,
        traceparent: Option<&str>,
    ) -> Result<ReceivedTurn, Fault> {
        let row = self
            .row(
                "SELECT seq, status, student_id FROM receive_turn($1, $2, $3, $4)",
                vec![
                    query_id.into(),
                    student_id.to_owned().into(),
                    jsonb(query)?,
                    traceparent.map(str::to_owned).into(),
                ],
            )
            .await?;
        Ok(ReceivedTurn { seq: column(&row, 0)?, status: column(&row, 1)?, student_id: column(&row, 2)? })
    }

    /// Stores triage's decision and the event that says so. Returns the reply to give.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn commit_routing(
        &self,
        event_id: &str,
        reply: &Value,
        query_id: Uuid,
        route: &str,
        confidence: f64,
        reasoning: &str,
    ) -> Result<Value, Fault> {
        self.value(
            "SELECT commit_routing($1, $2, $3, $4, $5, $6)",
            vec![
                event_id.to_owned().into(),
                jsonb(reply)?,
                query_id.into(),
                route.to_owned().into(),
                confidence.into(),
                reasoning.to_owned().into(),
            ],
        )
        .await
    }

    /// Stores an answer and the event that carries it. Returns the reply to give: this one, or the one of an
    /// earlier delivery of the same event.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn commit_answer(
        &self,
        consumer: &str,
        event_id: &str,
        reply: &Value,
        answer: &AgentResponded,
    ) -> Result<Value, Fault> {
        self.value(
            "SELECT commit_answer($1, $2, $3, $4)",
            vec![consumer.to_owned().into(), event_id.to_owned().into(), jsonb(reply)?, jsonb(answer)?],
        )
        .await
    }

    /// What is known about a student; a student nobody knows is new.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn student_context(&self, student_id: &str) -> Result<StudentContext, Fault> {
        self.value("SELECT student_context($1)", vec![student_id.to_owned().into()]).await
    }

    /// Whether a model may be asked for a student, and how far help with an exercise may go.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn tutoring(&self, student_id: &str, exercise_id: Option<&str>) -> Result<Tutoring, Fault> {
        let exercise_id = exercise_id.map(str::to_owned);
        self.value("SELECT tutoring($1, $2)", vec![student_id.to_owned().into(), exercise_id.into()]).await
    }

    /// The exercises that a question may be about and that are not in the bank, by id: made by a model, or written by
    /// the student's teachers.
    ///
    /// # Errors
    /// When the database is away, or an exercise is not a `T`.
    pub async fn kept_exercises<T: DeserializeOwned>(
        &self,
        student_id: &str,
        query: &QuerySubmitted,
    ) -> Result<BTreeMap<String, T>, Fault> {
        let parameters = vec![student_id.to_owned().into(), query.exercise_id.clone().into()];
        self.value("SELECT kept_exercises($1, $2)", parameters).await
    }

    /// Reserves a call's estimate against the budgets of the day: `{granted, spent?, remaining}`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn reserve_usage(
        &self,
        entry_id: Uuid,
        payer: &Payer,
        settings: &Settings,
        estimate: Usage,
    ) -> Result<Value, Fault> {
        self.value(
            "SELECT reserve_usage($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            vec![
                entry_id.into(),
                payer.student_id.clone().into(),
                payer.agent.to_string().into(),
                payer.query_id.into(),
                settings.model.clone().into(),
                count(estimate.input_tokens).into(),
                count(estimate.output_tokens).into(),
                count(settings.cost_micros(estimate)).into(),
                settings.student_tokens_per_day.into(),
                settings.site_micros_per_day.into(),
            ],
        )
        .await
    }

    /// Writes what a reserved call took.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn settle_usage(&self, entry_id: Uuid, usage: Usage, cost_micros: u64) -> Result<(), Fault> {
        self.effect(
            "SELECT settle_usage($1, $2, $3, $4)",
            vec![
                entry_id.into(),
                count(usage.input_tokens).into(),
                count(usage.output_tokens).into(),
                count(cost_micros).into(),
            ],
        )
        .await
    }

    /// Whether the circuit breaker lets a call through.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn breaker_allows(&self, name: &str) -> Result<bool, Fault> {
        let row = self.row("SELECT breaker_allows($1)", vec![name.to_owned().into()]).await?;
        column(&row, 0)
    }

    /// Tells the circuit breaker what a call came to.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn breaker_outcome(&self, name: &str, ok: bool) -> Result<(), Fault> {
        self.effect("SELECT breaker_outcome($1, $2)", vec![name.to_owned().into(), ok.into()]).await
    }

    /// Counts an event that `/metrics` shows.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count(&self, agent: Agent, counter: &str) -> Result<(), Fault> {
        let parameters = vec![agent.to_string().into(), counter.to_owned().into()];
        self.effect("SELECT count_for_agent($1, $2)", parameters).await
    }

    /// The answer that is kept under a key; counted as a hit or a miss.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn cached_response(&self, agent: Agent, key: &str) -> Result<Option<Value>, Fault> {
        let parameters = vec![agent.to_string().into(), key.to_owned().into()];
        let row = self.row("SELECT cached_response($1, $2)", parameters).await?;
        column(&row, 0)
    }

    /// Keeps an answer for whoever asks the same.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn cache_response(
        &self,
        agent: Agent,
        key: &str,
        response: &Value,
        hours: i32,
    ) -> Result<(), Fault> {
        let parameters =
            vec![agent.to_string().into(), key.to_owned().into(), jsonb(response)?, hours.into()];
        self.effect("SELECT cache_response($1, $2, $3, $4)", parameters).await
    }

    /// Puts an event off; returns how often that has happened.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn defer_event(&self, consumer: Agent, event_id: &str) -> Result<i32, Fault> {
        let parameters = vec![consumer.to_string().into(), event_id.to_owned().into()];
        let row = self.row("SELECT defer_event($1, $2)", parameters).await?;
        column(&row, 0)
    }

    /// Runs a function for its effect.
    async fn effect(&self, sql: &str, parameters: Vec<ParameterValue>) -> Result<(), Fault> {
        self.execute(sql, parameters).await.map(drop)
    }

    /// One JSON value from a query with one row and one JSONB column.
    ///
    /// # Errors
    /// When the database is away, or the value is not a `T`.
    pub async fn value<T: DeserializeOwned>(
        &self,
        sql: &str,
        parameters: Vec<ParameterValue>,
    ) -> Result<T, Fault> {
        let row = self.row(sql, parameters).await?;
        let value: Value = column(&row, 0)?;
        serde_json::from_value(value).map_err(|error| Fault::bug(format!("{sql}: {error}")))
    }

    /// Runs a statement for its effect.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn execute(&self, sql: &str, parameters: Vec<ParameterValue>) -> Result<u64, Fault> {
        self.connection.execute(sql, parameters).await.map_err(fault)
    }

    async fn row(&self, sql: &str, parameters: Vec<ParameterValue>) -> Result<Row, Fault> {
        let rows = self.rows(sql, parameters).await?;
        rows.into_iter().next().ok_or_else(|| Fault::bug(format!("no row from: {sql}")))
    }

    async fn rows(&self, sql: &str, parameters: Vec<ParameterValue>) -> Result<Vec<Row>, Fault> {
        let result = self.connection.query(sql, parameters).await.map_err(fault)?;
        result.collect().await.map_err(fault)
    }
}

/// A count as PostgreSQL's bigint.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A JSONB parameter.
///
/// # Errors
/// [`learnflow_agent::FaultKind::Bug`] when the value is not JSON.
pub fn jsonb(value: &impl Serialize) -> Result<ParameterValue, Fault> {
    let text = serde_json::to_vec(value).map_err(|error| Fault::bug(format!("to JSON: {error}")))?;
    Ok(ParameterValue::Jsonb(text))
}

fn column<T: Decode>(row: &Row, index: usize) -> Result<T, Fault> {
    T::decode(&row[index]).map_err(|error| Fault::bug(format!("column {index}: {error}")))
}

/// Decides whether trying again may help, by PostgreSQL's error classes (Appendix A of its manual).
fn fault(error: Error) -> Fault {
    match &error {
        Error::PgError(PgError::ConnectionFailed(_)) => Fault::retry(format!("PostgreSQL: {error}")),
        Error::PgError(PgError::QueryFailed(QueryError::DbError(db))) => {
            let context = format!("PostgreSQL {}: {}", db.code, db.message);
            match db.code.get(..2) {
                // Connection exception, transaction rollback, insufficient resources, operator intervention.
                Some("08" | "40" | "53" | "57") => Fault::retry(context),
                _ => Fault::bug(context),
            }
        }
        // Without an SQLSTATE the connection broke while the query ran.
        Error::PgError(PgError::QueryFailed(QueryError::Text(text))) => {
            Fault::retry(format!("PostgreSQL: {text}"))
        }
        _ => Fault::bug(format!("PostgreSQL: {error}")),
    }
}
