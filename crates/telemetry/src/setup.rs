//! Starting it all.

use std::{io, time::Duration};

use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, FilterFn},
    fmt::{self, writer::BoxMakeWriter},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{
    config::{Config, ConfigError},
    export::Exporter,
    layer::SpanLayer,
    log::JsonLines,
    metrics::COUNTERS,
    sql,
};

/// What the crates of LearnFlow are called; only their spans are recorded.
const OURS: &str = "learnflow";
/// How long the end of a program waits for a collector.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a program logs, and under which name it is traced.
#[derive(Clone, Debug)]
pub struct Setup {
    /// `service.name`, unless OTEL_SERVICE_NAME says another.
    pub service: &'static str,
    /// The form of log lines.
    pub format: Format,
    /// Where log lines go.
    pub output: Output,
    /// What is logged when RUST_LOG does not say it.
    pub level: &'static str,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For programs that read them.
    Json,
    /// For people.
    Text,
}

/// Where log lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A variable is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The exporter's thread could not be made.
    #[error("the exporter of spans did not start: {0}")]
    Thread(#[from] io::Error),
    /// It was started before.
    #[error("something logs already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Keep it until the program ends: then the last spans are sent.
#[must_use = "spans that have not been sent are lost when it is dropped early"]
pub struct Telemetry {
    exporter: Option<Exporter>,
}

impl Setup {
    /// A service's: JSON lines on standard output.
    pub const fn service(service: &'static str) -> Self {
        Self { service, format: Format::Json, output: Output::Stdout, level: "info" }
    }

    /// Sets up logs and spans of the process, as the environment says.
    ///
    /// # Errors
    /// When a variable is wrong.
    pub fn start(self) -> Result<Telemetry, StartError> {
        let config = Config::read(self.service, &|name| std::env::var(name).ok())?;
        let (exporter, queue) = match config.export {
            Some(export) => {
                let (exporter, queue) = Exporter::start(export, &config.resource, COUNTERS.clone())?;
                (Some(exporter), Some(queue))
            }
            None => (None, None),
        };
        let exports = queue.is_some();
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(self.level));
        let shows_debug = filter.max_level_hint().is_none_or(|level| level >= LevelFilter::DEBUG);
        let spans = SpanLayer { sampler: config.sampler, queue };
        tracing_subscriber::registry()
            .with(spans.with_filter(recorded(exports)))
            .with(self.lines(filter))
            .try_init()?;
        if exports && !shows_debug {
            // sqlx's events raised the level of everything to DEBUG. `tracing` remembers which lines nobody wants; for
            // `log` every filter is asked again, and a crate that asks and then says nothing (log_enabled!) leaves the
            // answer in the filters' state, where it costs the next span.
            ::log::set_max_level(::log::LevelFilter::Info);
        }
        Ok(Telemetry { exporter })
    }

    fn lines<S>(&self, filter: EnvFilter) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let writer = match self.output {
            Output::Stdout => BoxMakeWriter::new(io::stdout),
            Output::Stderr => BoxMakeWriter::new(io::stderr),
        };
        match self.format {
            // A line finds its ids in its span, also where the filter is for warnings only.
            Format::Json => fmt::layer()
                .event_format(JsonLines)
                .with_writer(writer)
                .with_filter(filter.or(ours()))
                .boxed(),
            Format::Text => fmt::layer().with_writer(writer).with_filter(filter).boxed(),
        }
    }
}

/// The spans of our own crates.
fn ours() -> FilterFn<impl Fn(&Metadata<'_>) -> bool + Clone> {
    FilterFn::new(is_ours).with_max_level_hint(LevelFilter::INFO)
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with(OURS) && *metadata.level() <= LevelFilter::INFO
}

/// What becomes a span: our own and, where spans are exported, what sqlx says of statements.
pub(crate) fn recorded(exports: bool) -> FilterFn<impl Fn(&Metadata<'_>) -> bool + Clone> {
    let level = if exports { LevelFilter::DEBUG } else { LevelFilter::INFO };
    FilterFn::new(move |metadata: &Metadata<'_>| {
        is_ours(metadata) || (exports && sql::is_statement(metadata))
    })
    .with_max_level_hint(level)
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(exporter) = &self.exporter {
            exporter.stop(PATIENCE);
        }
    }
}
