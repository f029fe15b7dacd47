//! Log lines as JSON, with the ids by which a line is found from a trace and a turn.

use std::fmt;

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value as Json, json};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::{LookupSpan, SpanRef},
};

use crate::{
    TURN,
    layer::{SpanData, Value},
};

/// One JSON object a line.
pub(crate) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = JsonFields::default();
        event.record(&mut fields);
        let mut line = json!({
            "timestamp": Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true),
            "level": event.metadata().level().as_str(),
            "target": event.metadata().target(),
            "fields": fields.0,
        });
        if let Some(span) = context.lookup_current() {
            add_span(&mut line, &span);
        }
        writeln!(writer, "{line}")
    }
}

fn add_span<'a, S: LookupSpan<'a>>(line: &mut Json, span: &SpanRef<'a, S>) {
    let mut known = None;
    let mut turn = None;
    for span in span.scope() {
        let extensions = span.extensions();
        let Some(data) = extensions.get::<SpanData>() else { continue };
        let of_turn = data.fields.attributes.iter().find(|(name, _)| *name == TURN);
        turn = turn.or_else(|| of_turn.map(|(_, value)| value_of(value)));
        known.get_or_insert_with(|| {
            let attributes =
                data.fields.attributes.iter().map(|(name, value)| ((*name).to_owned(), value_of(value)));
            let mut shown: Map<String, Json> = attributes.collect();
            shown.insert("name".to_owned(), json!(data.fields.name));
            let context = &data.context;
            (format!("{:032x}", context.trace_id), format!("{:016x}", context.span_id), shown)
        });
    }
    if let Some((trace_id, span_id, shown)) = known {
        line["trace_id"] = json!(trace_id);
        line["span_id"] = json!(span_id);
        line["span"] = Json::Object(shown);
    }
    if let Some(turn) = turn {
        line["turn_id"] = turn;
    }
}

fn value_of(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Bool(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Float(value) => json!(value),
    }
}

/// The fields of an event.
#[derive(Default)]
struct JsonFields(Map<String, Json>);

impl JsonFields {
    fn put(&mut self, field: &Field, value: Json) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for JsonFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, json!(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, json!(format!("{value:?}")));
    }
}
