//! One connection in a component's hands.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use deadpool_postgres::Object;
use futures::TryStreamExt;
use learnflow_telemetry::{TraceContext, sql::skip_comments};
use tokio_postgres::{
    NoTls, RowStream, Statement,
    error::{DbError, SqlState},
    types::ToSql,
};
use tracing::Instrument;

use super::{
    parameter::to_sql,
    span::{Server, ended},
    value::{column_type, from_row},
};
use crate::bindings::spin::postgres::postgres::{
    Column, DbError as WitDbError, Error, ParameterValue, QueryError, Row,
};

/// Statements that one connection keeps prepared.
const MOST_STATEMENTS: usize = 256;

type Parameter = Box<dyn ToSql + Sync + Send>;

/// A connection taken from a pool. It goes back when it is dropped, unless something may be left in it.
pub(crate) struct Session {
    /// `None` only while it is being dropped.
    connection: Option<Object>,
    unclean: AtomicBool,
    result_bytes: usize,
    server: Server,
}

impl Session {
    pub(super) fn new(connection: Object, result_bytes: usize, server: Server) -> Self {
        Self { connection: Some(connection), unclean: AtomicBool::new(false), result_bytes, server }
    }

    fn connection(&self) -> Result<&Object, Error> {
        self.connection.as_ref().ok_or_else(|| Error::ConnectionFailed("the connection is closed".to_owned()))
    }

    /// Runs a statement that gives rows.
    pub(crate) async fn query(
        self: Arc<Self>,
        trace: Option<TraceContext>,
        sql: &str,
        parameters: Vec<ParameterValue>,
    ) -> Result<(Vec<Column>, Vec<Row>), Error> {
        let span = self.server.span(trace.as_ref(), sql);
        let running = Running::begin(&self, sql);
        let result = self.collect(sql, parameters).instrument(span.clone()).await;
        running.end();
        ended(&span, &result);
        result
    }

    /// Runs a statement and gives the number of rows that it touched.
    pub(crate) async fn execute(
        self: Arc<Self>,
        trace: Option<TraceContext>,
        sql: &str,
        parameters: Vec<ParameterValue>,
    ) -> Result<u64, Error> {
        let span = self.server.span(trace.as_ref(), sql);
        let running = Running::begin(&self, sql);
        let result = self.count(sql, parameters).instrument(span.clone()).await;
        running.end();
        ended(&span, &result);
        result
    }

    async fn collect(
        &self,
        sql: &str,
        parameters: Vec<ParameterValue>,
    ) -> Result<(Vec<Column>, Vec<Row>), Error> {
        let (statement, stream) = self.start(sql, parameters).await?;
        let columns: Vec<Column> = statement
            .columns()
            .iter()
            .map(|column| Column { name: column.name().to_owned(), data_type: column_type(column.type_()) })
            .collect();
        let mut rows = Vec::new();
        let mut bytes = 0;
        let mut stream = pin!(stream);
        while let Some(row) = stream.try_next().await.map_err(query_error)? {
            bytes += row.raw_size_bytes();
            if bytes > self.result_bytes {
                // The rest is still on its way through this connection.
                self.unclean.store(true, Relaxed);
                return Err(Error::QueryFailed(QueryError::Text(format!(
                    "the result is larger than {} bytes; ask for less with LIMIT",
                    self.result_bytes
                ))));
            }
            rows.push(from_row(&row).map_err(Error::ValueConversionFailed)?);
        }
        Ok((columns, rows))
    }

    async fn count(&self, sql: &str, parameters: Vec<ParameterValue>) -> Result<u64, Error> {
        let (_, stream) = self.start(sql, parameters).await?;
        let mut stream = pin!(stream);
        while stream.try_next().await.map_err(query_error)?.is_some() {}
        Ok(stream.rows_affected().unwrap_or(0))
    }

    /// Prepares and starts a statement. A plan that a migration made stale is made again: the server refused it
    /// before doing anything.
    async fn start(
        &self,
        sql: &str,
        parameters: Vec<ParameterValue>,
    ) -> Result<(Statement, RowStream), Error> {
        let connection = self.connection()?;
        let parameters = parameters
            .into_iter()
            .map(to_sql)
            .collect::<Result<Vec<Parameter>, _>>()
            .map_err(Error::BadParameter)?;
        if connection.statement_cache.size() > MOST_STATEMENTS {
            connection.statement_cache.clear();
        }
        let statement = connection.prepare_cached(sql).await.map_err(query_error)?;
        match connection.query_raw(&statement, borrowed(&parameters)).await {
            Ok(stream) => Ok((statement, stream)),
            Err(error) if is_stale(&error) => {
                connection.statement_cache.remove(sql, &[]);
                let statement = connection.prepare_cached(sql).await.map_err(query_error)?;
                let stream =
                    connection.query_raw(&statement, borrowed(&parameters)).await.map_err(query_error)?;
                Ok((statement, stream))
            }
            Err(error) => Err(query_error(error)),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.unclean.load(Relaxed)
            && let Some(connection) = self.connection.take()
        {
            drop(Object::take(connection));
        }
    }
}

/// A statement under way. If it is dropped before its end, because the component's time was over, the server is told
/// to stop and the connection is not used again.
struct Running<'a> {
    session: &'a Session,
    ended: bool,
}

impl<'a> Running<'a> {
    fn begin(session: &'a Session, sql: &str) -> Self {
        if changes_session(sql) {
            session.unclean.store(true, Relaxed);
        }
        Self { session, ended: false }
    }

    fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.session.unclean.store(true, Relaxed);
        if let (Some(connection), Ok(runtime)) =
            (&self.session.connection, tokio::runtime::Handle::try_current())
        {
            let cancel = connection.cancel_token();
            runtime.spawn(async move {
                if let Err(error) = cancel.cancel_query(NoTls).await {
                    tracing::debug!(%error, "a statement could not be cancelled");
                }
            });
        }
    }
}

/// Whether a statement may leave something in the session: a transaction, a setting, a temporary table, a lock.
/// Everything but the plain statements may.
fn changes_session(sql: &str) -> bool {
    let word: String = skip_comments(sql).chars().take_while(char::is_ascii_alphabetic).collect();
    let plain = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES", "MERGE", "CALL", "TABLE"];
    if !plain.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) {
        return true;
    }
    let text = sql.to_ascii_lowercase();
    ["set_config", "pg_advisory_lock", "pg_try_advisory_lock", "pg_temp"]
        .iter()
        .any(|name| text.contains(name))
}

fn borrowed(parameters: &[Parameter]) -> impl ExactSizeIterator<Item = &(dyn ToSql + Sync)> {
    parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync))
}

/// The server no longer knows the prepared statement, or knows that its result has changed.
fn is_stale(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|error| {
        *error.code() == SqlState::INVALID_SQL_STATEMENT_NAME
            || (*error.code() == SqlState::FEATURE_NOT_SUPPORTED && error.message().contains("cached plan"))
    })
}

fn query_error(error: tokio_postgres::Error) -> Error {
    if error.is_closed() {
        return Error::ConnectionFailed("the connection to PostgreSQL was lost".to_owned());
    }
    let cause = std::error::Error::source(&error);
    let as_text = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    match error.as_db_error() {
        // The server is shutting down or ended this connection: the statement may be tried on another.
        Some(db) if db.code().code().starts_with("57P") || db.code().code().starts_with("08") => {
            Error::ConnectionFailed(as_text)
        }
        Some(db) => Error::QueryFailed(QueryError::DbError(WitDbError {
            as_text,
            severity: db.severity().to_owned(),
            code: db.code().code().to_owned(),
            message: db.message().to_owned(),
            detail: db.detail().map(str::to_owned),
            extras: extras(db),
        })),
        None if cause.is_some_and(|cause| cause.is::<std::io::Error>()) => Error::ConnectionFailed(as_text),
        None => Error::QueryFailed(QueryError::Text(as_text)),
    }
}

fn extras(error: &DbError) -> Vec<(String, String)> {
    [
        ("column", error.column().map(str::to_owned)),
        ("constraint", error.constraint().map(str::to_owned)),
        ("routine", error.routine().map(str::to_owned)),
        ("hint", error.hint().map(str::to_owned)),
        ("table", error.table().map(str::to_owned)),
        ("datatype", error.datatype().map(str::to_owned)),
        ("schema", error.schema().map(str::to_owned)),
        ("file", error.file().map(str::to_owned)),
        ("line", error.line().map(|line| line.to_string())),
        ("where_", error.where_().map(str::to_owned)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_statements_leave_the_session_as_it_was() {
        for plain in [
            "SELECT 1",
            "  insert into t values (1)",
            "-- why\n/* and how */ WITH x AS (SELECT 1) SELECT * FROM x",
            "(SELECT 1) UNION (SELECT 2)",
            "select commit_answer($1)",
        ] {
            assert!(!changes_session(plain), "{plain}");
        }
        for changing in [
            "BEGIN",
            "set search_path = x",
            "CREATE TEMP TABLE t (i int)",
            "LISTEN x",
            "SELECT set_config('a.b', 'c', false)",
            "select pg_advisory_lock(1)",
            "",
        ] {
            assert!(changes_session(changing), "{changing}");
        }
    }
}
