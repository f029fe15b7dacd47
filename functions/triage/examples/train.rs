//! Trains the triage model from `data/train.jsonl`, writes `model.bin`, and measures it.
//!
//! `cargo run --release -p triage --example train [-- --check] [EXTRA.jsonl…]`
//! With `--check` nothing is written and a model that differs from the committed one is an error.

use std::{fs, path::Path, process::ExitCode};

use triage::{
    model::Model,
    train::{Example, quality, read_examples, train},
};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| -> Result<Vec<Example>, Box<dyn std::error::Error>> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(read_examples(&text).map_err(|error| format!("{}: {error}", path.display()))?)
    };
    let model = train(&read(&folder.join("data/train.jsonl"))?);
    let path = folder.join("model.bin");
    let check = std::env::args().any(|argument| argument == "--check");
    if check && fs::read(&path)? != model.to_bytes() {
        eprintln!("model.bin is not what data/train.jsonl gives; write it with `cargo xtask train-triage`");
        return Ok(ExitCode::FAILURE);
    }
    if !check {
        fs::write(&path, model.to_bytes())?;
    }
    let extra = std::env::args().skip(1).filter(|argument| argument != "--check").map(Into::into);
    for file in std::iter::once(folder.join("data/heldout.jsonl")).chain(extra) {
        let examples = read(&file)?;
        report(&file, &model, &examples);
    }
    Ok(ExitCode::SUCCESS)
}

fn report(file: &Path, model: &Model, examples: &[Example]) {
    let decide = |example: &Example| {
        let decision = triage::classify_with(model, &example.query());
        (decision.route, decision.confidence)
    };
    let quality = quality(examples, decide);
    println!(
        "{}: {} messages, accuracy {:.1} %, macro-F1 {:.3}, calibration error {:.3}",
        file.file_name().unwrap_or_default().display(),
        quality.examples,
        quality.accuracy * 100.0,
        quality.macro_f1,
        quality.calibration_error
    );
    for row in quality.confusion {
        println!("  {row:>4?}");
    }
    if std::env::var_os("TRIAGE_SHOW_WRONG").is_some() {
        for example in examples {
            let (route, confidence) = decide(example);
            if route != example.route {
                println!(
                    "  {} not {route} ({confidence:.2}): {}",
                    example.route,
                    example.text.replace('\n', " / ")
                );
            }
        }
    }
}
