//! Spans of events, with the attributes of OpenTelemetry's semantic conventions for messaging and CloudEvents.

use learnflow_telemetry::in_trace;
use tracing::{Span, field::Empty};

use crate::event::CloudEvent;

/// What the log is to whoever looks at a trace, also where its tables in PostgreSQL take Kafka's place.
const SYSTEM: &str = "kafka";

/// The span of appending an event to a topic: a child of the current span or, at the door, of the producer's.
pub(crate) fn send(topic: &str, event: &CloudEvent) -> Span {
    let outside = Span::current().is_none().then(|| event.trace_context()).flatten();
    in_trace(outside.as_ref(), || {
        tracing::info_span!(
            "send",
            "otel.name" = format!("send {topic}"),
            "otel.kind" = "producer",
            "otel.status_code" = Empty,
            "messaging.system" = SYSTEM,
            "messaging.operation.type" = "send",
            "messaging.operation.name" = "send",
            "messaging.destination.name" = topic,
            "cloudevents.event_id" = event.id(),
            "cloudevents.event_type" = event.event_type(),
            "cloudevents.event_subject" = event.attribute("subject"),
            "error.type" = Empty,
        )
    })
}

/// The span of handing an event of a topic to a Trigger's subscriber, with all tries and the dead letter.
pub(crate) fn process(topic: &str, group: &str, event: &CloudEvent) -> Span {
    in_trace(event.trace_context().as_ref(), || {
        tracing::info_span!(
            "process",
            "otel.name" = format!("process {topic}"),
            "otel.kind" = "consumer",
            "otel.status_code" = Empty,
            "messaging.system" = SYSTEM,
            "messaging.operation.type" = "process",
            "messaging.operation.name" = "process",
            "messaging.destination.name" = topic,
            "messaging.destination.partition.id" = event.attribute("knativekafkapartition"),
            "messaging.kafka.offset" = event.attribute("knativekafkaoffset"),
            "messaging.consumer.group.name" = group,
            "cloudevents.event_id" = event.id(),
            "cloudevents.event_type" = event.event_type(),
            "cloudevents.event_subject" = event.attribute("subject"),
            "error.type" = Empty,
        )
    })
}
