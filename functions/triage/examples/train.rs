//! Trains the triage model from `data/`, writes `model.bin`, measures it and writes the figures to docs/triage.md.
//! `cargo xtask train-triage` runs it.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use learnflow_events::Route;
use serde::Deserialize;
use triage::{
    model::Model,
    overlap,
    train::{Data, Example, Quality, quality, read_file, unsure},
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "train-triage [--check] [--questions questions.jsonl] [--show SET] [FILE.jsonl…]
  --check      write nothing; fail when model.bin is not what data/ gives
  --questions  CS1QA's questions ({id, text} a line), to measure on those that data/cs1qa-*.tsv label
  --show SET   print the messages of a set that are routed wrongly
  FILE.jsonl   more labelled messages to measure on";

#[derive(Default)]
struct Arguments {
    check: bool,
    questions: Option<PathBuf>,
    show: Option<String>,
    files: Vec<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let arguments = arguments()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = Data::read(&folder.join("data"))?;
    let model = data.train();
    let path = folder.join("model.bin");
    if arguments.check && fs::read(&path)? != model.to_bytes() {
        eprintln!("model.bin is not what data/ gives; write it with `cargo xtask train-triage`");
        return Ok(ExitCode::FAILURE);
    }
    let held_out = data.all_held_out();
    let vague = unsure(&model, &held_out);
    let mut sets = vec![("held out".to_owned(), held_out)];
    for (name, set) in &data.held_out {
        if set.iter().any(|example| !example.vague) {
            sets.push((format!("held out: {name}"), set.clone()));
        }
    }
    sets.push(("calibration".to_owned(), data.calibration));
    if let Some(questions) = &arguments.questions {
        for part in ["test", "whole", "dev"] {
            let labels = folder.join(format!("data/cs1qa-{part}.tsv"));
            let set = labelled_questions(questions, &labels)?;
            if let Some((question, known)) = overlap::shared(&set, &data.training).first() {
                return Err(format!(
                    "CS1QA's {:?} cannot be measured: {:?} was trained on",
                    question.text, known.text
                )
                .into());
            }
            sets.push((format!("CS1QA {part}"), set));
        }
    }
    let reported = sets.len();
    for file in &arguments.files {
        sets.push((file.display().to_string(), read_file(file)?));
    }
    let trained_on = format!("Trained on {} messages.", data.training.len());
    let unsure_about =
        format!("Of held-out messages that say nothing, triage is unsure about {} of {}.", vague.0, vague.1);
    println!("{trained_on}\n{unsure_about}");
    for (name, set) in &sets {
        let quality = measure(&model, set);
        println!("{}\n{}", row(name, &quality), confusion(&quality));
        if arguments.show.as_deref() == Some(name) {
            show_wrong(&model, set);
        }
    }
    if !arguments.check {
        fs::write(&path, model.to_bytes())?;
        let mut lines: Vec<(String, String)> = sets[..reported]
            .iter()
            .map(|(name, set)| (format!("| {name} |"), row(name, &measure(&model, set))))
            .collect();
        lines.push(("Trained on ".to_owned(), trained_on));
        lines.push(("Of held-out".to_owned(), unsure_about));
        write_figures(&folder.join("../../docs/triage.md"), &lines)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn arguments() -> Result<Arguments> {
    let mut found = Arguments::default();
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--check" => found.check = true,
            "--questions" => found.questions = Some(given.next().ok_or(USAGE)?.into()),
            "--show" => found.show = Some(given.next().ok_or(USAGE)?),
            option if option.starts_with('-') => return Err(USAGE.into()),
            file => found.files.push(file.into()),
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
struct AskedQuestion {
    id: u64,
    text: String,
}

fn labelled_questions(questions: &Path, labels: &Path) -> Result<Vec<Example>> {
    let text = fs::read_to_string(questions).map_err(|error| format!("{}: {error}", questions.display()))?;
    let mut texts = HashMap::new();
    for line in text.lines() {
        let question: AskedQuestion = serde_json::from_str(line)?;
        texts.insert(question.id, question.text);
    }
    let mut examples = Vec::new();
    for line in fs::read_to_string(labels)?.lines() {
        let (id, route) = line.split_once('\t').ok_or("a line of labels is `id<tab>route`")?;
        let route = Route::ALL.into_iter().find(|known| known.as_str() == route).ok_or("no such route")?;
        let text = texts.get(&id.parse()?).ok_or_else(|| format!("there is no question {id}"))?;
        examples.push(Example { text: text.clone(), code: None, route, vague: false });
    }
    Ok(examples)
}

fn decide(model: &Model<'_>, example: &Example) -> (Route, f64) {
    let decision = triage::classify_with(model, &example.query());
    (decision.route, decision.confidence)
}

fn measure(model: &Model<'_>, examples: &[Example]) -> Quality {
    quality(examples, |example| decide(model, example))
}

fn row(name: &str, quality: &Quality) -> String {
    format!(
        "| {name} | {} | {:.1} % | {:.3} | {:.3} |",
        quality.examples,
        quality.accuracy * 100.0,
        quality.macro_f1,
        quality.calibration_error
    )
}

fn confusion(quality: &Quality) -> String {
    let rows = quality.confusion.iter().zip(Route::ALL);
    rows.map(|(row, route)| format!("  {:<12} {row:>4?}\n", route.as_str())).collect()
}

fn show_wrong(model: &Model<'_>, examples: &[Example]) {
    for example in examples {
        let (route, confidence) = decide(model, example);
        if route != example.route {
            let text = example.text.replace('\n', " / ");
            println!("  {} not {route} ({confidence:.2}): {text}", example.route);
        }
    }
}

/// Replaces each line that begins as one of `lines` does; a set that was not measured keeps its figures.
fn write_figures(path: &Path, lines: &[(String, String)]) -> Result<()> {
    let old = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut new = String::with_capacity(old.len());
    for line in old.lines() {
        let replacement = lines.iter().find(|(start, _)| line.starts_with(start));
        new.push_str(replacement.map_or(line, |(_, replacement)| replacement));
        new.push('\n');
    }
    fs::write(path, new)?;
    Ok(())
}
