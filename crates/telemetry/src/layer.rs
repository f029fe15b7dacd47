//! The layer that gives spans their ids and collects their fields.

use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use crate::{
    context::{TraceContext, new_span_id, new_trace_id, take_parent},
    export::Queue,
    otlp::{SpanKind, StatusCode},
    sampler::Sampler,
    sql,
};

/// The longest text of an attribute, in bytes; the rest is cut off.
const TEXT_BYTES: usize = 1024;
/// The longest that a span may have been under way when it is made.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What a span is, beside what `tracing` knows of it.
pub(crate) struct SpanData {
    pub(crate) context: TraceContext,
    pub(crate) fields: Fields,
    parent_id: Option<u64>,
    started: SystemTime,
    /// The clock of the world may be set while the span lasts.
    since: Instant,
}

impl SpanData {
    /// A child that ends now, by the clock of this span: so it lies within.
    fn child(&self, fields: Fields, scope: &'static str) -> FinishedSpan {
        let ended = self.started + self.since.elapsed();
        FinishedSpan {
            context: TraceContext { span_id: new_span_id(), ..self.context.clone() },
            parent_id: Some(self.context.span_id),
            scope,
            started: ended - fields.started_ago.min(LONGEST),
            fields,
            ended,
        }
    }
}

/// What the fields of a span say.
#[derive(Debug)]
pub(crate) struct Fields {
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: SpanKind,
    pub(crate) status: StatusCode,
    /// How long before the span was made its work began, where that was heard of later.
    pub(crate) started_ago: Duration,
    pub(crate) attributes: Vec<(&'static str, Value)>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Bool(bool),
    Integer(i64),
    Float(f64),
}

/// A span that has ended.
#[derive(Debug)]
pub(crate) struct FinishedSpan {
    pub(crate) context: TraceContext,
    pub(crate) parent_id: Option<u64>,
    /// The crate that made it; of a statement, the one whose span ran it.
    pub(crate) scope: &'static str,
    pub(crate) fields: Fields,
    pub(crate) started: SystemTime,
    pub(crate) ended: SystemTime,
}

/// Gives ids to spans, and finished ones to the exporter.
pub(crate) struct SpanLayer {
    pub(crate) sampler: Sampler,
    /// `None` when nothing is exported; ids are made all the same.
    pub(crate) queue: Option<Arc<Queue>>,
}

impl<S> Layer<S> for SpanLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let parent = take_parent().or_else(|| {
            let parent = span.parent()?;
            let extensions = parent.extensions();
            extensions.get::<SpanData>().map(|data| data.context.clone())
        });
        let trace_id = parent.as_ref().map_or_else(new_trace_id, |parent| parent.trace_id);
        let mut fields = Fields {
            name: Cow::Borrowed(attributes.metadata().name()),
            kind: SpanKind::Internal,
            status: StatusCode::Unset,
            started_ago: Duration::ZERO,
            attributes: Vec::new(),
        };
        attributes.record(&mut fields);
        let data = SpanData {
            context: TraceContext {
                trace_id,
                span_id: new_span_id(),
                sampled: self.sampler.records(parent.as_ref(), trace_id),
                state: parent.as_ref().map(|parent| parent.state.clone()).unwrap_or_default(),
            },
            fields,
            parent_id: parent.map(|parent| parent.span_id),
            started: SystemTime::now(),
            since: Instant::now(),
        };
        span.extensions_mut().insert(data);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(data) = span.extensions_mut().get_mut::<SpanData>() {
            values.record(&mut data.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(queue) = &self.queue else { return };
        if !sql::is_statement(event.metadata()) {
            return;
        }
        // What runs all day in the background is nobody's request, and would be a trace for each statement.
        let Some(span) = context.event_span(event) else { return };
        let extensions = span.extensions();
        let Some(parent) = extensions.get::<SpanData>() else { return };
        if parent.context.sampled
            && let Some(fields) = sql::fields_of(event)
        {
            queue.offer(parent.child(fields, scope(span.metadata())));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(queue) = &self.queue else { return };
        let Some(span) = context.span(&id) else { return };
        let Some(data) = span.extensions_mut().remove::<SpanData>() else { return };
        if data.context.sampled {
            queue.offer(FinishedSpan {
                context: data.context,
                parent_id: data.parent_id,
                scope: scope(span.metadata()),
                started: data.started - data.fields.started_ago,
                fields: data.fields,
                ended: data.started + data.since.elapsed(),
            });
        }
    }
}

/// The crate that made a span.
fn scope(metadata: &'static Metadata<'static>) -> &'static str {
    let target = metadata.target();
    target.split_once("::").map_or(target, |(scope, _)| scope)
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("otel.name", Value::Text(name)) => self.name = Cow::Owned(name),
            ("otel.kind", Value::Text(kind)) => self.kind = SpanKind::named(&kind),
            ("otel.started_ago_s", Value::Float(seconds)) => {
                self.started_ago = Duration::try_from_secs_f64(seconds).unwrap_or_default().min(LONGEST);
            }
            ("otel.status_code", Value::Text(code)) => self.status = StatusCode::named(&code),
            (name, value) => match self.attributes.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => self.attributes.push((name, value)),
            },
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(value[..value.floor_char_boundary(TEXT_BYTES)].to_owned()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Integer(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::Float(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
