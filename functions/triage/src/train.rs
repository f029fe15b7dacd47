//! Training and measuring the classifier (`cargo xtask train-triage`).
//!
//! Multinomial logistic regression by AdaGrad (Duchi et al. 2011) with a quadratic penalty, in which a part of a
//! message's features is left out at random (Hinton et al. 2012), so that no single word decides alone. The
//! temperature is fitted on messages whose wording the weights never saw. Messages that say nothing are learnt as such,
//! with a target that leaves all routes open (Hendrycks et al. 2019, "Deep Anomaly Detection with Outlier Exposure").

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use learnflow_events::{Route, payload::QuerySubmitted};
use serde::{Deserialize, Serialize};

use crate::{
    classify_with,
    features::{self, BUCKETS, Feature, Features},
    model::{CLASSES, Model, softmax},
};

/// The labelled messages of a folder that is laid out as `data/` is.
#[derive(Clone, Debug)]
pub struct Data {
    /// What weights are fitted to: all files of `train/`.
    pub training: Vec<Example>,
    /// What the temperature is fitted to.
    pub calibration: Vec<Example>,
    /// What is only measured: the files of `heldout/` with their names.
    pub held_out: Vec<(String, Vec<Example>)>,
}

/// A labelled message: one line of a file of `data/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The message.
    pub text: String,
    /// The program sent with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Who should answer.
    pub route: Route,
    /// Whether it says too little to tell ("ok"): then the route is only where it ends up, and triage is to be unsure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vague: bool,
}

/// A line of labelled messages that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {source}")]
pub struct LineError {
    line: usize,
    source: serde_json::Error,
}

/// Why labelled messages cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or folder is missing or unreadable.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line is no labelled message.
    #[error("{}: {source}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, and what is wrong with it.
        source: LineError,
    },
}

/// How well a model does on examples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// Number of examples.
    pub examples: usize,
    /// Share that is routed as labelled.
    pub accuracy: f64,
    /// Mean of the classes' F1 over the classes that occur.
    pub macro_f1: f64,
    /// Expected calibration error over ten bins of equal width (Naeini et al. 2015).
    pub calibration_error: f64,
    /// `confusion[labelled][predicted]`, in the order of [`Route::ALL`].
    pub confusion: [[usize; CLASSES]; CLASSES],
}

const EPOCHS: usize = 40;
const LEARNING_RATE: f32 = 0.5;
const PENALTY: f32 = 2e-5;
/// Probability that a message which says nothing is taught to have for its route; the others share the rest.
const VAGUE_TARGET: f32 = 0.2;
/// Of 256 features, how many are left out each time that an example is looked at.
const LEFT_OUT: u64 = 77;

impl Data {
    /// Reads all labelled messages of `folder`.
    ///
    /// # Errors
    /// [`DataError`] with the file that cannot be read.
    pub fn read(folder: &Path) -> Result<Self, DataError> {
        let training = read_folder(&folder.join("train"))?;
        Ok(Self {
            training: training.into_iter().flat_map(|(_, examples)| examples).collect(),
            calibration: read_file(&folder.join("calibration.jsonl"))?,
            held_out: read_folder(&folder.join("heldout"))?,
        })
    }

    /// All held-out messages.
    pub fn all_held_out(&self) -> Vec<Example> {
        self.held_out.iter().flat_map(|(_, examples)| examples).cloned().collect()
    }

    /// The model that these messages give.
    pub fn train(&self) -> Model<'static> {
        train(&self.training, &self.calibration)
    }
}

/// Reads a file of labelled messages.
///
/// # Errors
/// [`DataError`] with the file and the line.
pub fn read_file(path: &Path) -> Result<Vec<Example>, DataError> {
    let text =
        fs::read_to_string(path).map_err(|source| DataError::File { path: path.to_owned(), source })?;
    read_examples(&text).map_err(|source| DataError::Line { path: path.to_owned(), source })
}

/// All files of a folder in the order of their names, which does not depend on the machine.
fn read_folder(folder: &Path) -> Result<Vec<(String, Vec<Example>)>, DataError> {
    let files: io::Result<Vec<PathBuf>> =
        fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut files = files.map_err(|source| DataError::File { path: folder.to_owned(), source })?;
    files.sort();
    files
        .iter()
        .map(|file| {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, read_file(file)?))
        })
        .collect()
}

/// Reads labelled messages, one JSON object a line.
///
/// # Errors
/// [`LineError`] with the line's number.
pub fn read_examples(jsonl: &str) -> Result<Vec<Example>, LineError> {
    jsonl
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|source| LineError { line: index + 1, source })
        })
        .collect()
}

impl Example {
    /// The query that a student would have sent.
    pub fn query(&self) -> QuerySubmitted {
        QuerySubmitted { query_text: self.text.clone(), code: self.code.clone(), ..QuerySubmitted::default() }
    }

    fn class(&self) -> usize {
        class_of(self.route)
    }
}

fn class_of(route: Route) -> usize {
    Route::ALL.iter().position(|known| *known == route).unwrap_or_default()
}

/// Trains a model on `examples`, and its temperature on `calibration`, which must be worded independently: on
/// messages like those it was trained on, a model is too sure of itself.
///
/// The same examples in the same order give the same model.
pub fn train(examples: &[Example], calibration: &[Example]) -> Model<'static> {
    let rows: Vec<Row> = examples.iter().map(Row::of).collect();
    let (weights, bias) = fit(&rows);
    let uncalibrated = Model::quantised(&weights, bias, 1.0);
    let scored: Vec<_> = calibration
        .iter()
        .filter(|example| !example.vague)
        .map(|example| (uncalibrated.scores(&features::extract(&example.query())), example.class()))
        .collect();
    let known = rows.iter().filter(|row| !row.vague).flat_map(|row| row.features.words.iter().copied());
    Model::quantised(&weights, bias, best_temperature(&scored)).with_words(known)
}

/// An example as the fit sees it.
struct Row {
    features: Features,
    class: usize,
    vague: bool,
    /// The probabilities that the model should give.
    target: [f32; CLASSES],
}

impl Row {
    fn of(example: &Example) -> Self {
        let class = example.class();
        let mut target = [0.0; CLASSES];
        target[class] = 1.0;
        if example.vague {
            #[expect(clippy::cast_precision_loss, reason = "there are seven classes")]
            let other = (1.0 - VAGUE_TARGET) / (CLASSES - 1) as f32;
            target = [other; CLASSES];
            target[class] = VAGUE_TARGET;
        }
        Self { features: features::extract(&example.query()), class, vague: example.vague, target }
    }
}

fn fit(rows: &[Row]) -> (Vec<[f32; CLASSES]>, [f32; CLASSES]) {
    let mut weights = vec![[0.0_f32; CLASSES]; BUCKETS];
    let mut squares = vec![[1e-3_f32; CLASSES]; BUCKETS];
    let mut bias = [0.0_f32; CLASSES];
    let class_weights = class_weights(rows);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut kept: Vec<&Feature> = Vec::new();
    for _ in 0..EPOCHS {
        shuffle(&mut order, &mut state);
        for index in &order {
            let Row { features, class, target, .. } = &rows[*index];
            kept.clear();
            kept.extend(features.weighted.iter().filter(|_| random(&mut state) % 256 >= LEFT_OUT));
            let mut scores = bias;
            for feature in &kept {
                for (score, weight) in scores.iter_mut().zip(&weights[feature.bucket]) {
                    *score += weight * feature.value;
                }
            }
            let probabilities = softmax(&scores, 1.0);
            for k in 0..CLASSES {
                #[expect(clippy::cast_possible_truncation, reason = "a probability")]
                let error = (probabilities[k] as f32 - target[k]) * class_weights[*class];
                bias[k] -= 0.01 * error;
                for feature in &kept {
                    let weight = &mut weights[feature.bucket][k];
                    let gradient = error * feature.value + PENALTY * *weight;
                    let square = &mut squares[feature.bucket][k];
                    *square += gradient * gradient;
                    *weight -= LEARNING_RATE * gradient / square.sqrt();
                }
            }
        }
    }
    (weights, bias)
}

/// Rare classes count more, by the square root of how rare they are.
fn class_weights(rows: &[Row]) -> [f32; CLASSES] {
    let mut counts = [0_usize; CLASSES];
    for row in rows {
        counts[row.class] += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "some thousand examples")]
    counts.map(|count| (rows.len() as f32 / (CLASSES as f32 * count.max(1) as f32)).sqrt())
}

/// Fisher and Yates.
fn shuffle(order: &mut [usize], state: &mut u64) {
    for last in (1..order.len()).rev() {
        let other = usize::try_from(random(state) % (last as u64 + 1)).unwrap_or_default();
        order.swap(last, other);
    }
}

/// `SplitMix64` (Steele et al. 2014).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn best_temperature(scored: &[([f32; CLASSES], usize)]) -> f32 {
    let loss = |temperature: f32| -> f64 {
        scored.iter().map(|(scores, class)| -softmax(scores, temperature)[*class].max(1e-12).ln()).sum()
    };
    (2..=80_u8)
        .map(|twentieths| f32::from(twentieths) / 20.0)
        .min_by(|a, b| loss(*a).total_cmp(&loss(*b)))
        .unwrap_or(1.0)
}

/// Measures decisions against labels. `decide` gives the route and its confidence.
///
/// Messages that say nothing have no right route and do not count: see [`unsure`].
pub fn quality(examples: &[Example], decide: impl Fn(&Example) -> (Route, f64)) -> Quality {
    let examples: Vec<&Example> = examples.iter().filter(|example| !example.vague).collect();
    let mut confusion = [[0; CLASSES]; CLASSES];
    let mut bins = [(0_usize, 0_usize, 0.0_f64); 10];
    let mut right = 0;
    for example in &examples {
        let (route, confidence) = decide(example);
        confusion[example.class()][class_of(route)] += 1;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
        let bin = &mut bins[((confidence * 10.0) as usize).min(9)];
        bin.0 += 1;
        bin.2 += confidence;
        if route == example.route {
            right += 1;
            bin.1 += 1;
        }
    }
    let total = count(examples.len().max(1));
    let calibration_error =
        bins.iter().map(|(_, right, confidence)| (count(*right) - confidence).abs() / total).sum();
    Quality {
        examples: examples.len(),
        accuracy: count(right) / total,
        macro_f1: macro_f1(&confusion),
        calibration_error,
        confusion,
    }
}

/// Of the messages that say nothing, how many `model` is unsure about, and how many there are.
pub fn unsure(model: &Model<'_>, examples: &[Example]) -> (usize, usize) {
    let vague: Vec<&Example> = examples.iter().filter(|example| example.vague).collect();
    let unsure = vague.iter().filter(|example| classify_with(model, &example.query()).unsure()).count();
    (unsure, vague.len())
}

fn macro_f1(confusion: &[[usize; CLASSES]; CLASSES]) -> f64 {
    let scores: Vec<f64> = (0..CLASSES)
        .filter(|class| confusion[*class].iter().sum::<usize>() > 0)
        .map(|class| {
            let labelled: usize = confusion[class].iter().sum();
            let predicted: usize = confusion.iter().map(|row| row[class]).sum();
            2.0 * count(confusion[class][class]) / count(labelled + predicted)
        })
        .collect();
    scores.iter().sum::<f64>() / count(scores.len().max(1))
}

#[expect(clippy::cast_precision_loss, reason = "counts of examples")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_set_is_learnt_and_training_repeats() {
        let examples: Vec<Example> = (0..40)
            .map(|n| {
                let (text, route) = if n % 2 == 0 {
                    (format!("quiz me on lists, number {n}"), Route::Exercise)
                } else {
                    (format!("how far have I come, week {n}"), Route::Progress)
                };
                Example { text, code: None, route, vague: false }
            })
            .collect();
        let model = train(&examples, &examples);
        assert_eq!(model, train(&examples, &examples));
        let quality = quality(&examples, |example| {
            let probabilities = model.probabilities(&features::extract(&example.query()));
            let best = (0..CLASSES).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b])).unwrap();
            (Route::ALL[best], probabilities[best])
        });
        assert!((quality.accuracy - 1.0).abs() < 1e-9, "{quality:?}");
    }

    #[test]
    fn what_says_nothing_is_learnt_to_be_unsure() {
        let lines = "{\"text\":\"mhm\",\"route\":\"out-of-scope\",\"vague\":true}
            {\"text\":\"tell me a joke\",\"route\":\"out-of-scope\"}
            {\"text\":\"quiz me\",\"route\":\"exercise\"}";
        let examples = read_examples(lines).unwrap();
        let rows: Vec<Row> = examples.iter().map(Row::of).collect();
        let (weights, bias) = fit(&rows);
        let words = rows.iter().flat_map(|row| row.features.words.iter().copied());
        let model = Model::quantised(&weights, bias, 1.0).with_words(words);
        assert_eq!(unsure(&model, &examples), (1, 1));
        assert!(!classify_with(&model, &examples[1].query()).unsure());
        // Only two of the three count where routes are measured.
        assert_eq!(quality(&examples, |_| (Route::Exercise, 1.0)).examples, 2);
    }

    #[test]
    fn quality_of_known_decisions() {
        let examples = read_examples(
            "{\"text\":\"a\",\"route\":\"debug\"}\n\n{\"text\":\"b\",\"route\":\"concepts\"}\n",
        )
        .unwrap();
        let quality = quality(&examples, |_| (Route::Debug, 0.75));
        assert!((quality.accuracy - 0.5).abs() < 1e-9);
        // F1 is 2/3 for debug and 0 for concepts; the two answers claimed 0.75 and were right half the time.
        assert!((quality.macro_f1 - 1.0 / 3.0).abs() < 1e-9);
        assert!((quality.calibration_error - 0.25).abs() < 1e-9);
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = read_examples("{\"text\":\"a\",\"route\":\"debug\"}\n{\"text\":1}").unwrap_err();
        assert!(error.to_string().starts_with("line 2: "), "{error}");
    }
}
