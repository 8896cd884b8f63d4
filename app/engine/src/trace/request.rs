//! What to trace: prompt, subject, answer, noise.

use crate::error::{Error, Result};
use crate::model::Model;
use crate::noise::LegacyRandom;
use std::ops::Range;
use tch::Tensor;

/// Which activation a cell restores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The residual stream after one block.
    Hidden,
    /// The MLP's output in a window of layers.
    Mlp,
    /// Attention's output in a window of layers.
    Attention,
}

/// Whose probability is traced.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The joint probability of this text after a space (Hase et al. 2023).
    Target(String),
    /// The model's own most probable next token (Meng et al. 2022).
    MostProbable,
}

/// One fact, ready to be traced.
#[derive(Debug)]
pub struct Request {
    /// Token ids of the prompt.
    pub prompt: Vec<i64>,
    /// Token ids of the answer; empty for [`Answer::MostProbable`].
    pub answer: Vec<i64>,
    /// Subject tokens, end exclusive.
    pub subject: Range<usize>,
    /// Scaled noise `[samples, subject tokens, hidden]` in float64.
    pub noise: Tensor,
    /// Put the noise in the embedding's place instead of adding it.
    pub replace: bool,
}

impl Request {
    /// Finds the subject in the prompt and tokenises the answer.
    ///
    /// `noise` gets the number of subject tokens and gives the scaled noise.
    ///
    /// # Errors
    /// The subject is not in the prompt; the noise has another shape; prompt and answer exceed the context.
    pub fn new(
        model: &Model,
        prompt: &str,
        subject: &str,
        answer: &Answer,
        noise: impl FnOnce(i64) -> Tensor,
    ) -> Result<Self> {
        let subject = model.tokenizer.subject_range(prompt, subject)?;
        let prompt = model.tokenizer.encode(prompt)?;
        let answer = match answer {
            Answer::Target(text) => model.tokenizer.encode_target(text)?,
            Answer::MostProbable => Vec::new(),
        };
        let context = model.architecture.context;
        if (prompt.len() + answer.len()) as i64 > context {
            return Err(Error::Request(format!(
                "prompt and answer have {} tokens, the model reads {context}; shorten the prompt",
                prompt.len() + answer.len()
            )));
        }
        let noise = noise(subject.len() as i64);
        let wanted = [subject.len() as i64, model.architecture.hidden];
        let size = noise.size();
        if size.len() != 3 || size[0] < 1 || size[1..] != wanted {
            return Err(Error::Request(format!(
                "the noise has shape {size:?}; this prompt needs [samples, {}, {}]",
                wanted[0], wanted[1]
            )));
        }
        Ok(Self { prompt, answer, subject, noise, replace: false })
    }
}

/// Normals of the published generator times `level`: `[samples, tokens, hidden]` in float64 (spec methods.md 1.2).
pub fn seeded_noise(seed: u32, level: f64, samples: i64, tokens: i64, hidden: i64) -> Tensor {
    let draws = LegacyRandom::new(seed).normals((samples * tokens * hidden) as usize);
    Tensor::from_slice(&draws).reshape([samples, tokens, hidden]) * level
}

/// Unbiased standard deviation over all entries of the token embeddings of `subjects` (the `sK` rule, spec 1.2).
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
