//! What the service counts, in Prometheus' text format.

use learnflow_events::code::{Outcome, RunReport, TestReport};
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use crate::fleet::Fleet;

/// Upper bounds of the latency histogram, in seconds.
const LATENCY_S: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

/// Every outcome of a run.
const OUTCOMES: [Outcome; 9] = [
    Outcome::Ok,
    Outcome::Exited,
    Outcome::Raised,
    Outcome::SyntaxError,
    Outcome::Timeout,
    Outcome::MemoryLimit,
    Outcome::OutputLimit,
    Outcome::Interrupted,
    Outcome::Crashed,
];

pub(crate) struct Metrics {
    registry: Registry,
    runs: IntCounterVec,
    tests: IntCounterVec,
    tool_calls: IntCounterVec,
    refused: IntCounter,
    latency: Histogram,
    in_flight: IntGauge,
    waiting: IntGauge,
    awaiting_input: IntGauge,
    sessions: IntGauge,
    restarts: IntGauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        learnflow_telemetry::register(&registry).expect("they are registered once");
        let metrics = Self {
            runs: IntCounterVec::new(
                Opts::new("sandbox_runs_total", "Programs that were run."),
                &["outcome"],
            )
            .expect("the name is valid"),
            tests: IntCounterVec::new(
                Opts::new("sandbox_tests_total", "Requests for tests, by whether all passed."),
                &["passed"],
            )
            .expect("the name is valid"),
            tool_calls: IntCounterVec::new(
                Opts::new("sandbox_mcp_calls_total", "Calls of tools over MCP."),
                &["tool", "result"],
            )
            .expect("the name is valid"),
            waiting: IntGauge::new(
                "sandbox_waiting",
                "Programs among those in progress that no executor process works on yet.",
            )
            .expect("the name is valid"),
            awaiting_input: IntGauge::new(
                "sandbox_awaiting_input",
                "Programs among those in progress that wait for a line of input.",
            )
            .expect("the name is valid"),
            sessions: IntGauge::new("sandbox_mcp_sessions", "MCP sessions that are open.")
                .expect("the name is valid"),
            refused: IntCounter::new("sandbox_refused_total", "Requests refused because there was no room.")
                .expect("the name is valid"),
            latency: Histogram::with_opts(
                HistogramOpts::new("sandbox_run_seconds", "Time of a program, in seconds.")
                    .buckets(LATENCY_S.to_vec()),
            )
            .expect("the name is valid"),
            in_flight: IntGauge::new(
                "sandbox_in_flight",
                "Programs in progress, those waiting for input included.",
            )
            .expect("the name is valid"),
            restarts: IntGauge::new(
                "sandbox_executor_restarts",
                "Executor processes that died and were replaced.",
            )
            .expect("the name is valid"),
            registry,
        };
        let register = |collector: Box<dyn prometheus::core::Collector>| {
            metrics.registry.register(collector).expect("names are unique");
        };
        register(Box::new(metrics.runs.clone()));
        register(Box::new(metrics.tests.clone()));
        register(Box::new(metrics.tool_calls.clone()));
        register(Box::new(metrics.waiting.clone()));
        register(Box::new(metrics.awaiting_input.clone()));
        register(Box::new(metrics.sessions.clone()));
        register(Box::new(metrics.refused.clone()));
        register(Box::new(metrics.latency.clone()));
        register(Box::new(metrics.in_flight.clone()));
        register(Box::new(metrics.restarts.clone()));
        for outcome in OUTCOMES {
            // A rate needs the zero before the first run.
            metrics.runs.with_label_values(&[outcome_name(outcome)]);
        }
        metrics
    }

    pub(crate) fn ran(&self, report: &RunReport) {
        self.runs.with_label_values(&[outcome_name(report.outcome)]).inc();
        #[expect(clippy::cast_precision_loss, reason = "a histogram needs no more than 53 bits")]
        self.latency.observe(report.duration_us as f64 / 1e6);
    }

    pub(crate) fn tested(&self, report: &TestReport) {
        self.tests.with_label_values(&[if report.passed { "true" } else { "false" }]).inc();
    }

    /// A tool was called; `result` is `ok`, `refused` or `cancelled`.
    pub(crate) fn tool_called(&self, tool: &str, result: &str) {
        self.tool_calls.with_label_values(&[tool, result]).inc();
    }

    pub(crate) fn sessions(&self, open: usize) {
        self.sessions.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    pub(crate) fn refused(&self) {
        self.refused.inc();
    }

    pub(crate) fn text(&self, fleet: &Fleet) -> String {
        self.in_flight.set(i64::try_from(fleet.in_flight()).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(fleet.waiting()).unwrap_or(i64::MAX));
        self.awaiting_input.set(i64::try_from(fleet.awaiting_input()).unwrap_or(i64::MAX));
        self.restarts.set(i64::try_from(fleet.restarts()).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).expect("metrics are text");
        String::from_utf8(text).expect("metrics are UTF-8")
    }
}

/// The outcome as it is written in JSON.
pub(crate) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Exited => "exited",
        Outcome::Raised => "raised",
        Outcome::SyntaxError => "syntax_error",
        Outcome::Timeout => "timeout",
        Outcome::MemoryLimit => "memory_limit",
        Outcome::OutputLimit => "output_limit",
        Outcome::Interrupted => "interrupted",
        Outcome::Crashed => "crashed",
    }
}
