//! Spans of SQL statements, with the attributes of OpenTelemetry's semantic conventions for databases.
//!
//! A statement is named by what it does and to what. Its text stays here: nobody can know that it has values as
//! parameters only.
//!
//! Whoever runs statements with sqlx does nothing for their spans. sqlx says of each statement that it has ended, in an
//! event of `tracing` without parameters, and the layer makes a span of it.

use std::{borrow::Cow, fmt, time::Duration};

use tracing::{
    Event, Metadata,
    field::{Field, Visit},
    level_filters::LevelFilter,
};

use crate::{
    layer::{Fields, Value},
    otlp::{SpanKind, StatusCode},
};

/// The target of what sqlx says of statements: at DEBUG, and at WARN of slow ones.
const SQLX: &str = "sqlx::query";

/// Whether this describes what sqlx says of a statement. Before it says it, it asks whether anybody listens; that
/// question is neither a span nor an event.
pub(crate) fn is_statement(metadata: &Metadata<'_>) -> bool {
    !metadata.is_span() && metadata.target() == SQLX && *metadata.level() <= LevelFilter::DEBUG
}

/// The fields of the span of a statement that sqlx says has ended. Whether it failed is not said.
pub(crate) fn fields_of(event: &Event<'_>) -> Option<Fields> {
    let mut said = Said::default();
    event.record(&mut said);
    let Said { operation, summary, took, rows } = said;
    if operation.is_empty() {
        return None;
    }
    Some(Fields {
        name: Cow::Owned(summary.clone()),
        kind: SpanKind::Client,
        status: StatusCode::Unset,
        started_ago: took,
        attributes: vec![
            ("db.system.name", Value::Text("postgresql".to_owned())),
            ("db.operation.name", Value::Text(operation)),
            ("db.query.summary", Value::Text(summary)),
            ("db.response.returned_rows", Value::Integer(rows)),
        ],
    })
}

/// What sqlx says of a statement.
#[derive(Default)]
struct Said {
    operation: String,
    summary: String,
    took: Duration,
    rows: i64,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        // Of a longer statement the first field has only the beginning; the second, which is else empty, has all of it.
        if matches!(field.name(), "summary" | "db.statement") && !value.is_empty() {
            (self.operation, self.summary) = summary(value);
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.took = Duration::try_from_secs_f64(value).unwrap_or_default();
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows_returned" {
            self.rows = i64::try_from(value).unwrap_or(i64::MAX);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// What a statement does, and that with what it does it to: `SELECT`, `SELECT commit_answer`. Only names are taken, and
/// only where names stand, so that no value gets into a span.
pub fn summary(sql: &str) -> (String, String) {
    let sql = skip_comments(sql);
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

/// A statement from its first word on.
pub fn skip_comments(sql: &str) -> &str {
    let mut rest = sql.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    loop {
        let after = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, after)| after)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, after)| after)
        } else {
            return rest;
        };
        rest = after.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
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
