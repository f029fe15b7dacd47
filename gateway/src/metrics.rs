//! What is counted, in Prometheus' text format.

use axum::{
    extract::{MatchedPath, Request, State},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use crate::{app::Shared, problem::Problem};

/// What is counted.
pub(crate) struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    /// Events read from the log, by topic and outcome.
    pub(crate) events: IntCounterVec,
    pub(crate) sockets: IntGauge,
    pub(crate) dead_letters: IntCounter,
    pub(crate) turns_failed: IntCounter,
    /// Times that waiting turns were looked for.
    pub(crate) sweeps: IntCounter,
    /// Turns published again, by the status they had.
    pub(crate) swept: IntCounterVec,
    /// Rows deleted because they had expired, by table.
    pub(crate) expired: IntCounterVec,
    waiting: IntGauge,
}

impl Default for Metrics {
    /// # Panics
    /// Never: the names are valid and each is registered once.
    fn default() -> Self {
        let registry = Registry::new();
        learnflow_telemetry::register(&registry).expect("they are registered once");
        fn registered<C: prometheus::core::Collector + Clone + 'static>(
            registry: &Registry,
            collector: Result<C, prometheus::Error>,
        ) -> C {
            let collector = collector.expect("a metric's name is valid");
            registry.register(Box::new(collector.clone())).expect("a metric is registered once");
            collector
        }
        Self {
            requests: registered(
                &registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "gateway_request_seconds",
                        "Time until a response began, by route and status.",
                    )
                    .buckets(vec![
                        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0,
                    ]),
                    &["method", "route", "status"],
                ),
            ),
            events: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new("gateway_events_total", "Events read from the log."),
                    &["topic", "outcome"],
                ),
            ),
            sockets: registered(&registry, IntGauge::new("gateway_sockets", "Connected browsers.")),
            dead_letters: registered(
                &registry,
                IntCounter::new("gateway_dead_letters_total", "Events that could not be delivered."),
            ),
            turns_failed: registered(
                &registry,
                IntCounter::new("gateway_turns_failed_total", "Students who were told that a turn failed."),
            ),
            sweeps: registered(
                &registry,
                IntCounter::new("gateway_sweeps_total", "Times that waiting turns were looked for."),
            ),
            swept: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new("gateway_turns_republished_total", "Turns that had waited too long."),
                    &["status"],
                ),
            ),
            expired: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new("gateway_rows_expired_total", "Rows deleted at the end of their time."),
                    &["table"],
                ),
            ),
            waiting: registered(
                &registry,
                IntGauge::new("gateway_turns_watched", "Turns that somebody waits for."),
            ),
            registry,
        }
    }
}

/// `GET /metrics`.
pub(crate) async fn show(State(app): State<Shared>) -> Result<Response, Problem> {
    app.metrics.waiting.set(i64::try_from(app.waiters.count()).unwrap_or(i64::MAX));
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    encoder
        .encode(&app.metrics.registry.gather(), &mut text)
        .map_err(|error| Problem::bug(format!("metrics: {error}")))?;
    Ok(([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response())
}

/// Middleware: measures each request under its route, so that ids in paths make no new series.
pub(crate) async fn measure(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let started = std::time::Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    app.metrics
        .requests
        .with_label_values(&[method.as_str(), &route, response.status().as_str()])
        .observe(started.elapsed().as_secs_f64());
    response
}
