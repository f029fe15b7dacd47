//! The measurements measure something.

use std::time::Duration;

use learnflow_spin_host::bench::{BenchError, BenchOptions, run};

use crate::guest::{app, options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_of_a_report_was_measured() {
    let bench = BenchOptions {
        samples: 20,
        connections: 4,
        load: Duration::from_millis(500),
        ..BenchOptions::new("/count")
    };
    let report = run(&app(), options(), &bench).await.unwrap();
    assert_eq!(report.component, "guest");
    for latency in [&report.instantiate, &report.call_fresh, &report.call_reused] {
        assert!(
            latency.samples >= 20 && latency.p50_us > 0 && latency.p50_us <= latency.p99_us,
            "{report:?}"
        );
    }
    for served in [&report.served_fresh, &report.served_reused, &report.served_native] {
        assert!(served.requests_per_s > 0 && served.latency.samples > 0, "{report:?}");
    }
    println!("{}", serde_json::to_string_pretty(&report).unwrap());
}

#[tokio::test]
async fn what_cannot_be_measured_says_why() {
    let error = run(&app(), options(), &BenchOptions::new("/trap")).await.unwrap_err();
    assert!(matches!(&error, BenchError::Status { status, .. } if status.as_u16() == 500), "{error}");
}
