//! A linear classifier over hashed features, small enough to travel in the component.

use std::{borrow::Cow, sync::LazyLock};

use learnflow_events::Route;

use crate::features::{BUCKETS, Feature, Features};

/// Number of classes.
pub const CLASSES: usize = Route::ALL.len();

/// First bytes of a model file: a name and the version of its layout and of the features it was trained on.
const MAGIC: &[u8; 8] = b"LFTRIAG2";
/// Size of the set of known words: with some five thousand of them, it takes six of a thousand other words for known.
const VOCABULARY_BYTES: usize = 1 << 14;
/// How much the weights say about a message of which the model knows no word: so little that it is unsure.
const TRUST_IN_UNKNOWN: f64 = 0.4;
const HEADER_BYTES: usize = MAGIC.len() + 4 * (1 + 2 * CLASSES);

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModelError {
    /// Another program's file, or one of another version.
    #[error("this is no triage model of the present version; write one with `cargo xtask train-triage`")]
    Magic,
    /// Cut short or too long.
    #[error(
        "the triage model has {found} bytes instead of {expected}; write it again with `cargo xtask train-triage`"
    )]
    Length {
        /// Bytes in the file.
        found: usize,
        /// Bytes a whole model has.
        expected: usize,
    },
}

/// The weights, one signed byte each, with a scale for each class.
///
/// A fresh instance of the component decides one message, which looks at some hundred of the 131,072 rows: the weights
/// stay where the file's bytes are.
#[derive(Clone, Debug, PartialEq)]
pub struct Model<'a> {
    temperature: f32,
    bias: [f32; CLASSES],
    scale: [f32; CLASSES],
    /// A row for each bucket: signed bytes, as they are in the file.
    weights: Cow<'a, [[u8; CLASSES]]>,
    /// The words that it was trained on, as a Bloom filter.
    vocabulary: Cow<'a, [u8]>,
}

static MODEL: LazyLock<Model<'static>> = LazyLock::new(|| {
    Model::from_bytes(include_bytes!("../model.bin")).expect("model.bin is checked by a test")
});

impl Model<'static> {
    /// The model that is built in.
    pub fn built_in() -> &'static Self {
        &MODEL
    }
}

impl<'a> Model<'a> {
    /// Reads what [`Model::to_bytes`] wrote, in place.
    ///
    /// # Errors
    /// [`ModelError`], which says how to make a good one.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, ModelError> {
        let expected = HEADER_BYTES + BUCKETS * CLASSES + VOCABULARY_BYTES;
        if !bytes.starts_with(MAGIC) {
            return Err(ModelError::Magic);
        }
        if bytes.len() != expected {
            return Err(ModelError::Length { found: bytes.len(), expected });
        }
        let mut floats = bytes[MAGIC.len()..HEADER_BYTES]
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let mut next = || floats.next().unwrap_or_default();
        let temperature = next();
        let bias = std::array::from_fn(|_| next());
        let scale = std::array::from_fn(|_| next());
        let (weights, vocabulary) = bytes[HEADER_BYTES..].split_at(BUCKETS * CLASSES);
        // The length is right, so nothing is left over.
        let (weights, _) = weights.as_chunks();
        let (weights, vocabulary) = (Cow::Borrowed(weights), Cow::Borrowed(vocabulary));
        Ok(Self { temperature, bias, scale, weights, vocabulary })
    }

    /// The file's bytes: magic, temperature, biases, scales, then a row of signed bytes for each bucket, then
    /// the known words.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for value in std::iter::once(self.temperature).chain(self.bias).chain(self.scale) {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(self.weights.iter().flatten());
        bytes.extend(self.vocabulary.iter());
        bytes
    }

    /// Rounds trained weights to bytes; `temperature` divides the scores before they become probabilities.
    ///
    /// It knows no word: see [`Model::with_words`].
    pub fn quantised(weights: &[[f32; CLASSES]], bias: [f32; CLASSES], temperature: f32) -> Self {
        let scale = std::array::from_fn(|class| {
            let largest = weights.iter().map(|row| row[class].abs()).fold(0.0_f32, f32::max);
            if largest > 0.0 { largest / 127.0 } else { 1.0 }
        });
        #[expect(clippy::cast_possible_truncation, reason = "within ±127 by the choice of the scale")]
        let weights = weights
            .iter()
            .map(|row| {
                std::array::from_fn(|class| ((row[class] / scale[class]).round() as i8).cast_unsigned())
            })
            .collect();
        Self { temperature, bias, scale, weights, vocabulary: vec![0; VOCABULARY_BYTES].into() }
    }

    /// The same model that knows these words, by the hashes of [`Features::words`].
    #[must_use]
    pub fn with_words(mut self, words: impl IntoIterator<Item = u64>) -> Self {
        let vocabulary = self.vocabulary.to_mut();
        for (byte, bit) in words.into_iter().flat_map(places) {
            vocabulary[byte] |= bit;
        }
        self
    }

    /// Whether nothing in a message is known to the model: its features meet weights only by chance.
    fn is_foreign(&self, features: &Features) -> bool {
        let knows = |word: &u64| places(*word).iter().all(|(byte, bit)| self.vocabulary[*byte] & bit != 0);
        !features.code && !features.words.iter().any(knows)
    }

    /// Scores of the classes, before temperature.
    pub fn scores(&self, features: &Features) -> [f32; CLASSES] {
        let mut sums = [0.0; CLASSES];
        for feature in &features.weighted {
            for (sum, weight) in sums.iter_mut().zip(&self.weights[feature.bucket]) {
                *sum += f32::from(weight.cast_signed()) * feature.value;
            }
        }
        std::array::from_fn(|class| sums[class] * self.scale[class] + self.bias[class])
    }

    /// Calibrated probabilities of the classes, in the order of [`Route::ALL`].
    pub fn probabilities(&self, features: &Features) -> [f64; CLASSES] {
        let probabilities = softmax(&self.scores(features), self.temperature);
        if self.is_foreign(features) {
            #[expect(clippy::cast_precision_loss, reason = "there are seven classes")]
            let rest = (1.0 - TRUST_IN_UNKNOWN) / CLASSES as f64;
            return probabilities.map(|probability| TRUST_IN_UNKNOWN * probability + rest);
        }
        probabilities
    }

    /// How much a feature speaks for a class against the average of the others.
    pub fn support(&self, feature: &Feature, class: usize) -> f32 {
        let row = &self.weights[feature.bucket];
        let value = |class: usize| f32::from(row[class].cast_signed()) * self.scale[class] * feature.value;
        let others: f32 = (0..CLASSES).filter(|other| *other != class).map(value).sum();
        #[expect(clippy::cast_precision_loss, reason = "there are seven classes")]
        let average = others / (CLASSES - 1) as f32;
        value(class) - average
    }
}

/// The two bits of a word in the vocabulary, each as its byte and what is set there.
fn places(word: u64) -> [(usize, u8); 2] {
    [word, word >> 32].map(|hash| {
        let byte = usize::try_from((hash >> 3) % VOCABULARY_BYTES as u64).unwrap_or_default();
        (byte, 1 << (hash & 7))
    })
}

/// Probabilities of scores divided by `temperature` (Guo et al. 2017, "On Calibration of Modern Neural Networks").
pub fn softmax(scores: &[f32; CLASSES], temperature: f32) -> [f64; CLASSES] {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = scores.map(|score| f64::from((score - highest) / temperature).exp());
    let total: f64 = powers.iter().sum();
    powers.map(|power| power / total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::extract;
    use learnflow_events::payload::QuerySubmitted;

    #[test]
    fn the_built_in_model_is_whole() {
        let bytes = include_bytes!("../model.bin");
        assert_eq!(Model::from_bytes(bytes).map(|model| model.to_bytes()), Ok(bytes.to_vec()));
    }

    #[test]
    fn only_a_message_without_any_known_word_is_foreign() {
        let features = |text: &str, code: Option<&str>| {
            extract(&QuerySubmitted {
                query_text: text.to_owned(),
                code: code.map(str::to_owned),
                ..QuerySubmitted::default()
            })
        };
        let model = Model::quantised(&vec![[0.0; CLASSES]; BUCKETS], [0.0; CLASSES], 1.0)
            .with_words(features("what is a list", None).words);
        for foreign in ["blorb", "blorb zwack 7?", "…"] {
            assert!(model.is_foreign(&features(foreign, None)), "{foreign}");
        }
        assert!(!model.is_foreign(&features("list blorb", None)));
        assert!(!model.is_foreign(&features("blorb", Some("print(1)"))));
    }

    #[test]
    fn a_damaged_model_is_refused() {
        let bytes = Model::quantised(&vec![[0.0; CLASSES]; BUCKETS], [0.0; CLASSES], 1.0).to_bytes();
        assert_eq!(Model::from_bytes(b"{}"), Err(ModelError::Magic));
        assert!(matches!(Model::from_bytes(&bytes[..bytes.len() - 1]), Err(ModelError::Length { .. })));
    }
}
