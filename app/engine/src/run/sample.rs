//! Text sampled from the model, as the published code draws its context templates.

use super::generate::{Choice, Length, extend};
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
    if start.is_empty() || tokens as i64 > model.architecture.context || count == 0 {
        let message = format!("cannot sample {count} texts of {tokens} tokens from `{prompt}`");
        return Err(Error::Request(message));
    }
    let starts = vec![start; count];
    let noise = noise.map(|noise| noise.tap(model, &starts)).transpose()?.flatten();
    let texts = extend(model, starts, Length::Whole(tokens), Choice::Sampled(random), noise, listen)?;
    texts.iter().map(|text| text.published_text(model)).collect()
}

/// One token per row among the most probable, by their renormalised probabilities.
pub(super) fn draw(log_probabilities: &Tensor, random: &mut LegacyRandom) -> Result<Vec<i64>> {
    // a vocabulary may be smaller than that
    let candidates = CANDIDATES.min(log_probabilities.size().last().copied().unwrap_or(0));
    let (values, tokens) = log_probabilities.f_topk(candidates, -1, true, true)?;
    let shares = values.f_softmax(-1, Kind::Double)?.f_to_device(Device::Cpu)?.f_reshape([-1])?;
    let shares = Vec::<f64>::try_from(shares)?;
    let tokens = Vec::<i64>::try_from(tokens.f_to_device(Device::Cpu)?.f_reshape([-1])?)?;
    let candidates = candidates.max(1) as usize;
    let rows = shares.chunks_exact(candidates).zip(tokens.chunks_exact(candidates));
    let chosen = rows.map(|(shares, tokens)| {
        let mut left = random.uniform();
        let chosen = shares.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        tokens[chosen.unwrap_or(0)]
    });
    Ok(chosen.collect())
}
