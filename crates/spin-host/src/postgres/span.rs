//! Spans of statements, with the attributes of OpenTelemetry's semantic conventions for databases.

use learnflow_telemetry::{TraceContext, http::failed, in_trace, sql::summary};
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
