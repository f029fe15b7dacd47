//! Spans of statements, with the attributes of OpenTelemetry's semantic conventions for databases.
//!
//! The statement itself is left out: nobody can know that a component writes values as parameters only.

use learnflow_telemetry::{TraceContext, http::failed, in_trace};
use tokio_postgres::{Config, config::Host};
use tracing::{Span, field::Empty};

use crate::bindings::spin::postgres::postgres::{Error, QueryError};

/// Where a session's statements go.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    address: Option<String>,
    port: Option<u16>,
    database: Option<String>,
}

impl Server {
    /// The first that the driver tries.
    pub(super) fn of(config: &Config) -> Self {
        let named = config.get_hosts().iter().find_map(|host| match host {
            Host::Tcp(name) => Some(name.clone()),
            #[cfg(unix)]
            Host::Unix(_) => None,
        });
        Self {
            address: named.or_else(|| config.get_hostaddrs().first().map(ToString::to_string)),
            port: config.get_ports().first().copied().or(Some(5432)),
            database: config.get_dbname().map(str::to_owned),
        }
    }

    /// The span of a statement.
    pub(super) fn span(&self, trace: Option<&TraceContext>, sql: &str) -> Span {
        let (operation, summary) = summary(sql);
        in_trace(trace, || {
            tracing::info_span!(
                "statement",
                "otel.name" = summary,
                "otel.kind" = "client",
                "otel.status_code" = Empty,
                "db.system.name" = "postgresql",
                "db.namespace" = self.database.as_deref(),
                "db.operation.name" = operation,
                "db.query.summary" = summary,
                "db.response.status_code" = Empty,
                "server.address" = self.address.as_deref(),
                "server.port" = self.port,
                "error.type" = Empty,
            )
        })
    }
}

/// Records how a statement ended.
pub(super) fn ended<T>(span: &Span, result: &Result<T, Error>) {
    match result {
        Ok(_) => {}
        Err(Error::QueryFailed(QueryError::DbError(error))) => {
            span.record("db.response.status_code", error.code.as_str());
            failed(span, &error.code);
        }
        Err(Error::ConnectionFailed(_)) => failed(span, "connection"),
        Err(Error::BadParameter(_)) => failed(span, "parameter"),
        Err(Error::ValueConversionFailed(_)) => failed(span, "conversion"),
        Err(Error::QueryFailed(QueryError::Text(_)) | Error::Other(_)) => failed(span, "_OTHER"),
    }
}

/// What a statement does, and that with what it does it to: `SELECT`, `SELECT commit_answer`. Only names are taken, and
/// only where names stand, so that no value gets into a span.
fn summary(sql: &str) -> (String, String) {
    let sql = super::session::skip_comments(sql);
    let operation =
        sql.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_ascii_uppercase();
    let name_of = |word: &str| -> Option<String> {
        let name: String =
            word.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')).collect();
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_').then_some(name)
    };
    let function = || {
        let first = sql.split_whitespace().nth(1)?;
        first.contains('(').then(|| name_of(first)).flatten()
    };
    let table = || {
        let before =
            |word: &&str| ["FROM", "INTO", "UPDATE"].iter().any(|key| word.eq_ignore_ascii_case(key));
        let mut words = sql.split_whitespace().skip_while(|word| !before(word));
        name_of(words.nth(1)?)
    };
    let target = match operation.as_str() {
        "SELECT" | "CALL" => function().or_else(table),
        "INSERT" | "UPDATE" | "DELETE" => table(),
        _ => None,
    };
    match target {
        Some(target) => {
            let summary = format!("{operation} {target}");
            (operation, summary)
        }
        None => (operation.clone(), operation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_named_by_what_it_does_and_to_what() {
        for (sql, expected) in [
            ("SELECT commit_answer($1, $2)", "SELECT commit_answer"),
            ("select seq, status FROM receive_turn($1)", "SELECT receive_turn"),
            ("SELECT reply FROM inbox WHERE consumer = $1", "SELECT inbox"),
            ("-- why\nINSERT INTO learning.exercises (id) VALUES ($1)", "INSERT learning.exercises"),
            ("UPDATE turns SET a = 1", "UPDATE turns"),
            ("DELETE FROM turns", "DELETE turns"),
            ("SELECT true", "SELECT"),
            ("WITH x AS (SELECT 1) SELECT * FROM x", "WITH"),
            ("", ""),
        ] {
            assert_eq!(summary(sql).1, expected, "{sql}");
        }
    }

    #[test]
    fn no_value_gets_into_the_name() {
        for sql in [
            "SELECT 'secret' FROM 'secret'",
            "SELECT \"secret\"(1)",
            "INSERT INTO 'secret' VALUES (1)",
            "SELECT 5secret",
            "'secret'",
        ] {
            assert!(!summary(sql).1.contains("secret"), "{sql}: {}", summary(sql).1);
        }
    }
}
