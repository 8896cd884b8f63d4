//! What to trace: prompt, subject, answer, noise.

use crate::error::{Error, Result};
use crate::model::Model;
use crate::model::tokenizer::PlacedPrompt;
use std::ops::Range;
use tch::Tensor;

/// Which activation a cell changes.
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
pub enum TracedAnswer {
    /// The joint probability of this text after a space (Hase et al. 2023).
    Target(String),
    /// The model's own most probable next token (Meng et al. 2022).
    MostProbable,
}

/// A prompt, where its subject lies, and the answer whose probability is followed.
#[derive(Clone, Debug)]
pub struct TracedQuestion {
    /// Token ids of the prompt.
    pub prompt: Vec<i64>,
    /// Token ids of the answer; empty for [`TracedAnswer::MostProbable`].
    pub answer: Vec<i64>,
    /// Subject tokens, end exclusive.
    pub subject: Range<usize>,
}

impl TracedQuestion {
    /// A prompt that `template` makes with the subject in the place of `{}`, and the answer, tokenized together. Where
    /// the template has no `{}` it is the prompt itself, and the subject's last mention in it is taken.
    ///
    /// # Errors
    /// The subject is not in the prompt; prompt and answer exceed the context.
    pub fn new(model: &Model, template: &str, subject: &str, answer: &TracedAnswer) -> Result<Self> {
        let target = match answer {
            TracedAnswer::Target(text) if text.trim().is_empty() => {
                return Err(Error::Request("the answer is empty".into()));
            }
            TracedAnswer::Target(text) => Some(text.as_str()),
            TracedAnswer::MostProbable => None,
        };
        let PlacedPrompt { ids: mut prompt, subject, prompt: count, .. } =
            model.tokenizer.prompt(template, subject, target)?;
        let answer = prompt.split_off(count);
        let context = model.architecture.context;
        if (prompt.len() + answer.len()) as i64 > context {
            return Err(Error::Request(format!(
                "prompt and answer have {} tokens, but the model reads {context}; shorten the prompt",
                prompt.len() + answer.len()
            )));
        }
        Ok(Self { prompt, answer, subject })
    }
}

/// One fact, ready to be traced.
#[derive(Debug)]
pub struct Request {
    /// What the model is asked.
    pub question: TracedQuestion,
    /// Scaled noise `[samples, subject tokens, embedded]` in float64.
    pub noise: Tensor,
    /// Put the noise in the embedding's place instead of adding it.
    pub replace: bool,
}

impl Request {
    /// A question and the noise on its subject.
    ///
    /// `noise` gets the number of subject tokens and gives the scaled noise.
    ///
    /// # Errors
    /// Those of [`TracedQuestion::new`] and of `noise`; the noise has another shape.
    pub fn new(
        model: &Model,
        template: &str,
        subject: &str,
        answer: &TracedAnswer,
        noise: impl FnOnce(i64) -> Result<Tensor>,
    ) -> Result<Self> {
        let question = TracedQuestion::new(model, template, subject, answer)?;
        let noise = noise(question.subject.len() as i64)?;
        Self::with_noise(model, question, noise)
    }

    /// The same question with other noise.
    ///
    /// # Errors
    /// The noise has another shape than `[samples, subject tokens, embedded]`.
    pub fn with_noise(model: &Model, question: TracedQuestion, noise: Tensor) -> Result<Self> {
        let wanted = [question.subject.len() as i64, model.architecture.embedded()];
        let size = noise.size();
        if size.len() != 3 || size[0] < 1 || size[1..] != wanted {
            return Err(Error::Request(format!(
                "the noise has shape {size:?}; this prompt needs [samples, {}, {}]",
                wanted[0], wanted[1]
            )));
        }
        Ok(Self { question, noise, replace: false })
    }
}
