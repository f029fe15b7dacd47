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
    train::{Example, Quality, quality, read_examples, train},
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
    let calibration = read(&folder.join("data/calibration.jsonl"))?;
    let examples = training_data(&folder.join("data/train"))?;
    let model = train(&examples, &calibration);
    let path = folder.join("model.bin");
    if arguments.check && fs::read(&path)? != model.to_bytes() {
        eprintln!("model.bin is not what data/ gives; write it with `cargo xtask train-triage`");
        return Ok(ExitCode::FAILURE);
    }
    let mut sets = vec![
        ("held out".to_owned(), read(&folder.join("data/heldout.jsonl"))?),
        ("calibration".to_owned(), calibration),
    ];
    if let Some(questions) = &arguments.questions {
        for part in ["test", "dev"] {
            let labels = folder.join(format!("data/cs1qa-{part}.tsv"));
            sets.push((format!("CS1QA {part}"), labelled_questions(questions, &labels)?));
        }
    }
    for file in &arguments.files {
        sets.push((file.display().to_string(), read(file)?));
    }
    println!("{} messages trained on", examples.len());
    for (name, set) in &sets {
        let quality = measure(&model, set);
        println!("{}\n{}", row(name, &quality), confusion(&quality));
        if arguments.show.as_deref() == Some(name) {
            show_wrong(&model, set);
        }
    }
    if !arguments.check {
        fs::write(&path, model.to_bytes())?;
        let figures: Vec<(&str, Quality)> =
            sets.iter().take(4).map(|(name, set)| (name.as_str(), measure(&model, set))).collect();
        write_figures(&folder.join("../../docs/triage.md"), examples.len(), &figures)?;
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

fn read(path: &Path) -> Result<Vec<Example>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(read_examples(&text).map_err(|error| format!("{}: {error}", path.display()))?)
}

/// All files of the folder, in the order of their names.
fn training_data(folder: &Path) -> Result<Vec<Example>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?;
    files.sort();
    let mut examples = Vec::new();
    for file in files {
        examples.extend(read(&file)?);
    }
    Ok(examples)
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
        examples.push(Example { text: text.clone(), code: None, route });
    }
    Ok(examples)
}

fn decide(model: &Model, example: &Example) -> (Route, f64) {
    let decision = triage::classify_with(model, &example.query());
    (decision.route, decision.confidence)
}

fn measure(model: &Model, examples: &[Example]) -> Quality {
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

fn show_wrong(model: &Model, examples: &[Example]) {
    for example in examples {
        let (route, confidence) = decide(model, example);
        if route != example.route {
            let text = example.text.replace('\n', " / ");
            println!("  {} not {route} ({confidence:.2}): {text}", example.route);
        }
    }
}

/// Replaces what is between the marks of each set; a set that was not measured keeps its figures.
fn write_figures(path: &Path, trained: usize, figures: &[(&str, Quality)]) -> Result<()> {
    let Ok(mut text) = fs::read_to_string(path) else { return Ok(()) };
    for (name, quality) in figures {
        let start = format!("| {name} |");
        text = text
            .lines()
            .map(|line| if line.starts_with(&start) { row(name, quality) } else { line.to_owned() } + "\n")
            .collect();
    }
    let trained_on = "Trained on ";
    text = text
        .lines()
        .map(|line| if line.starts_with(trained_on) { format!("{trained_on}{trained} messages.") } else { line.to_owned() } + "\n")
        .collect();
    fs::write(path, text)?;
    Ok(())
}
