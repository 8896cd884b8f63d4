//! Noise on the subject: how it is drawn and how strong it is (spec methods.md 1.2).

use crate::error::{Error, Result};
use crate::model::Model;
use crate::noise::LegacyRandom;
use tch::Tensor;

/// What the draws look like before they are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draws {
    /// Standard normals.
    Normal,
    /// Uniform on `[-1, 1)` (the `uX` rule).
    Uniform,
}

/// Normals of the published generator times `level`: `[samples, tokens, hidden]` in float64.
pub fn seeded_noise(seed: u32, level: f64, samples: i64, tokens: i64, hidden: i64) -> Tensor {
    drawn_noise(&mut LegacyRandom::new(seed), Draws::Normal, samples, tokens, hidden) * level
}

/// The next unscaled draws of a running generator: `[samples, tokens, hidden]` in float64, row-major.
pub fn drawn_noise(random: &mut LegacyRandom, draws: Draws, samples: i64, tokens: i64, hidden: i64) -> Tensor {
    let count = (samples * tokens * hidden) as usize;
    let numbers: Vec<f64> = match draws {
        Draws::Normal => random.normals(count),
        Draws::Uniform => (0..count).map(|_| random.uniform_between(-1.0, 1.0)).collect(),
    };
    Tensor::from_slice(&numbers).reshape([samples, tokens, hidden])
}

/// Unbiased standard deviation over all entries of the token embeddings of `subjects` (the `sK` rule).
///
/// # Errors
/// No subject, or one that the tokenizer refuses.
pub fn embedding_deviation<S: AsRef<str>>(model: &Model, subjects: &[S]) -> Result<f64> {
    let mut ids = Vec::new();
    for subject in subjects {
        ids.extend(model.tokenizer.encode(subject.as_ref())?);
    }
    if ids.is_empty() {
        return Err(Error::Request("no subject to measure the embeddings of; give at least one fact".to_owned()));
    }
    let ids = Tensor::from_slice(&ids).to_device(model.device);
    Ok(model.token_embeddings(&ids).to_kind(tch::Kind::Float).std(true).double_value(&[]))
}
