//! Texts that go on after prompts of unequal length, all in one batch on cached keys and values, or part by part where memory
//! does not suffice for all of them.

use super::capture::{log_probabilities, noise_tap};
use super::layout::{Layout, check_rows};
use super::parts::Noised;
use super::sample::draw;
use super::sentence::is_whole;
use super::word::has_word;
use crate::at_once::{Batched, Batches};
use crate::error::{Error, Result};
use crate::model::{Batch, KeysValues, Model, Reading, Rectangle, Span, Tap, Taps};
use crate::noise::LegacyRandom;
use std::rc::Rc;
use tch::{Device, Tensor};
use unicode_normalization::UnicodeNormalization;

/// How the next token is chosen.
pub enum Choice<'a> {
    /// The most probable one.
    Greedy,
    /// One of the five most probable, by their renormalized probabilities, drawn row after row.
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
    /// Tokens of the prompt, followed by those of the continuation.
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

/// Goes on after every prompt. A text stops where the model's context ends, and where keys that are kept would turn otherwise.
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
    extend(Rows::of(model), &starts, length, choice, None, listen)
}

/// Goes on after every prompt under both models of a pair, all texts in one batch: the weights that both share are read once
/// for both.
///
/// # Errors
/// Those of [`generate`].
pub fn generate_both(
    pair: Pair<'_>,
    prompts: &[String],
    length: Length,
    listen: &mut dyn FnMut() -> Result<()>,
) -> Result<[Vec<Generated>; 2]> {
    let Pair { model, edited, .. } = pair;
    if prompts.is_empty() {
        return Ok([Vec::new(), Vec::new()]);
    }
    if model.places.are_several() {
        let mut each = |model| generate(model, prompts, length, Choice::Greedy, listen);
        return Ok([each(model)?, each(edited)?]);
    }
    let starts = prompts.iter().map(|prompt| model.tokenizer.encode(prompt)).collect::<Result<Vec<_>>>()?;
    let twice: Vec<Vec<i64>> = starts.iter().chain(&starts).cloned().collect();
    let rows = Rows { model, other: Some((pair, prompts.len())) };
    let mut texts = extend(rows, &twice, length, Choice::Greedy, None, listen)?;
    let edited = texts.split_off(prompts.len());
    Ok([texts, edited])
}

/// A model, and one that differs from it in down-projections of some layers alone.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The model that the other one differs from.
    pub model: &'a Model,
    /// The model with other down-projections in `layers`.
    pub edited: &'a Model,
    /// The layers in which they differ.
    pub layers: &'a [usize],
}

/// Which model the rows of a batch are run by.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    model: &'a Model,
    /// The other model, by which those from the given one on are run.
    other: Option<(Pair<'a>, usize)>,
}

impl<'a> Rows<'a> {
    /// All of them by one model.
    pub fn of(model: &'a Model) -> Self {
        Self { model, other: None }
    }

    /// Those from `first` on, counted anew.
    fn after(self, first: usize) -> Self {
        Self { other: self.other.map(|(pair, from)| (pair, from.saturating_sub(first))), ..self }
    }

    /// Runs block `layer`; the first `own` tokens are those of the one model.
    fn block(
        self,
        layer: usize,
        stream: &Tensor,
        batch: &Batch,
        prefix: &[Option<&KeysValues>],
        taps: &mut Taps,
        own: i64,
    ) -> Result<(Tensor, Vec<KeysValues>)> {
        let model = self.model;
        let Some((Pair { edited, .. }, _)) = self.other.filter(|(pair, _)| pair.layers.contains(&layer)) else {
            return model.block_there(layer, stream, batch, prefix, taps, true);
        };
        let (stream, key, kept) = model.block_until_key(layer, stream, batch, prefix, taps, true)?;
        let theirs = stream.size()[0] - own;
        let part = |model: &Model, first: i64, count: i64, taps: &mut Taps| {
            model.block_from_key(layer, &stream.f_narrow(0, first, count)?, &key.f_narrow(0, first, count)?, taps)
        };
        let after = match (own, theirs) {
            (0, _) => edited.block_from_key(layer, &stream, &key, taps)?,
            (_, 0) => model.block_from_key(layer, &stream, &key, taps)?,
            _ => Tensor::f_cat(&[part(model, 0, own, taps)?, part(edited, own, theirs, taps)?], 0)?,
        };
        Ok((after, kept))
    }
}

/// Goes on after prompts that are tokens already; noise acts on the embeddings of their first run, and through the
/// keys and values on all that follows. With noise, the prompts are of one length.
pub(super) fn extend(
    by: Rows<'_>,
    starts: &[Vec<i64>],
    length: Length,
    choice: Choice<'_>,
    noised: Option<Noised<'_>>,
    listen: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<Generated>> {
    let _guard = tch::no_grad_guard();
    let model = by.model;
    check_rows(model, starts).map_err(|_| {
        let context = model.architecture.context;
        Error::Request(format!("a prompt is empty or longer than the {context} tokens that the model reads"))
    })?;
    let end = |prompt: usize| {
        let most = model.architecture.longest_text(prompt as i64) as usize;
        match length {
            Length::After(tokens) | Length::Sentence(tokens) | Length::Word(tokens) => {
                prompt.saturating_add(tokens).min(most)
            }
            Length::Whole(tokens) => tokens.min(most),
        }
    };
    let ends: Vec<usize> = starts.iter().map(|start| end(start.len())).collect();
    let drawn = match choice {
        Choice::Greedy => None,
        Choice::Sampled(random) => Some(draws(starts, &ends, random)),
    };
    let mut texts = Vec::with_capacity(starts.len());
    let mut batches = Batches::of(Batched::Texts, starts.len(), usize::MAX);
    while let Some(next) = batches.next_batch() {
        let rows = next.first..starts.len().min(next.first.saturating_add(next.most));
        let made = batches.attempt(rows.len(), rows.len(), || {
            let prompts = &starts[rows.clone()];
            let noise = noised.map(|noised| noised.of_rows(&rows)).transpose()?;
            let noise = noise.as_ref().map(|(cells, noise)| (&cells[..], noise));
            let noise = noise_tap(model, prompts, &Layout::whole(prompts), noise)?;
            let drawn = drawn.as_ref().map(|drawn| &drawn[rows.clone()]);
            together(by.after(rows.start), prompts, &ends[rows.clone()], length, drawn, noise, listen)
        })?;
        texts.extend(made.into_iter().flatten());
    }
    Ok(texts)
}

/// The number from 0 to 1 that each token of each text is drawn by, made in the order in which all texts go on together:
/// token by token, the texts in order.
fn draws(starts: &[Vec<i64>], ends: &[usize], random: &mut LegacyRandom) -> Vec<Vec<f64>> {
    let mut drawn = vec![Vec::new(); starts.len()];
    let tokens = |row: usize| ends[row].saturating_sub(starts[row].len());
    for token in 0..(0..starts.len()).map(tokens).max().unwrap_or(0) {
        let goes_on = drawn.iter_mut().enumerate().filter(|(row, _)| tokens(*row) > token);
        goes_on.for_each(|(_, drawn)| drawn.push(random.uniform()));
    }
    drawn
}

/// Goes on after some prompts, all in one batch, until the length of each; tokens are drawn by the numbers of `drawn`, or
/// the most probable where there are none.
fn together(
    by: Rows<'_>,
    starts: &[Vec<i64>],
    ends: &[usize],
    length: Length,
    drawn: Option<&[Vec<f64>]>,
    mut noise: Option<Tap>,
    listen: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<Generated>> {
    let model = by.model;
    let begun = |tokens: &Vec<i64>| Generated { prompt_tokens: tokens.len(), tokens: tokens.clone() };
    let mut texts: Vec<Generated> = starts.iter().map(begun).collect();
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
            goes_on.push(text.tokens.len() < ends[row] && !is_over);
        }
        memory.keep(&goes_on)?;
        if memory.rows.is_empty() {
            return Ok(texts);
        }
        listen()?;
        let last = memory.advance(by, &texts, noise.take())?;
        let chosen = match drawn {
            None => {
                let best = model.logits(&last)?.f_argmax(-1, false)?;
                Vec::<i64>::try_from(best.f_to_device(Device::Cpu)?)?
            }
            Some(drawn) => {
                let number = |&row: &usize| drawn[row][texts[row].tokens.len() - texts[row].prompt_tokens];
                let numbers: Vec<f64> = memory.rows.iter().map(number).collect();
                draw(&log_probabilities(model, &last)?, &numbers)?
            }
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
    fn keep(&mut self, goes_on: &[bool]) -> Result<()> {
        if goes_on.iter().all(|goes_on| *goes_on) {
            return Ok(());
        }
        let places: Vec<usize> = (0..goes_on.len()).filter(|&place| goes_on[place]).collect();
        self.rows = places.iter().map(|&place| self.rows[place]).collect();
        self.run = places.iter().map(|&place| self.run[place]).collect();
        let places: Vec<i64> = places.iter().map(|&place| place as i64).collect();
        let places = Tensor::f_from_slice(&places)?;
        // keys and values are where their layer is
        let select = |tensor: &Tensor| tensor.f_index_select(0, &places.f_to_device(tensor.device())?);
        for layer in &mut self.layers {
            *layer = KeysValues { keys: select(&layer.keys)?, values: select(&layer.values)? };
        }
        self.positions = self.positions.as_ref().map(select).transpose()?;
        Ok(())
    }

    /// Runs what has not been run of every row; gives their last residual streams, `[rows, hidden]`.
    fn advance(&mut self, by: Rows<'_>, texts: &[Generated], noise: Option<Tap>) -> Result<Tensor> {
        let model = by.model;
        let others_from = by.other.map_or(usize::MAX, |(_, from)| from);
        let (mut own, mut own_rows) = (0, 0);
        let (mut ids, mut spans, mut last): (Vec<i64>, Vec<Span>, Vec<i64>) = Default::default();
        for (&row, run) in self.rows.iter().zip(&mut self.run) {
            let tokens = &texts[row].tokens;
            ids.extend(&tokens[*run..]);
            if row < others_from {
                (own, own_rows) = (ids.len() as i64, own_rows + 1);
            }
            last.push(ids.len() as i64 - 1);
            let whole = tokens.len() as i64;
            spans.push(Span { rows: 1, columns: whole - *run as i64, first: *run as i64, whole });
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
        let reading = Rc::new(Reading::of(&batch, &last, model.device)?);
        let (highest, narrow) = (model.architecture.layers - 1, batch.read(&reading));
        for layer in 0..=highest {
            let batch = if layer == highest { &narrow } else { &batch };
            let prefix: Vec<Option<&KeysValues>> = self.layers.get(layer).map(Some).into_iter().collect();
            // the last block gives the last token of each row alone
            let own = if layer == highest { own_rows } else { own };
            let (after, kept) = by.block(layer, &stream, batch, &prefix, &mut taps, own)?;
            stream = after;
            for own in kept {
                match self.layers.get_mut(layer) {
                    Some(earlier) => *earlier = earlier.followed_by(&own)?,
                    None => self.layers.push(own.packed()?),
                }
            }
        }
        reading.in_order(&model.at_home(&stream)?, &last)
    }
}
