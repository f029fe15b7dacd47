//! The components on the Spin host.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use learnflow_provision::wasm;
use learnflow_spin_host::HostOptions;
use learnflow_spin_host::bench::{BenchOptions, BenchReport, Latency, Throughput, run};

use crate::Measurement;

/// What is asked: an answer without a database, so that the host is measured and nothing else.
const PATH: &str = "/triage/health";

/// The overlay whose `spin.toml` is measured; it is the same file for all of them.
const OVERLAY: &str = "container";

/// Measures and prints.
pub async fn measure(checkout: &Path, measurement: &Measurement) -> Result<()> {
    let root = checkout.to_path_buf();
    let build = tokio::task::spawn_blocking(move || wasm::build_functions(&root));
    build.await?.context("building the components")?;
    let app = learnflow_topology::load(checkout, OVERLAY).context("the manifests")?.app;

    let mut options = HostOptions::new(checkout.join("target/functions"));
    for component in app.components.keys() {
        // A required variable needs a value. Nobody connects: the path asks for no data.
        let url = "postgres://nobody@127.0.0.1:1/none".to_owned();
        options.variables.insert(component.clone(), BTreeMap::from([("database_url".to_owned(), url)]));
    }
    let mut bench = BenchOptions::new(PATH);
    bench.load = measurement.load();
    let report = run(&app, options, &bench).await?;
    if measurement.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report, &bench);
    }
    Ok(())
}

fn print(report: &BenchReport, bench: &BenchOptions) {
    println!("GET {} of the component {}", bench.path, report.component);
    println!("loading the application   {:>8.1} ms", report.load_us as f64 / 1000.0);
    println!();
    println!("in process                     p50        p99");
    for (name, Latency { p50_us, p99_us, .. }) in [
        ("a new instance", &report.instantiate),
        ("request, new instance", &report.call_fresh),
        ("request, reused instance", &report.call_reused),
    ] {
        println!("{name:<25} {p50_us:>6} µs  {p99_us:>6} µs");
    }
    println!();
    println!("{} connections over TCP   requests/s        p50        p99", bench.connections);
    for (name, Throughput { requests_per_s, latency }) in [
        ("new instances", &report.served_fresh),
        ("reused instances", &report.served_reused),
        ("native server", &report.served_native),
    ] {
        println!("{name:<24} {requests_per_s:>12} {:>7} µs {:>7} µs", latency.p50_us, latency.p99_us);
    }
}
