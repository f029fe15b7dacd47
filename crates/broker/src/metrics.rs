//! What the broker counts.

use prometheus::{
    HistogramOpts, HistogramTimer, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
    exponential_buckets,
};

/// How an event of a Trigger ended, or that it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Not for this Trigger.
    Filtered,
    /// Accepted without a reply.
    Delivered,
    /// Accepted with a reply.
    Replied,
    /// Tried again.
    Retried,
    /// Sent to the dead-letter sink.
    DeadLettered,
    /// Gone.
    Dropped,
    /// Not a CloudEvent.
    Invalid,
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Filtered => "filtered",
            Self::Delivered => "delivered",
            Self::Replied => "replied",
            Self::Retried => "retried",
            Self::DeadLettered => "dead_lettered",
            Self::Dropped => "dropped",
            Self::Invalid => "invalid",
        }
    }
}

/// The collectors.
pub(crate) struct Metrics {
    events: IntCounterVec,
    seconds: HistogramVec,
    ingress: IntCounterVec,
    queue_depth: IntGaugeVec,
}

impl Metrics {
    /// Registers the collectors.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            events: IntCounterVec::new(
                Opts::new("broker_events_total", "Events by Trigger and what became of them."),
                &["trigger", "result"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new("broker_delivery_seconds", "Time from request to answer of one try.")
                    .buckets(exponential_buckets(0.001, 2.0, 16)?),
                &["trigger"],
            )?,
            ingress: IntCounterVec::new(
                Opts::new("broker_ingress_requests_total", "Requests to the ingress by address and status."),
                &["address", "status"],
            )?,
            queue_depth: IntGaugeVec::new(
                Opts::new("agent_queue_depth", "Events that a Trigger's subscriber has not handled yet."),
                &["agent", "trigger"],
            )?,
        };
        registry.register(Box::new(metrics.events.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.ingress.clone()))?;
        registry.register(Box::new(metrics.queue_depth.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn event(&self, trigger: &str, outcome: Outcome) {
        self.events.with_label_values(&[trigger, outcome.as_str()]).inc();
    }

    pub(crate) fn time(&self, trigger: &str) -> HistogramTimer {
        self.seconds.with_label_values(&[trigger]).start_timer()
    }

    /// `address` is empty for anything that is not declared: a stranger must not make series.
    pub(crate) fn request(&self, address: &str, status: http::StatusCode) {
        self.ingress.with_label_values(&[address, status.as_str()]).inc();
    }

    pub(crate) fn depth(&self, agent: &str, trigger: &str, records: u64) {
        let records = i64::try_from(records).unwrap_or(i64::MAX);
        self.queue_depth.with_label_values(&[agent, trigger]).set(records);
    }
}
