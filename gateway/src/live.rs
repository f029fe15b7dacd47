//! From the event log to people: wakes whoever waits for a turn, and tells browsers over Socket.IO.
//!
//! Every replica reads every event (a consumer group of its own), so a student's socket may be on any of them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use cloudevents::AttributesReader;
use http::{HeaderMap, HeaderName, HeaderValue};
use learnflow_event_log::{
    Consumer, Delivered, LogError, Position, Record, Start, TopicSpec, usual_settings,
};
use learnflow_events::code::CodeExecuted;
use learnflow_events::{
    EventType, Incoming, MessageError, Topic, attribute,
    payload::{
        AgentLogged, AgentResponded, MasteryUpdated, Payload, QueryFailed, QueryRouted, ResponseDelta,
        StudentStruggling,
    },
};
use learnflow_telemetry::{TraceContext, in_trace};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::{
    activity::AgentStatus,
    app::{App, Shared},
    dead_letters::SOURCE,
    sockets::{GLOBAL, rooms_of_teachers, student_room},
    waiters::TurnEvent,
};

/// The topics that people are told about.
pub(crate) const TOPICS: [Topic; 7] = Topic::TOLD;
/// How often positions are committed: nothing is lost without them, a restart only starts a little earlier.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// How long to wait before subscribing again to a log that was away.
const RETRY: Duration = Duration::from_millis(500);

/// Reads events until `stop`; subscribes again whenever the log was away.
pub(crate) async fn consume(app: Shared, stop: CancellationToken) {
    let group = app.config.own_group();
    let topics = TOPICS.map(|topic| topic.name);
    while !stop.is_cancelled() {
        let result = tokio::select! {
            () = stop.cancelled() => break,
            result = async {
                // Whichever process starts first makes the topics.
                app.config.event_log.ensure_topics(&TOPICS.map(specification)).await?;
                let consumer = app.config.event_log.subscribe(&group, &topics, Start::Latest).await?;
                app.set_consuming(true);
                read(&app, consumer, &stop).await
            } => result,
        };
        app.set_consuming(false);
        if let Err(error) = result {
            tracing::warn!(%error, group, "the event log is away; turns are still answered, browsers wait");
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }
    app.set_consuming(false);
}

fn specification(topic: Topic) -> TopicSpec {
    TopicSpec {
        name: topic.name.to_owned(),
        partitions: topic.partitions,
        replication: topic.replication,
        retention_ms: topic.retention_ms,
        settings: usual_settings(),
    }
}

async fn read(app: &App, mut consumer: Box<dyn Consumer>, stop: &CancellationToken) -> Result<(), LogError> {
    let mut handled: HashMap<(Arc<str>, i32), Position> = HashMap::new();
    let mut commit = tokio::time::interval(COMMIT_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => {
                return commit_all(&*consumer, &mut handled).await;
            }
            delivered = consumer.next() => {
                let delivered = delivered?;
                app.tell(&delivered).await;
                handled.insert((delivered.topic, delivered.position.partition), delivered.position);
            }
            _ = commit.tick() => commit_all(&*consumer, &mut handled).await?,
        }
    }
}

async fn commit_all(
    consumer: &dyn Consumer,
    handled: &mut HashMap<(Arc<str>, i32), Position>,
) -> Result<(), LogError> {
    for ((topic, _), position) in handled.drain() {
        consumer.commit(&topic, position).await?;
    }
    Ok(())
}

/// The event of a record in Kafka's binary content mode (CloudEvents Kafka Protocol Binding 1.0.2, section 3.2).
pub(crate) fn event_of(record: &Record) -> Result<Incoming, MessageError> {
    let mut headers = HeaderMap::with_capacity(record.headers.len());
    for (name, value) in &record.headers {
        let text = String::from_utf8_lossy(value);
        let (name, text) = match name.strip_prefix("ce_") {
            Some(name) => (format!("ce-{name}"), attribute::encode(&text).into_owned()),
            None => (name.clone(), text.into_owned()),
        };
        // A header that HTTP cannot carry is none of ours.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(text)) {
            headers.insert(name, value);
        }
    }
    Incoming::from_http(&headers, record.value.clone())
}

/// What people are told about an event.
struct Told {
    student_id: String,
    query_id: Option<Uuid>,
    data: Value,
}

/// The payload with what the envelope knows: the shape in which Socket.IO events are sent.
fn told<P: Payload>(incoming: &Incoming) -> Result<Told, MessageError> {
    let envelope = incoming.envelope::<P>()?;
    let mut data = serde_json::to_value(&envelope.payload).map_err(|error| MessageError::BadData {
        event_type: incoming.event_type,
        reason: error.to_string(),
    })?;
    data["event_id"] = json!(envelope.message_id);
    data["timestamp"] = json!(envelope.timestamp);
    data["student_id"] = json!(envelope.student_id);
    let query_id = data["query_id"].as_str().and_then(|id| id.parse().ok());
    Ok(Told { student_id: envelope.student_id, query_id, data })
}

impl App {
    async fn tell(&self, delivered: &Delivered) {
        let result = match event_of(&delivered.record) {
            Ok(incoming) => {
                let span = self.span(delivered, &incoming);
                self.tell_event(&incoming).instrument(span).await
            }
            Err(error) => Err(error),
        };
        let outcome = if result.is_ok() { "told" } else { "unreadable" };
        self.metrics.events.with_label_values(&[&*delivered.topic, outcome]).inc();
        if let Err(error) = result {
            tracing::warn!(%error, topic = &*delivered.topic, position = ?delivered.position, "an event was skipped");
        }
    }

    /// The span of an event that is told, in the trace of the request that caused it.
    fn span(&self, delivered: &Delivered, incoming: &Incoming) -> Span {
        in_trace(TraceContext::from_record(&delivered.record.headers).as_ref(), || {
            tracing::info_span!(
                "process",
                "otel.name" = format!("process {}", delivered.topic),
                "otel.kind" = "consumer",
                "messaging.system" = "kafka",
                "messaging.operation.type" = "process",
                "messaging.operation.name" = "process",
                "messaging.destination.name" = &*delivered.topic,
                "messaging.destination.partition.id" = delivered.position.partition,
                "messaging.kafka.offset" = delivered.position.offset,
                "messaging.consumer.group.name" = self.config.own_group(),
                "cloudevents.event_id" = incoming.event.id(),
                "cloudevents.event_type" = incoming.event_type.as_str(),
                "cloudevents.event_subject" = incoming.event.subject(),
            )
        })
    }

    async fn tell_event(&self, incoming: &Incoming) -> Result<(), MessageError> {
        match incoming.event_type {
            EventType::QueryRouted => {
                let mut told = told::<QueryRouted>(incoming)?;
                // The question is long, and whoever waits for the turn has asked it.
                if let Some(data) = told.data.as_object_mut() {
                    data.remove("query");
                }
                let agent = told.data["target_agent"].as_str().unwrap_or_default().to_owned();
                told.data["agent_name"] = json!("triage");
                told.data["log_level"] = json!("INFO");
                told.data["message"] = json!(format!("Routing to {agent}"));
                told.data["status"] = json!("done");
                if let Some(query_id) = told.query_id {
                    self.waiters.wake(query_id, TurnEvent::Routed(Arc::new(told.data.clone())));
                    self.tell_status(self.activity.routed(query_id, &agent)).await;
                }
                self.emit(vec![student_room(&told.student_id)], "agent-log", &told.data).await;
            }
            EventType::AgentResponded => {
                let told = told::<AgentResponded>(incoming)?;
                self.wake_changed(told.query_id);
                self.tell_status(told.query_id.and_then(|id| self.activity.answered(id))).await;
                self.emit(vec![student_room(&told.student_id)], "agent-response", &told.data).await;
            }
            EventType::QueryFailed => {
                let told = told::<QueryFailed>(incoming)?;
                self.wake_changed(told.query_id);
                self.tell_status(told.query_id.and_then(|id| self.activity.failed(id))).await;
                self.emit(vec![student_room(&told.student_id)], "query-failed", &told.data).await;
            }
            EventType::ResponseDelta => {
                let told = told::<ResponseDelta>(incoming)?;
                if let Some(query_id) = told.query_id {
                    self.waiters.wake(query_id, TurnEvent::Delta(Arc::new(told.data.clone())));
                }
                self.emit(vec![student_room(&told.student_id)], "response-delta", &told.data).await;
            }
            EventType::MasteryUpdated => {
                let told = told::<MasteryUpdated>(incoming)?;
                let mut rooms = self.rooms_about(&told.student_id).await;
                rooms.push(student_room(&told.student_id));
                self.emit(rooms, "mastery-update", &told.data).await;
            }
            EventType::StudentStruggling => {
                let told = told::<StudentStruggling>(incoming)?;
                let rooms = self.rooms_about(&told.student_id).await;
                self.emit(rooms, "student-struggle", &told.data).await;
            }
            EventType::AgentLogged => {
                let told = told::<AgentLogged>(incoming)?;
                if !told.student_id.is_empty() {
                    self.emit(vec![student_room(&told.student_id)], "agent-log", &told.data).await;
                }
            }
            EventType::CodeExecuted => {
                let told = told::<CodeExecuted>(incoming)?;
                // Whoever ran a program through a gateway was told by it.
                if incoming.event.source() == SOURCE {
                    return Ok(());
                }
                self.emit(vec![student_room(&told.student_id)], "code-output", &told.data).await;
            }
            other => return Err(MessageError::Unhandled(other)),
        }
        Ok(())
    }

    /// Where a student's teachers are. While PostgreSQL is away nobody knows who they are, and nobody is told: the
    /// alert is in the list when it is back.
    async fn rooms_about(&self, student_id: &str) -> Vec<String> {
        match self.classes_of(student_id).await {
            Ok(classes) => rooms_of_teachers(&classes),
            Err(problem) => {
                problem.log();
                Vec::new()
            }
        }
    }

    async fn tell_status(&self, changed: Option<(String, AgentStatus)>) {
        if let Some((agent, status)) = changed {
            let data = json!({ "agent": agent, "status": status, "timestamp": chrono::Utc::now() });
            self.emit(vec![GLOBAL.to_owned()], "agent-status", &data).await;
        }
    }

    fn wake_changed(&self, query_id: Option<Uuid>) {
        if let Some(query_id) = query_id {
            self.waiters.wake(query_id, TurnEvent::Changed);
        }
    }

    async fn emit(&self, rooms: Vec<String>, event: &str, data: &Value) {
        // To no room would mean to everybody.
        let Some(io) = self.sockets().filter(|_| !rooms.is_empty()) else { return };
        if let Err(error) = io.to(rooms).emit(event, data).await {
            // One slow browser: it resumes from PostgreSQL.
            tracing::debug!(%error, event, "a browser did not get an event");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_in_binary_mode_is_read() {
        let record = Record {
            key: None,
            headers: [
                ("ce_specversion", "1.0"),
                ("ce_id", "1"),
                ("ce_source", "/learnflow/triage"),
                ("ce_type", EventType::QueryRouted.as_str()),
                ("ce_partitionkey", "Zoë"),
                ("content-type", "application/json"),
            ]
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
            .to_vec(),
            value: b"{}".to_vec(),
        };
        let incoming = event_of(&record).unwrap();
        assert_eq!(incoming.event_type, EventType::QueryRouted);
        assert!(told::<QueryRouted>(&incoming).is_err());
    }
}
