//! What becomes of spans, as Prometheus counters of the process.

use std::sync::LazyLock;

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// Why a span was not exported.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dropped {
    /// More ended than could be sent.
    QueueFull,
    /// The collector could not be reached, or answered with an error.
    ExportFailed,
    /// The collector said that it did not take it.
    Rejected,
}

impl Dropped {
    const ALL: [Self; 3] = [Self::QueueFull, Self::ExportFailed, Self::Rejected];

    const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::ExportFailed => "export_failed",
            Self::Rejected => "rejected",
        }
    }
}

/// The counters. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    exported: IntCounter,
    dropped: IntCounterVec,
}

impl Counters {
    /// # Panics
    /// Never: the names are valid.
    pub(crate) fn new() -> Self {
        let dropped =
            Opts::new("telemetry_spans_dropped_total", "Spans that no collector got, by the reason.");
        let counters = Self {
            exported: IntCounter::new("telemetry_spans_exported_total", "Spans that a collector took.")
                .expect("the name is valid"),
            dropped: IntCounterVec::new(dropped, &["reason"]).expect("the name is valid"),
        };
        for reason in Dropped::ALL {
            // An alert on a counter needs to see it at zero.
            counters.dropped(reason, 0);
        }
        counters
    }

    pub(crate) fn exported(&self, spans: usize) {
        self.exported.inc_by(spans as u64);
    }

    pub(crate) fn dropped(&self, reason: Dropped, spans: usize) {
        self.dropped.with_label_values(&[reason.as_str()]).inc_by(spans as u64);
    }

    #[cfg(test)]
    pub(crate) fn exported_so_far(&self) -> u64 {
        self.exported.get()
    }

    #[cfg(test)]
    pub(crate) fn dropped_so_far(&self, reason: Dropped) -> u64 {
        self.dropped.with_label_values(&[reason.as_str()]).get()
    }
}

/// The counters of the process.
pub(crate) static COUNTERS: LazyLock<Counters> = LazyLock::new(Counters::new);

/// Adds the counters of the process's spans to what a `/metrics` shows.
///
/// # Errors
/// When the registry has them already.
pub fn register(registry: &Registry) -> Result<(), prometheus::Error> {
    registry.register(Box::new(COUNTERS.exported.clone()))?;
    registry.register(Box::new(COUNTERS.dropped.clone()))
}
