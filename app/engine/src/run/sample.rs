//! Text sampled from the model, as the published code draws its context templates.

use super::generate::{Choice, Length, Rows, extend};
use super::parts::Noised;
use super::subject_noise::SubjectNoises;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::noise::LegacyRandom;
use tch::{Device, Kind, Tensor};

/// Tokens among which a draw is made.
const CANDIDATES: i64 = 5;

/// Samples `count` texts of `tokens` tokens, the prompt included; the text contains the prompt. Each token is drawn
/// among the five most probable. The end-of-text token neither stops a text nor stays in it.
///
/// # Errors
/// An empty prompt for a model without an end-of-text token; more tokens than the context; what `listen` returns.
pub fn sample(
    model: &Model,
    prompt: &str,
    count: usize,
    tokens: usize,
    random: &mut LegacyRandom,
    listen: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<String>> {
    sample_noised(model, prompt, count, tokens, random, None, listen)
}

/// Like [`sample`], with noise on the subject of the prompt, whose effect lasts through the prompt's keys and values.
///
/// # Errors
/// Those of [`sample`].
pub fn sample_noised(
    model: &Model,
    prompt: &str,
    count: usize,
    tokens: usize,
    random: &mut LegacyRandom,
    noise: Option<&SubjectNoises>,
    listen: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<String>> {
    let end = model.tokenizer.end_of_text();
    let prompt = if prompt.is_empty() { end.as_str() } else { prompt };
    let start = model.tokenizer.encode(prompt)?;
    if start.is_empty() || tokens as i64 > model.architecture.longest_text(start.len() as i64) || count == 0 {
        let message = format!("cannot sample {count} texts of {tokens} tokens from `{prompt}`");
        return Err(Error::Request(message));
    }
    let starts = vec![start; count];
    let noise = noise.map(|noise| noise.on(model, &starts)).transpose()?;
    let noised = noise.as_ref().map(|(cells, noise)| Noised { cells, noise });
    let texts = extend(Rows::of(model), &starts, Length::Whole(tokens), Choice::Sampled(random), noised, listen)?;
    texts.iter().map(|text| text.published_text(model)).collect()
}

/// One token per row among the most probable, by their renormalized probabilities; `drawn` has a number from 0 to 1 for
/// each row.
pub(super) fn draw(log_probabilities: &Tensor, drawn: &[f64]) -> Result<Vec<i64>> {
    // a vocabulary may be smaller than that
    let candidates = CANDIDATES.min(log_probabilities.size().last().copied().unwrap_or(0));
    let (values, tokens) = log_probabilities.f_topk(candidates, -1, true, true)?;
    let shares = values.f_softmax(-1, Kind::Double)?.f_to_device(Device::Cpu)?.f_reshape([-1])?;
    let shares = Vec::<f64>::try_from(shares)?;
    let tokens = Vec::<i64>::try_from(tokens.f_to_device(Device::Cpu)?.f_reshape([-1])?)?;
    let candidates = candidates.max(1) as usize;
    let rows = shares.chunks_exact(candidates).zip(tokens.chunks_exact(candidates));
    let chosen = rows.zip(drawn).map(|((shares, tokens), drawn)| {
        let mut left = *drawn;
        let chosen = shares.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        tokens[chosen.unwrap_or(0)]
    });
    Ok(chosen.collect())
}
