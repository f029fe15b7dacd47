//! A linear classifier over hashed features, small enough to travel in the component.

use std::sync::LazyLock;

use learnflow_events::Route;

use crate::features::{BUCKETS, Feature};

/// Number of classes.
pub const CLASSES: usize = Route::ALL.len();

/// First bytes of a model file: a name and the version of its layout and of the features it was trained on.
const MAGIC: &[u8; 8] = b"LFTRIAG1";
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
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    temperature: f32,
    bias: [f32; CLASSES],
    scale: [f32; CLASSES],
    weights: Vec<[i8; CLASSES]>,
}

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::from_bytes(include_bytes!("../model.bin")).expect("model.bin is checked by a test")
});

impl Model {
    /// The model that is built in.
    pub fn built_in() -> &'static Self {
        &MODEL
    }

    /// Reads what [`Model::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`ModelError`], which says how to make a good one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let expected = HEADER_BYTES + BUCKETS * CLASSES;
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
        let weights = bytes[HEADER_BYTES..]
            .chunks_exact(CLASSES)
            .map(|row| std::array::from_fn(|class| row[class].cast_signed()))
            .collect();
        Ok(Self { temperature, bias, scale, weights })
    }

    /// The file's bytes: magic, temperature, biases, scales, then a row of signed bytes for each bucket.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for value in std::iter::once(self.temperature).chain(self.bias).chain(self.scale) {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(self.weights.iter().flatten().map(|weight| weight.cast_unsigned()));
        bytes
    }

    /// Rounds trained weights to bytes; `temperature` divides the scores before they become probabilities.
    pub fn quantised(weights: &[[f32; CLASSES]], bias: [f32; CLASSES], temperature: f32) -> Self {
        let scale = std::array::from_fn(|class| {
            let largest = weights.iter().map(|row| row[class].abs()).fold(0.0_f32, f32::max);
            if largest > 0.0 { largest / 127.0 } else { 1.0 }
        });
        #[expect(clippy::cast_possible_truncation, reason = "within ±127 by the choice of the scale")]
        let weights = weights
            .iter()
            .map(|row| std::array::from_fn(|class| (row[class] / scale[class]).round() as i8))
            .collect();
        Self { temperature, bias, scale, weights }
    }

    /// Scores of the classes, before temperature.
    pub fn scores(&self, features: &[Feature]) -> [f32; CLASSES] {
        let mut sums = [0.0; CLASSES];
        for feature in features {
            for (sum, weight) in sums.iter_mut().zip(&self.weights[feature.bucket]) {
                *sum += f32::from(*weight) * feature.value;
            }
        }
        std::array::from_fn(|class| sums[class] * self.scale[class] + self.bias[class])
    }

    /// Calibrated probabilities of the classes, in the order of [`Route::ALL`].
    pub fn probabilities(&self, features: &[Feature]) -> [f64; CLASSES] {
        softmax(&self.scores(features), self.temperature)
    }

    /// How much a feature speaks for a class against the average of the others.
    pub fn support(&self, feature: &Feature, class: usize) -> f32 {
        let row = &self.weights[feature.bucket];
        let value = |class: usize| f32::from(row[class]) * self.scale[class] * feature.value;
        let others: f32 = (0..CLASSES).filter(|other| *other != class).map(value).sum();
        #[expect(clippy::cast_precision_loss, reason = "there are seven classes")]
        let average = others / (CLASSES - 1) as f32;
        value(class) - average
    }
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

    #[test]
    fn the_built_in_model_is_whole() {
        let bytes = include_bytes!("../model.bin");
        assert_eq!(Model::from_bytes(bytes).map(|model| model.to_bytes()), Ok(bytes.to_vec()));
    }

    #[test]
    fn a_damaged_model_is_refused() {
        let bytes = Model::quantised(&vec![[0.0; CLASSES]; BUCKETS], [0.0; CLASSES], 1.0).to_bytes();
        assert_eq!(Model::from_bytes(b"{}"), Err(ModelError::Magic));
        assert!(matches!(Model::from_bytes(&bytes[..bytes.len() - 1]), Err(ModelError::Length { .. })));
    }
}
