//! Numbers about the host, in Prometheus' format.

use std::time::Duration;

use http::StatusCode;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The metrics of one host.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    duration: HistogramVec,
    in_flight: IntGaugeVec,
    traps: IntCounterVec,
    denied: IntCounterVec,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let requests = IntCounterVec::new(
            Opts::new("learnflow_function_requests_total", "Requests answered, by component and status"),
            &["component", "status"],
        );
        let duration = HistogramVec::new(
            HistogramOpts::new(
                "learnflow_function_request_seconds",
                "Time from a request to the head of its response, by component",
            )
            .buckets(vec![
                0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
                60.0,
            ]),
            &["component"],
        );
        let in_flight = IntGaugeVec::new(
            Opts::new("learnflow_function_requests_in_flight", "Requests being handled, by component"),
            &["component"],
        );
        let traps = IntCounterVec::new(
            Opts::new(
                "learnflow_function_failures_total",
                "Instances that trapped or ran out of time, by component",
            ),
            &["component"],
        );
        let denied = IntCounterVec::new(
            Opts::new(
                "learnflow_function_denied_connections_total",
                "Connections that allowed_outbound_hosts does not allow, by component",
            ),
            &["component"],
        );
        // The names and labels above are constants, which the library accepts or not once and for all.
        let (requests, duration, in_flight, traps, denied) = (
            requests.expect("valid metric"),
            duration.expect("valid metric"),
            in_flight.expect("valid metric"),
            traps.expect("valid metric"),
            denied.expect("valid metric"),
        );
        let registry = Registry::new();
        let all: [Box<dyn prometheus::core::Collector>; 5] = [
            Box::new(requests.clone()),
            Box::new(duration.clone()),
            Box::new(in_flight.clone()),
            Box::new(traps.clone()),
            Box::new(denied.clone()),
        ];
        for metric in all {
            registry.register(metric).expect("each metric is registered once");
        }
        Self { registry, requests, duration, in_flight, traps, denied }
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn text(&self) -> String {
        let mut text = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            Ok(()) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) => format!("# the metrics cannot be written: {error}\n"),
        }
    }

    pub(crate) fn answered(&self, component: &str, status: StatusCode, took: Duration) {
        self.requests.with_label_values(&[component, status.as_str()]).inc();
        self.duration.with_label_values(&[component]).observe(took.as_secs_f64());
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(crate) fn begin(&self, component: &str) -> InFlight {
        let gauge = self.in_flight.with_label_values(&[component]);
        gauge.inc();
        InFlight(gauge)
    }

    pub(crate) fn failed(&self, component: &str) {
        self.traps.with_label_values(&[component]).inc();
    }

    pub(crate) fn denied(&self, component: &str) {
        self.denied.with_label_values(&[component]).inc();
    }
}

/// A request in flight.
#[derive(Debug)]
pub(crate) struct InFlight(prometheus::IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
