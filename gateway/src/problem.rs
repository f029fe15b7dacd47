//! Errors as the caller sees them: RFC 9457 problem documents, one for each row of the fault table.

use axum::{
    Json,
    extract::rejection::JsonRejection,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

/// What a caller gets instead of an answer. The context is logged under the id and never sent.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    /// One sentence: what is wrong and what to do.
    detail: String,
    context: Option<String>,
    retry_after_s: Option<u64>,
    id: Option<Uuid>,
    /// A further member of the document (RFC 9457, section 3.2).
    member: Option<Box<(&'static str, Value)>>,
    /// Headers of the answer besides those of every problem.
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// The caller's request is wrong and stays wrong.
    pub fn reject(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            context: None,
            retry_after_s: None,
            id: None,
            member: None,
            headers: Vec::new(),
        }
    }

    /// 400 with a sentence.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::reject(StatusCode::BAD_REQUEST, detail)
    }

    /// 404 with a sentence.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::reject(StatusCode::NOT_FOUND, detail)
    }

    /// Nobody is logged in, or the token is not valid.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::reject(StatusCode::UNAUTHORIZED, detail)
    }

    /// Logged in, but not allowed to do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::reject(StatusCode::FORBIDDEN, detail)
    }

    /// Too many requests.
    pub fn too_many(retry_after_s: u64) -> Self {
        Self {
            retry_after_s: Some(retry_after_s.max(1)),
            ..Self::reject(
                StatusCode::TOO_MANY_REQUESTS,
                format!("Too many requests; try again in {} s.", retry_after_s.max(1)),
            )
        }
    }

    /// A quota is spent for now.
    pub fn spent(detail: impl Into<String>, retry_after_s: u64) -> Self {
        Self { retry_after_s: Some(retry_after_s), ..Self::reject(StatusCode::TOO_MANY_REQUESTS, detail) }
    }

    /// Something that is needed is away and will come back.
    pub fn away(context: impl Into<String>) -> Self {
        Self {
            context: Some(context.into()),
            retry_after_s: Some(2),
            id: Some(Uuid::now_v7()),
            ..Self::reject(
                StatusCode::SERVICE_UNAVAILABLE,
                "The tutor is busy at the moment; please try again shortly.",
            )
        }
    }

    /// An invariant of ours is broken.
    pub fn bug(context: impl Into<String>) -> Self {
        Self {
            context: Some(context.into()),
            id: Some(Uuid::now_v7()),
            ..Self::reject(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong on our side. Please tell your teacher, and quote the id.",
            )
        }
    }

    /// The same with a further member of the document.
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.member = Some(Box::new((name, value)));
        self
    }

    /// The same with a further header of the answer.
    pub fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The problem document.
    pub fn document(&self) -> Value {
        let mut document = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(id) = self.id {
            document["id"] = json!(id);
        }
        if let Some(member) = &self.member {
            document[member.0] = member.1.clone();
        }
        document
    }

    /// Writes the operator's half to the log.
    pub fn log(&self) {
        if let (Some(context), Some(id)) = (&self.context, self.id) {
            if self.status == StatusCode::INTERNAL_SERVER_ERROR {
                tracing::error!(%id, context, "a request failed");
            } else {
                tracing::warn!(%id, context, "a request could not be served now");
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let mut response = (self.status, Json(self.document())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(self.headers);
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let away = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            // Connection exceptions, serialization, resources, operator intervention.
            sqlx::Error::Database(database) => database
                .code()
                .is_some_and(|code| ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))),
            _ => false,
        };
        let context = format!("PostgreSQL: {error}");
        if away { Self::away(context) } else { Self::bug(context) }
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        let detail = match &rejection {
            JsonRejection::MissingJsonContentType(_) => {
                "Send the body as JSON, with the header content-type: application/json.".to_owned()
            }
            _ if status == StatusCode::PAYLOAD_TOO_LARGE => too_large().detail,
            _ => rejection.body_text(),
        };
        Self::reject(status, detail)
    }
}

/// 413 with the limit.
pub fn too_large() -> Problem {
    Problem::reject(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("The body is too large; send at most {} bytes.", learnflow_events::limits::BODY_BYTES),
    )
}

/// A JSON body whose refusals are problem documents.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S, T> axum::extract::FromRequest<S> for Body<T>
where
    T: serde::de::DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, Problem> {
        let Json(body) = Json::<T>::from_request(request, state).await?;
        Ok(Self(body))
    }
}

/// A query string whose refusals are problem documents.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S, T> axum::extract::FromRequestParts<S> for Query<T>
where
    T: serde::de::DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut http::request::Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::from_request_parts(parts, state)
            .await
            .map(|query| Self(query.0))
            .map_err(|rejection| Problem::bad_request(rejection.body_text()))
    }
}

/// Path parameters whose refusals are problem documents.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S, T> axum::extract::FromRequestParts<S> for Path<T>
where
    T: serde::de::DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut http::request::Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|rejection| Problem::bad_request(rejection.body_text()))
    }
}
