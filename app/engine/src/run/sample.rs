//! Text sampled from the model, as the published code draws its context templates (spec methods.md 0.4).

use super::capture::log_probabilities;
use crate::edit::SubjectNoises;
use crate::error::{Error, Result};
use crate::model::{Batch, KeysValues, Model, Span, Tap, Taps};
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

/// Like [`sample`], with noise on the subject of the prompt, whose effect lasts through the prompt's keys and values
/// (spec objectives.md 3.2).
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
    let _guard = tch::no_grad_guard();
    let end = model.tokenizer.end_of_text();
    let prompt = if prompt.is_empty() { end.as_str() } else { prompt };
    let start = model.tokenizer.encode(prompt)?;
    if start.is_empty() || tokens as i64 > model.architecture.context || count == 0 {
        let message = format!("cannot sample {count} texts of {tokens} tokens from `{prompt}`");
        return Err(Error::Request(message));
    }
    let rows = count as i64;
    let mut texts = vec![start.clone(); count];
    let mut memory: Vec<KeysValues> = Vec::new();
    let mut next = Tensor::from_slice(&start).to_device(model.device).repeat([rows]);
    let mut first = 0;
    while texts[0].len() < tokens {
        listen()?;
        let columns = next.size()[0] / rows;
        let batch = Batch { spans: vec![Span { rows, columns, first }], forest: None };
        let tap = match noise.filter(|_| first == 0) {
            Some(noise) => noise.tap(model, &vec![start.clone(); count])?,
            None => None,
        };
        let stream = advance(model, &next, &batch, &mut memory, tap);
        let last = stream.reshape([rows, columns, -1]).select(1, columns - 1);
        let drawn = draw(&log_probabilities(model, &last), random);
        for (text, &token) in texts.iter_mut().zip(&drawn) {
            text.push(token);
        }
        next = Tensor::from_slice(&drawn).to_device(model.device);
        first += columns;
    }
    texts.iter().map(|ids| Ok(cleaned(&model.tokenizer.decode(ids)?, &end))).collect()
}

/// Runs the next columns of all rows on top of those already run.
fn advance(model: &Model, ids: &Tensor, batch: &Batch, memory: &mut Vec<KeysValues>, noise: Option<Tap>) -> Tensor {
    let mut stream = model.embed(ids, batch, &mut Taps::new(noise.into_iter().collect()));
    for layer in 0..model.architecture.layers {
        let prefix = memory.get(layer);
        let (after, mut kept) = model.block(layer, &stream, batch, &[prefix], &mut Taps::default(), true);
        stream = after;
        if let Some(own) = kept.pop() {
            match memory.get_mut(layer) {
                Some(earlier) => *earlier = earlier.followed_by(&own),
                None => memory.push(own),
            }
        }
    }
    stream
}

/// One token per row among the most probable, by their renormalised probabilities.
pub(super) fn draw(log_probabilities: &Tensor, random: &mut LegacyRandom) -> Vec<i64> {
    let (values, tokens) = log_probabilities.topk(CANDIDATES, -1, true, true);
    let shares = values.softmax(-1, Kind::Double).to_device(Device::Cpu).reshape([-1]);
    let shares = Vec::<f64>::try_from(shares).unwrap_or_default();
    let tokens = Vec::<i64>::try_from(tokens.to_device(Device::Cpu).reshape([-1])).unwrap_or_default();
    let rows = shares.chunks_exact(CANDIDATES as usize).zip(tokens.chunks_exact(CANDIDATES as usize));
    rows.map(|(shares, tokens)| {
        let mut left = random.uniform();
        let chosen = shares.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        tokens[chosen.unwrap_or(0)]
    })
    .collect()
}

fn cleaned(text: &str, end: &str) -> String {
    let text = if end.is_empty() { text.to_owned() } else { text.replace(end, "") };
    text.replace("\n\n", " ")
}
