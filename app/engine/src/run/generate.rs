//! Texts that go on after prompts of unequal length, all in one batch on cached keys and values.

use super::capture::log_probabilities;
use super::layout::check_rows;
use super::sample::draw;
use super::sentence::is_whole;
use crate::error::{Error, Result};
use crate::model::{Batch, KeysValues, Model, Span, Tap, Taps};
use crate::noise::LegacyRandom;
use tch::{Device, Tensor};
use unicode_normalization::UnicodeNormalization;

/// How the next token is chosen.
pub enum Choice<'a> {
    /// The most probable one.
    Greedy,
    /// One of the five most probable, by their renormalised probabilities, drawn row after row.
    Sampled(&'a mut LegacyRandom),
}

/// When a text ends. The end-of-text token does not end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many tokens after the prompt.
    After(usize),
    /// So many tokens with the prompt; a longer prompt stays as it is.
    Whole(usize),
    /// So many tokens after the prompt at most; all texts end once every one has its first sentence, or has come to a
    /// token that ends a text.
    Sentence(usize),
}

/// A prompt and what came after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generated {
    /// All tokens.
    pub tokens: Vec<i64>,
    /// How many of them are the prompt's.
    pub prompt_tokens: usize,
}

impl Generated {
    /// The text after the prompt, up to the first token that ends a text.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn continuation(&self, model: &Model) -> Result<String> {
        let text = model.tokenizer.decode(&self.tokens[self.prompt_tokens..])?;
        let cut = model.tokenizer.ends_of_text().iter().filter_map(|end| text.find(end.as_str())).min();
        Ok(text[..cut.unwrap_or(text.len())].to_owned())
    }

    /// The whole text as the published sampler returns it: NFKD, a blank for every empty line, no end-of-text tokens.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn published_text(&self, model: &Model) -> Result<String> {
        let text: String = model.tokenizer.decode_whole(&self.tokens)?.nfkd().collect();
        let text = text.replace("\n\n", " ");
        Ok(model.tokenizer.ends_of_text().iter().fold(text, |text, end| text.replace(end, "")))
    }
}

/// Prompts of one length, which go on together.
struct Group {
    rows: Vec<usize>,
    /// By layer.
    memory: Vec<KeysValues>,
    /// Tokens that have been run.
    run: usize,
}

/// Goes on after every prompt. A text stops where the model's context ends.
///
/// # Errors
/// An empty or overlong prompt; what `listen` returns, who is asked before every token.
pub fn generate(
    model: &Model,
    prompts: &[String],
    length: Length,
    choice: Choice<'_>,
    listen: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<Generated>> {
    if prompts.is_empty() {
        return Ok(Vec::new());
    }
    let starts = prompts.iter().map(|prompt| model.tokenizer.encode(prompt)).collect::<Result<Vec<_>>>()?;
    extend(model, starts, length, choice, None, listen)
}

/// Goes on after prompts that are tokens already; `noise` acts on the embeddings of their first run, and through the
/// keys and values on all that follows. With noise, the prompts are of one length.
pub(super) fn extend(
    model: &Model,
    starts: Vec<Vec<i64>>,
    length: Length,
    mut choice: Choice<'_>,
    mut noise: Option<Tap>,
    listen: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<Generated>> {
    let _guard = tch::no_grad_guard();
    check_rows(model, &starts).map_err(|_| {
        let context = model.architecture.context;
        Error::Request(format!("a prompt is empty or longer than the {context} tokens that the model reads"))
    })?;
    let context = model.architecture.context as usize;
    let end = |prompt: usize| match length {
        Length::After(tokens) | Length::Sentence(tokens) => prompt.saturating_add(tokens).min(context),
        Length::Whole(tokens) => tokens.min(context),
    };
    let mut texts: Vec<Generated> =
        starts.into_iter().map(|tokens| Generated { prompt_tokens: tokens.len(), tokens }).collect();
    let mut whole = vec![false; texts.len()];
    let mut groups: Vec<Group> = Vec::new();
    for (row, text) in texts.iter().enumerate() {
        let known = groups.iter_mut().find(|group| texts[group.rows[0]].prompt_tokens == text.prompt_tokens);
        match known {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { rows: vec![row], memory: Vec::new(), run: 0 }),
        }
    }
    loop {
        groups.retain(|group| {
            let text = &texts[group.rows[0]];
            text.tokens.len() < end(text.prompt_tokens)
        });
        if groups.is_empty() {
            return Ok(texts);
        }
        listen()?;
        let (rows, last) = advance(model, &texts, &mut groups, noise.take())?;
        // draws are made in the order of the prompts
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&place| rows[place]);
        let places: Vec<i64> = order.iter().map(|&place| place as i64).collect();
        let last = last.f_index_select(0, &Tensor::f_from_slice(&places)?.f_to_device(model.device)?)?;
        let chosen = match &mut choice {
            Choice::Greedy => {
                let best = model.logits(&last)?.f_argmax(-1, false)?;
                Vec::<i64>::try_from(best.f_to_device(Device::Cpu)?)?
            }
            Choice::Sampled(random) => draw(&log_probabilities(model, &last)?, random)?,
        };
        for (&place, token) in order.iter().zip(chosen) {
            texts[rows[place]].tokens.push(token);
        }
        if matches!(length, Length::Sentence(_)) {
            for (text, whole) in texts.iter().zip(&mut whole).filter(|(_, whole)| !**whole) {
                *whole = is_first_sentence(model, text)?;
            }
            if whole.iter().all(|whole| *whole) {
                return Ok(texts);
            }
        }
    }
}

/// Whether a text has come to where its first sentence ends.
fn is_first_sentence(model: &Model, text: &Generated) -> Result<bool> {
    let said = model.tokenizer.decode(&text.tokens[text.prompt_tokens..])?;
    Ok(is_whole(&said) || model.tokenizer.ends_of_text().iter().any(|end| said.contains(end.as_str())))
}

/// Runs what has not been run of every group: the rows, and their last residual streams `[rows, hidden]`.
fn advance(
    model: &Model,
    texts: &[Generated],
    groups: &mut [Group],
    noise: Option<Tap>,
) -> Result<(Vec<usize>, Tensor)> {
    let (mut ids, mut rows): (Vec<i64>, Vec<usize>) = Default::default();
    let (mut spans, mut last) = (Vec::new(), Vec::new());
    for group in groups.iter() {
        let whole = texts[group.rows[0]].tokens.len();
        for &row in &group.rows {
            ids.extend(&texts[row].tokens[group.run..whole]);
            last.push(ids.len() as i64 - 1);
        }
        rows.extend(&group.rows);
        let columns = (whole - group.run) as i64;
        spans.push(Span { rows: group.rows.len() as i64, columns, first: group.run as i64 });
    }
    let batch = Batch { spans, forest: None };
    let mut taps = Taps::new(noise.into_iter().collect());
    let mut stream = model.embed(&Tensor::f_from_slice(&ids)?.f_to_device(model.device)?, &batch, &mut taps)?;
    for layer in 0..model.architecture.layers {
        let prefixes: Vec<Option<&KeysValues>> = groups.iter().map(|group| group.memory.get(layer)).collect();
        let (after, kept) = model.block(layer, &stream, &batch, &prefixes, &mut taps, true)?;
        stream = after;
        for (group, own) in groups.iter_mut().zip(kept) {
            match group.memory.get_mut(layer) {
                Some(earlier) => *earlier = earlier.followed_by(&own)?,
                None => group.memory.push(own),
            }
        }
    }
    for group in groups.iter_mut() {
        group.run = texts[group.rows[0]].tokens.len();
    }
    Ok((rows, stream.f_index_select(0, &Tensor::f_from_slice(&last)?.f_to_device(model.device)?)?))
}
