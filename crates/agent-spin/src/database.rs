//! PostgreSQL through `spin:postgres`. Every write is one statement (migrations/0003_commit.sql says why).

use learnflow_agent::{Fault, StudentContext};
use learnflow_events::payload::{AgentResponded, QuerySubmitted};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use spin_sdk::pg::{Connection, Decode, Error, ParameterValue, PgError, QueryError, Row};
use uuid::Uuid;

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
