//! Events that could not be delivered: kept, the student told, and sent again when an operator says so.
//!
//! The broker's dispatcher posts them here with Knative's error attributes. The reply, when the event was about
//! a turn that nobody answered, is `learnflow.query.failed.v1`.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use chrono::Utc;
use cloudevents::{AttributesReader, Event};
use http::{HeaderMap, StatusCode};
use learnflow_events::{
    EventType, Outgoing, attribute, ids, limits,
    message::{check_id, extension, read_http, to_http},
    payload::QueryFailed,
};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    problem::Problem,
    turns::FAILED,
};

/// The CloudEvents `source` of what the gateway sends.
pub(crate) const SOURCE: &str = "/learnflow/gateway";
/// Attributes that the dispatcher adds to a dead letter (Knative Eventing, "Event delivery").
const ERROR_ATTRIBUTES: [&str; 3] = ["knativeerrordest", "knativeerrorcode", "knativeerrordata"];
/// Attributes that the dispatcher adds to every delivery.
const DELIVERY_ATTRIBUTES: [&str; 2] = ["knativekafkapartition", "knativekafkaoffset"];

/// `POST /events/dead-letters`.
pub(crate) async fn receive(
    State(app): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let unprocessable = |detail: String| Problem::reject(StatusCode::UNPROCESSABLE_ENTITY, detail);
    if body.len() > limits::EVENT_BYTES {
        return Err(Problem::reject(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The event is too large; at most {} bytes are kept.", limits::EVENT_BYTES),
        ));
    }
    let event = read_http(&headers, body.to_vec()).map_err(|error| unprocessable(error.to_string()))?;
    check_id("id", event.id()).map_err(|error| unprocessable(error.to_string()))?;
    let letter = Letter::of(&event);
    let Some(failed) = app.keep(&letter).await? else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    app.metrics.turns_failed.inc();
    let (headers, body) = to_http(&failed);
    let mut response = body.into_response();
    response.headers_mut().clear();
    for (name, value) in headers {
        let name = http::HeaderName::try_from(name).map_err(|error| Problem::bug(error.to_string()))?;
        let value = value.try_into().map_err(|error: http::header::InvalidHeaderValue| {
            Problem::bug(format!("the header {name}: {error}"))
        })?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// What is known about an undelivered event.
pub(crate) struct Letter {
    event_id: String,
    event_type: String,
    student_id: Option<String>,
    /// The turn it is about.
    query_id: Option<Uuid>,
    /// Whether the turn has no answer because of it.
    ends_turn: bool,
    traceparent: Option<String>,
    event: Value,
    pub(crate) destination: String,
    error_code: Option<i32>,
    error_data: Option<String>,
}

impl Letter {
    pub(crate) fn of(event: &Event) -> Self {
        let stored = structured(event);
        let attribute = |name: &str| stored.get(name).and_then(Value::as_str).map(str::to_owned);
        let event_type = event.ty().parse::<EventType>().ok();
        let ends_turn = matches!(event_type, Some(EventType::QuerySubmitted | EventType::QueryRouted));
        let subject = event.subject().and_then(|subject| subject.parse::<Uuid>().ok());
        let query_id = match event_type {
            // Whoever submits a query need not know turns: then the turn's id is derived from the event.
            Some(EventType::QuerySubmitted) => {
                Some(subject.unwrap_or_else(|| ids::turn_of_event(event.source(), event.id())))
            }
            _ => subject
                .or_else(|| stored["data"]["payload"]["query_id"].as_str().and_then(|id| id.parse().ok())),
        };
        let student_id = attribute(extension::PARTITION_KEY)
            .or_else(|| stored["data"]["student_id"].as_str().map(str::to_owned))
            .filter(|id| !id.is_empty() && check_id("student_id", id).is_ok());
        let error_data = attribute("knativeerrordata").map(|data| {
            let decoded = BASE64_STANDARD.decode(&data).unwrap_or_else(|_| data.into_bytes());
            String::from_utf8_lossy(&decoded).replace('\0', "\u{fffd}")
        });
        Self {
            event_id: event.id().to_owned(),
            event_type: without_nul(event.ty()),
            student_id,
            query_id,
            ends_turn: ends_turn && query_id.is_some(),
            traceparent: attribute(extension::TRACE_PARENT),
            destination: attribute("knativeerrordest").unwrap_or_default(),
            error_code: attribute("knativeerrorcode").and_then(|code| code.parse().ok()),
            error_data,
            event: stored,
        }
    }
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// An event as structured JSON that PostgreSQL can keep: data that is not JSON, or that holds NUL characters,
/// which JSONB has no place for, is kept as `data_base64`, byte for byte.
fn structured(event: &Event) -> Value {
    let (headers, body) = to_http(event);
    let mut stored = Map::new();
    for (name, value) in headers {
        let (name, value) = match name.strip_prefix("ce-") {
            Some(name) => (name.to_owned(), attribute::decode(value.as_bytes()).into_owned()),
            None => ("datacontenttype".to_owned(), value),
        };
        stored.insert(name, without_nul(&value).into());
    }
    if body.is_empty() {
        return stored.into();
    }
    let escaped_nul = body.windows(6).any(|window| window == br"\u0000");
    match serde_json::from_slice::<Value>(&body) {
        Ok(data) if !escaped_nul => stored.insert("data".to_owned(), data),
        _ => stored.insert("data_base64".to_owned(), BASE64_STANDARD.encode(&body).into()),
    };
    stored.into()
}

/// HTTP headers, in order.
pub(crate) type Headers = Vec<(String, String)>;

/// The original event of a dead letter: binary-mode headers without what the dispatcher added, and the data.
pub(crate) fn original(stored: &Value) -> Option<(Headers, Vec<u8>)> {
    let mut headers = Vec::new();
    let mut body = Vec::new();
    for (name, value) in stored.as_object()? {
        match name.as_str() {
            "data" => body = value.to_string().into_bytes(),
            "data_base64" => body = BASE64_STANDARD.decode(value.as_str()?).ok()?,
            "datacontenttype" => headers.push(("content-type".to_owned(), value.as_str()?.to_owned())),
            added
                if ERROR_ATTRIBUTES.contains(&added)
                    || DELIVERY_ATTRIBUTES.contains(&added)
                    || added.starts_with("kne") => {}
            _ => headers.push((format!("ce-{name}"), attribute::encode(value.as_str()?).into_owned())),
        }
    }
    Some((headers, body))
}

impl App {
    /// Stores a dead letter and ends its turn. Returns the event that tells the student.
    pub(crate) async fn keep(&self, letter: &Letter) -> Result<Option<Event>, Problem> {
        let mut transaction = self.db.begin().await?;
        // The same event can fail again after a replay: then the letter is open again.
        let dead_letter_id: Uuid = sqlx::query_scalar(
            "INSERT INTO dead_letters (dead_letter_id, event_id, event_type, student_id, query_id, event,
                                       destination, error_code, error_data)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (event_id, destination) DO UPDATE
                SET event = excluded.event, error_code = excluded.error_code,
                    error_data = excluded.error_data, replayed_at = NULL
             RETURNING dead_letter_id",
        )
        .bind(Uuid::now_v7())
        .bind(&letter.event_id)
        .bind(&letter.event_type)
        .bind(&letter.student_id)
        .bind(letter.query_id)
        .bind(Json(&letter.event))
        .bind(&letter.destination)
        .bind(letter.error_code)
        .bind(&letter.error_data)
        .fetch_one(&mut *transaction)
        .await?;
        let mut failed = None;
        if letter.ends_turn
            && let Some(query_id) = letter.query_id
        {
            sqlx::query(
                "UPDATE query_history SET status = 'failed'
                  WHERE query_id = $1 AND status IN ('received', 'routed')",
            )
            .bind(query_id)
            .execute(&mut *transaction)
            .await?;
            let turn: Option<(String, String)> =
                sqlx::query_as("SELECT student_id, status FROM query_history WHERE query_id = $1")
                    .bind(query_id)
                    .fetch_optional(&mut *transaction)
                    .await?;
            let student_id = match turn {
                Some((_, status)) if status == "answered" => None,
                Some((student_id, _)) => Some(student_id),
                // The turn was never stored: its event says whose it is.
                None => letter.student_id.clone(),
            };
            failed = student_id.map(|student_id| {
                query_failed(
                    &letter.event_id,
                    query_id,
                    student_id,
                    dead_letter_id,
                    letter.traceparent.clone(),
                )
            });
        }
        transaction.commit().await?;
        self.metrics.dead_letters.inc();
        tracing::warn!(
            %dead_letter_id, event_id = letter.event_id, event_type = letter.event_type,
            destination = letter.destination, error_code = letter.error_code, "an event could not be delivered"
        );
        Ok(failed)
    }
}

/// The event that tells a student that a turn failed.
fn query_failed(
    cause: &str,
    query_id: Uuid,
    student_id: String,
    dead_letter_id: Uuid,
    traceparent: Option<String>,
) -> Event {
    let now = Utc::now();
    Outgoing {
        id: ids::caused_event(cause, EventType::QueryFailed),
        source: SOURCE.to_owned(),
        subject: Some(query_id.to_string()),
        time: now,
        student_id,
        traceparent,
        extensions: Vec::new(),
    }
    .event(QueryFailed { query_id, message: FAILED.to_owned(), dead_letter_id, failed_at: now })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(data: &str) -> Event {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-id", "e1"),
            ("ce-source", "/somewhere"),
            ("ce-type", EventType::QuerySubmitted.as_str()),
            ("ce-partitionkey", "ada"),
            ("ce-knativeerrordest", "http://triage"),
            ("ce-knativeerrorcode", "422"),
            ("ce-knativeerrordata", "bm8="),
            ("ce-knativekafkaoffset", "7"),
            ("content-type", "application/json"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        read_http(&headers, data.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn the_original_event_comes_back_byte_for_byte() {
        for data in [r#"{"student_id":"ada"}"#, "{broken", "\u{7f}\u{0}", r#"{"text":"a\u0000b"}"#] {
            let stored = Letter::of(&dead(data)).event;
            assert!(!stored.to_string().contains(r"\u0000"), "{stored}");
            let (mut headers, body) = original(&stored).unwrap();
            headers.sort();
            let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(
                names,
                ["ce-id", "ce-partitionkey", "ce-source", "ce-specversion", "ce-type", "content-type"]
            );
            assert_eq!(String::from_utf8(body).unwrap(), data);
        }
    }

    #[test]
    fn a_letter_knows_its_turn_student_and_error() {
        let letter = Letter::of(&dead("{}"));
        assert_eq!(letter.query_id, Some(ids::turn_of_event("/somewhere", "e1")));
        assert_eq!(letter.student_id.as_deref(), Some("ada"));
        assert_eq!((letter.error_code, letter.error_data.as_deref()), (Some(422), Some("no")));
        assert!(letter.ends_turn);
    }
}
