//! Measures what a decision costs: `cargo run --release -p triage --example speed`.
//!
//! The component decides one message in each instance, so what reading the model costs is part of every decision.

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use triage::{
    classify_with,
    model::{Model, ModelError},
    train::{Data, Example},
};

/// How often each message is decided.
const ROUNDS: usize = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = Data::read(&folder.join("data"))?;
    let bytes = std::fs::read(folder.join("model.bin"))?;

    let mut reading = Vec::new();
    for _ in 0..1_000 {
        let started = Instant::now();
        black_box(Model::from_bytes(black_box(&bytes))?);
        reading.push(started.elapsed());
    }
    println!("| | median | p99 | longest |\n|---|---:|---:|---:|");
    report("reading the model", reading);

    let (with_code, without_code): (Vec<_>, Vec<_>) =
        data.calibration.iter().partition(|example| example.code.is_some());
    report("a message without code", decisions(&bytes, &without_code)?);
    report("a message with code", decisions(&bytes, &with_code)?);
    let long = Example { text: "why does my loop not end ".repeat(400), ..data.calibration[0].clone() };
    report("a message of 10,000 characters", decisions(&bytes, &[&long])?);
    Ok(())
}

/// Decides each message with a model that is read for it, as a fresh instance does.
fn decisions(bytes: &[u8], examples: &[&Example]) -> Result<Vec<Duration>, ModelError> {
    let mut times = Vec::with_capacity(ROUNDS * examples.len());
    for _ in 0..ROUNDS {
        for example in examples {
            let query = example.query();
            let started = Instant::now();
            let model = Model::from_bytes(black_box(bytes))?;
            black_box(classify_with(&model, black_box(&query)));
            times.push(started.elapsed());
        }
    }
    Ok(times)
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position in the list")]
        #[expect(clippy::cast_precision_loss, reason = "some thousand measurements")]
        let index = ((times.len() - 1) as f64 * share) as usize;
        times[index].as_secs_f64() * 1e6
    };
    println!("| {name} | {:.1} µs | {:.1} µs | {:.1} µs |", at(0.5), at(0.99), at(1.0));
}
