//! Texts that go on after prompts of unequal length, all in one batch on cached keys and values.

use super::capture::log_probabilities;
use super::layout::check_rows;
use super::sample::draw;
use super::sentence::is_whole;
use super::word::has_word;
use crate::error::{Error, Result};
use crate::model::{Batch, KeysValues, Model, Rectangle, Span, Tap, Taps};
use crate::noise::LegacyRandom;
use std::rc::Rc;
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
    /// So many tokens after the prompt at most; a text ends once it has its first sentence, or has come to a token that
    /// ends a text.
    Sentence(usize),
    /// So many tokens after the prompt at most; a text ends once its first word is whole.
    Word(usize),
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

/// What has been run of the texts that still go on.
#[derive(Default)]
struct Memory {
    /// The texts, in order.
    rows: Vec<usize>,
    /// By row: tokens that have been run.
    run: Vec<usize>,
    /// By layer: keys and values of all rows.
    layers: Vec<KeysValues>,
    /// Positions of the keys, `[rows, keys]`.
    positions: Option<Tensor>,
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
        Length::After(tokens) | Length::Sentence(tokens) | Length::Word(tokens) => {
            prompt.saturating_add(tokens).min(context)
        }
        Length::Whole(tokens) => tokens.min(context),
    };
    let mut texts: Vec<Generated> =
        starts.into_iter().map(|tokens| Generated { prompt_tokens: tokens.len(), tokens }).collect();
    let mut memory = Memory { rows: (0..texts.len()).collect(), run: vec![0; texts.len()], ..Memory::default() };
    loop {
        let mut goes_on = Vec::with_capacity(memory.rows.len());
        for &row in &memory.rows {
            let text = &texts[row];
            let is_over = match length {
                Length::Sentence(_) => is_first_sentence(model, text)?,
                Length::Word(_) => has_word(&model.tokenizer.decode(&text.tokens[text.prompt_tokens..])?),
                Length::After(_) | Length::Whole(_) => false,
            };
            goes_on.push(text.tokens.len() < end(text.prompt_tokens) && !is_over);
        }
        memory.keep(&goes_on, model.device)?;
        if memory.rows.is_empty() {
            return Ok(texts);
        }
        listen()?;
        let last = memory.advance(model, &texts, noise.take())?;
        let chosen = match &mut choice {
            Choice::Greedy => {
                let best = model.logits(&last)?.f_argmax(-1, false)?;
                Vec::<i64>::try_from(best.f_to_device(Device::Cpu)?)?
            }
            // draws are made in the order of the prompts
            Choice::Sampled(random) => draw(&log_probabilities(model, &last)?, random)?,
        };
        for (&row, token) in memory.rows.iter().zip(chosen) {
            texts[row].tokens.push(token);
        }
    }
}

/// Whether a text has come to where its first sentence ends.
fn is_first_sentence(model: &Model, text: &Generated) -> Result<bool> {
    let said = model.tokenizer.decode(&text.tokens[text.prompt_tokens..])?;
    Ok(is_whole(&said) || model.tokenizer.ends_of_text().iter().any(|end| said.contains(end.as_str())))
}

impl Memory {
    /// Lets go of the rows that do not go on.
    fn keep(&mut self, goes_on: &[bool], device: Device) -> Result<()> {
        if goes_on.iter().all(|goes_on| *goes_on) {
            return Ok(());
        }
        let places: Vec<usize> = (0..goes_on.len()).filter(|&place| goes_on[place]).collect();
        self.rows = places.iter().map(|&place| self.rows[place]).collect();
        self.run = places.iter().map(|&place| self.run[place]).collect();
        let places: Vec<i64> = places.iter().map(|&place| place as i64).collect();
        let places = Tensor::f_from_slice(&places)?.f_to_device(device)?;
        let select = |tensor: &Tensor| tensor.f_index_select(0, &places);
        for layer in &mut self.layers {
            *layer = KeysValues { keys: select(&layer.keys)?, values: select(&layer.values)? };
        }
        self.positions = self.positions.as_ref().map(select).transpose()?;
        Ok(())
    }

    /// Runs what has not been run of every row; gives their last residual streams, `[rows, hidden]`.
    fn advance(&mut self, model: &Model, texts: &[Generated], noise: Option<Tap>) -> Result<Tensor> {
        let (mut ids, mut spans, mut last): (Vec<i64>, Vec<Span>, Vec<i64>) = Default::default();
        for (&row, run) in self.rows.iter().zip(&mut self.run) {
            let tokens = &texts[row].tokens;
            ids.extend(&tokens[*run..]);
            last.push(ids.len() as i64 - 1);
            spans.push(Span { rows: 1, columns: (tokens.len() - *run) as i64, first: *run as i64 });
            *run = tokens.len();
        }
        let rectangle = match &self.positions {
            Some(positions) => Rectangle::after(&spans, positions)?,
            None => Rectangle::of(&spans, model.device)?,
        };
        self.positions = Some(rectangle.keys().shallow_clone());
        let batch = Batch { together: Some(Rc::new(rectangle)), ..Batch::of(spans) };
        let mut taps = Taps::new(noise.into_iter().collect());
        let mut stream = model.embed(&Tensor::f_from_slice(&ids)?.f_to_device(model.device)?, &batch, &mut taps)?;
        for layer in 0..model.architecture.layers {
            let prefix: Vec<Option<&KeysValues>> = self.layers.get(layer).map(Some).into_iter().collect();
            let (after, kept) = model.block(layer, &stream, &batch, &prefix, &mut taps, true)?;
            stream = after;
            for own in kept {
                match self.layers.get_mut(layer) {
                    Some(earlier) => *earlier = earlier.followed_by(&own)?,
                    None => self.layers.push(own),
                }
            }
        }
        Ok(stream.f_index_select(0, &Tensor::f_from_slice(&last)?.f_to_device(model.device)?)?)
    }
}
