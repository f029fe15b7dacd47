//! Errors over HTTP as RFC 9457 problem details: what is wrong, and what to do.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use learnflow_events::message::MessageError;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::ExecutorError;

/// An answer that says what went wrong.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    retry_after_s: Option<u64>,
    id: Option<Uuid>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after_s: None, id: None }
    }

    /// A fault that passes by itself.
    pub(crate) fn retry(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { retry_after_s: Some(1), ..Self::new(status, detail) }
    }

    /// A fault of ours: the caller gets an id to quote, the log the reason.
    pub(crate) fn bug(reason: &dyn std::fmt::Display) -> Self {
        let id = Uuid::new_v4();
        tracing::error!(%id, %reason, "a request failed");
        let detail = format!("the sandbox failed; quote {id} to whoever runs it");
        Self { id: Some(id), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail) }
    }
}

impl From<ExecutorError> for Problem {
    fn from(error: ExecutorError) -> Self {
        match error {
            ExecutorError::Invalid(reason) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, reason),
            ExecutorError::Busy { .. } => Self::retry(StatusCode::TOO_MANY_REQUESTS, error.to_string()),
            ExecutorError::ProcessDied(_) => Self::retry(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            ExecutorError::Load { .. } | ExecutorError::Artifact { .. } | ExecutorError::Engine(_) => {
                Self::bug(&error)
            }
        }
    }
}

impl From<MessageError> for Problem {
    fn from(error: MessageError) -> Self {
        // Retrying cannot help, so a broker sends these to the dead letters at once.
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(ref inner) if inner.is_unique_violation() || inner.is_check_violation() => {
                Self::bug(&error)
            }
            sqlx::Error::Database(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::bug(&error)
            }
            _ => {
                tracing::warn!(%error, "the database is away");
                Self::retry(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the database cannot be reached; try again in a second",
                )
            }
        }
    }
}

impl Problem {
    /// The sentence for the caller.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The problem details object of RFC 9457.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(id) = self.id {
            body["id"] = json!(id);
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
