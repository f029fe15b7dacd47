//! Spans of calls of a language model. The host sees only an HTTP request; what it cost, the component knows when the
//! answer has ended, and prints: a JSON line with the attributes of OpenTelemetry's semantic conventions for generative
//! AI and the `traceparent` that it continues. On a host that does not know such lines they are lines of a log.

use learnflow_telemetry::{TraceContext, http::failed, in_trace};
use serde::Deserialize;

/// What a component says about a call. Never a text that was sent or written.
#[derive(Deserialize)]
struct Call {
    traceparent: String,
    #[serde(rename = "gen_ai.operation.name")]
    operation: String,
    #[serde(rename = "gen_ai.provider.name")]
    provider: String,
    #[serde(rename = "gen_ai.request.model")]
    model: String,
    #[serde(rename = "gen_ai.usage.input_tokens")]
    input_tokens: u64,
    #[serde(rename = "gen_ai.usage.output_tokens")]
    output_tokens: u64,
    #[serde(rename = "gen_ai.client.operation.duration")]
    duration_s: f64,
    #[serde(rename = "error.type")]
    error: Option<String>,
}

/// Makes the span that a printed line tells of, if it does.
pub(crate) fn record(component: &str, line: &str) {
    if !line.starts_with('{') || !line.contains("gen_ai.operation.name") {
        return;
    }
    let Ok(call) = serde_json::from_str::<Call>(line) else { return };
    let Some(parent) = TraceContext::parse(&call.traceparent, None) else { return };
    let span = in_trace(Some(&parent), || {
        tracing::info_span!(
            "chat",
            "otel.name" = format!("{} {}", call.operation, call.model),
            "otel.kind" = "client",
            "otel.status_code" = tracing::field::Empty,
            "otel.started_ago_s" = call.duration_s,
            "faas.name" = component,
            "gen_ai.operation.name" = call.operation,
            "gen_ai.provider.name" = call.provider,
            // What the attribute was called before; collectors know either.
            "gen_ai.system" = call.provider,
            "gen_ai.request.model" = call.model,
            "gen_ai.usage.input_tokens" = call.input_tokens,
            "gen_ai.usage.output_tokens" = call.output_tokens,
            "error.type" = tracing::field::Empty,
        )
    });
    if let Some(error) = &call.error {
        failed(&span, error);
    }
}
