//! What takes part in the comparison, and the arithmetic of series.

use std::{future::Future, pin::Pin, time::Duration};

use anyhow::Result;
use serde::Serialize;

/// What one run printed, and how long it took, from asking to having that.
pub struct Ran {
    /// All of its standard output.
    pub stdout: String,
    /// Everything included.
    pub took: Duration,
}

/// One run.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Ran>> + Send + 'a>>;

/// Something that runs Python programs.
pub trait Contestant: Send + Sync {
    /// What it is called in the report.
    fn name(&self) -> &str;

    /// Runs a program to its good end.
    fn run<'a>(&'a self, code: &'a str) -> Running<'a>;

    /// Runs before the next contestant's turn.
    fn turn(&self) -> usize {
        1
    }

    /// What has to be done between series of runs, outside of what is timed.
    fn settle(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async { Ok(()) })
    }

    /// Whether one run takes so long that a few of them have to do.
    fn is_slow(&self) -> bool {
        false
    }

    /// Whether several clients can use it at a time.
    fn is_parallel(&self) -> bool {
        true
    }
}

/// Percentiles of a series.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The largest.
    pub max: f64,
    /// Number of measurements.
    pub count: usize,
}

impl Percentiles {
    /// Of a series that is not empty.
    pub fn of(mut series: Vec<f64>) -> Self {
        series.sort_by(f64::total_cmp);
        let at = |part: usize| series.get((series.len() * part / 100).min(series.len().saturating_sub(1)));
        let value = |part| at(part).copied().unwrap_or(f64::NAN);
        Self { p50: value(50), p99: value(99), max: value(100), count: series.len() }
    }
}

/// A duration in milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
