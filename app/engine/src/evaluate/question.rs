//! Probabilities of texts after prompts: what every score is made of.
//!
//! All rows of all questions run as one forest: a prompt runs once however many targets are asked after it, prompts
//! that begin alike share their beginning, nothing is padded, and logits are computed only where a token is read.

use super::noise::ScoringNoise;
use crate::at_once::{Batched, Batches, Next};
use crate::error::{Error, Result};
use crate::model::{Forest, LowRankChange, Model, Reading, RowChanges, Taps};
use crate::run::{check_rows, log_probabilities};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};

/// Tokens of a forest that run at once. Attention looks at all pairs of them, everything else at each once.
const TOKENS_AT_ONCE: usize = 512;
/// The same where rows of many models run together.
const TOKENS_OF_ALL: usize = 2048;
/// Bytes that are kept of what runs below a layer, for an edited model.
const KEPT: usize = 128 << 20;
/// Log-probabilities that are held at once.
const NUMBERS_AT_ONCE: i64 = 1 << 25;

/// A prompt and the texts that could follow it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    pub prompt: String,
    /// Texts whose probability is asked, without a leading space.
    pub targets: Vec<String>,
    /// Where the prompt mentions the subject that noise is about.
    pub subject: SubjectPlace,
}

/// Where a prompt mentions a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SubjectPlace {
    /// At its last mention that is a word of its own, if there is one.
    #[default]
    Mentioned,
    /// In these bytes of the prompt.
    At(Range<usize>),
    /// Nowhere: the prompt is about something else, whatever words it holds.
    Elsewhere,
}

impl Question {
    /// `targets` after `prompt`, each tokenized together with it and cut off (docs/tokenizers.md).
    pub fn new(prompt: impl Into<String>, targets: &[&str]) -> Self {
        let targets = targets.iter().map(|&target| target.to_owned()).collect();
        Self { prompt: prompt.into(), targets, subject: SubjectPlace::default() }
    }

    /// The same question with the place of the subject.
    #[must_use]
    pub fn with_subject(self, subject: SubjectPlace) -> Self {
        Self { subject, ..self }
    }
}

/// How likely a target is after a prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likelihood {
    /// Natural logarithm of the joint probability of all tokens of the target.
    pub log_probability: f64,
    /// Tokens of the target.
    pub tokens: usize,
    /// How many of them were the most probable one, given those before it.
    pub hits: usize,
}

impl Likelihood {
    /// Joint probability of the whole target (Hase et al. 2023).
    #[must_use]
    pub fn probability(&self) -> f64 {
        self.log_probability.exp()
    }

    /// Whether each of its tokens was the most probable one.
    #[must_use]
    pub fn most_probable(&self) -> bool {
        self.hits == self.tokens
    }

    /// Share of its tokens that were the most probable one.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.hits as f64 / self.tokens as f64
    }

    /// Geometric mean of the tokens' probabilities (Meng et al. 2022).
    #[must_use]
    pub fn mean_probability(&self) -> f64 {
        (self.log_probability / self.tokens as f64).exp()
    }
}

/// What questions have run below the down-projection of a layer, for a model that differs from the one that they were asked
/// of there and above alone.
#[derive(Debug)]
pub struct Below {
    layer: usize,
    /// By forest: the residual stream without the MLP's output, and what the down-projection reads.
    kept: Vec<(Forest, [Tensor; 2])>,
}

impl Below {
    /// Nothing yet, below a layer.
    #[must_use]
    pub fn new(layer: usize) -> Self {
        Self { layer, kept: Vec::new() }
    }

    #[must_use]
    pub fn layer(&self) -> usize {
        self.layer
    }

    /// The residual stream after the last block at some cells of a forest, `[cells, hidden]`.
    fn forward(&mut self, model: &Model, forest: &Forest, cells: &[i64]) -> Result<Tensor> {
        let (mut taps, batch) = (Taps::default(), forest.batch(model.device)?);
        let known = self.kept.iter().find(|(known, _)| known.is_like(forest));
        let [stream, key] = match known {
            Some((_, [stream, key])) => [stream.shallow_clone(), key.shallow_clone()],
            None => {
                let mut stream = model.embed(&forest.ids(model.device)?, &batch, &mut taps)?;
                for layer in 0..self.layer {
                    stream = model.block(layer, &stream, &batch, &[], &mut taps, false)?.0;
                }
                let (stream, key, _) = model.block_until_key(self.layer, &stream, &batch, &[], &mut taps, false)?;
                let bytes = |tensors: &[Tensor; 2]| -> usize {
                    tensors.iter().map(|tensor| tensor.numel() * tensor.kind().elt_size_in_bytes()).sum()
                };
                let state = [stream, key];
                if self.kept.iter().map(|(_, state)| bytes(state)).sum::<usize>() + bytes(&state) <= KEPT {
                    self.kept.push((forest.clone(), [state[0].shallow_clone(), state[1].shallow_clone()]));
                }
                state
            }
        };
        let reading = Rc::new(Reading::of(&batch, cells, model.device)?);
        let last = model.architecture.layers - 1;
        let part = |tensor: Tensor| -> Result<Tensor> {
            Ok(if self.layer == last { tensor.f_index_select(0, reading.cells())? } else { tensor })
        };
        let mut stream = model.block_from_key(self.layer, &part(stream)?, &part(key)?, &mut taps)?;
        let narrow = batch.read(&reading);
        for layer in self.layer + 1..=last {
            let batch = if layer == last { &narrow } else { &batch };
            stream = model.block(layer, &stream, batch, &[], &mut taps, false)?.0;
        }
        reading.in_order(&stream, cells)
    }
}

/// A row of the forest: prompt, then all but the last token of a target.
struct Row {
    ids: Vec<i64>,
    /// Position whose next token is the target's first.
    first: usize,
    target: Vec<i64>,
}

/// Likelihood of every target of every question: `[questions][targets]`. With noise, rows count as in the published
/// code, the targets of a question side by side, and each has a draw of its own.
///
/// # Errors
/// An empty prompt or target; a prompt that exceeds the context.
pub fn answer(model: &Model, questions: &[Question], noise: Option<&ScoringNoise>) -> Result<Vec<Vec<Likelihood>>> {
    answer_above(model, questions, noise, None)
}

/// Like [`answer`]; without noise, what `below` has of the same questions is not run again, and what it has not is kept there.
///
/// # Errors
/// Those of [`answer`].
pub fn answer_above(
    model: &Model,
    questions: &[Question],
    noise: Option<&ScoringNoise>,
    below: Option<&mut Below>,
) -> Result<Vec<Vec<Likelihood>>> {
    let _guard = tch::no_grad_guard();
    let mut below = below.filter(|_| noise.is_none() && !model.places.are_several());
    let mut rows = Vec::new();
    // the published positions come with the published spaces: two where a target brings its own
    let exactly = noise.is_some_and(|noise| noise.misaligned);
    for question in questions {
        for target in &question.targets {
            rows.push(row(model, &question.prompt, target, exactly)?);
        }
    }
    let drawn = noise.map(|noise| noise.draw(model, questions)).transpose()?;
    let noised = |row: usize| drawn.as_ref().and_then(|drawn| drawn.range(row)).unwrap_or_default();
    let mut likelihoods = Vec::with_capacity(rows.len());
    let mut batches = Batches::of(Batched::Scores, rows.len(), TOKENS_AT_ONCE);
    while let Some(Next { first: begun, most }) = batches.next_batch() {
        let (mut forest, mut paths) = (Forest::of(model), Vec::new());
        while begun + paths.len() < rows.len() && (paths.is_empty() || forest.len() < most) {
            let index = begun + paths.len();
            let noised = noised(index);
            paths.push(forest.plant(&rows[index].ids, |position| noised.contains(&position)));
        }
        let some: Vec<&Row> = rows[begun..begun + paths.len()].iter().collect();
        let mut taps = Taps::default();
        if let Some(drawn) = &drawn {
            let cells: Vec<Vec<usize>> = paths
                .iter()
                .enumerate()
                .map(|(index, path)| noised(begun + index).filter_map(|position| path.get(position).copied()).collect())
                .collect();
            if cells.iter().any(|cells| !cells.is_empty()) {
                taps = Taps::new(vec![drawn.tap(model, begun, &cells, some.iter().map(|row| &row.ids[..]))?]);
            }
        }
        let made = batches.attempt(paths.len(), forest.len(), || {
            read(model, &some, &paths, |cells| match &mut below {
                Some(below) => below.forward(model, &forest, cells),
                None => model.forward_to(&forest.ids(model.device)?, &forest.batch(model.device)?, &mut taps, cells),
            })
        })?;
        if made.is_none() {
            // what is kept is room that the halves may need
            below.iter_mut().for_each(|below| below.kept.clear());
        }
        likelihoods.extend(made.into_iter().flatten());
    }
    let mut likelihoods = likelihoods.into_iter();
    Ok(questions.iter().map(|question| likelihoods.by_ref().take(question.targets.len()).collect()).collect())
}

/// One of several models that differ in changes of low rank, and what is asked of it.
#[derive(Debug)]
pub struct Asked {
    /// How it differs from the model that the others differ from too.
    pub changes: Vec<LowRankChange>,
    pub questions: Vec<Question>,
}

/// Which rows run in one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Those of one model: a CPU has its full rate for them, and attention looks at no others.
    OfOneModel,
    /// Those of many models: products of a few hundred rows leave a GPU idle.
    OfAll,
}

impl Company {
    /// What suits a device.
    #[must_use]
    pub fn on(device: Device) -> Self {
        if device.is_cuda() { Self::OfAll } else { Self::OfOneModel }
    }
}

/// Likelihood of every target of every question, each under its own model, `[asked][questions][targets]`: each row sees its
/// own changes beside the weights, which are the same for all.
///
/// # Errors
/// An empty prompt or target; a prompt that exceeds the context.
pub fn answer_each(model: &Model, asked: &[Asked], company: Company) -> Result<Vec<Vec<Vec<Likelihood>>>> {
    let _guard = tch::no_grad_guard();
    let mut rows = Vec::new();
    for (place, Asked { questions, .. }) in asked.iter().enumerate() {
        for question in questions {
            for target in &question.targets {
                rows.push((place, row(model, &question.prompt, target, false)?));
            }
        }
    }
    let most = match company {
        Company::OfOneModel => TOKENS_AT_ONCE,
        Company::OfAll => TOKENS_OF_ALL,
    };
    let changes: Vec<&[LowRankChange]> = asked.iter().map(|asked| asked.changes.as_slice()).collect();
    let mut likelihoods = Vec::with_capacity(rows.len());
    let mut batches = Batches::of(Batched::Scores, rows.len(), most);
    while let Some(Next { first: begun, most }) = batches.next_batch() {
        let rest = &rows[begun..];
        let (mut forest, mut paths) = (Forest::of(model), Vec::new());
        let first = rest[0].0;
        let joins = |tree: usize| company == Company::OfAll || tree == first;
        while paths.len() < rest.len() && joins(rest[paths.len()].0) && (paths.is_empty() || forest.len() < most) {
            let (tree, row) = &rest[paths.len()];
            paths.push(forest.plant_in(*tree, &row.ids, |_| false));
        }
        let some: Vec<&Row> = rest[..paths.len()].iter().map(|(_, row)| row).collect();
        let made = batches.attempt(paths.len(), forest.len(), || {
            let owned = RowChanges::new(&changes, forest.trees(), model.device)?;
            let mut taps = Taps::default().with_changes(owned);
            read(model, &some, &paths, |cells| {
                model.forward_to(&forest.ids(model.device)?, &forest.batch(model.device)?, &mut taps, cells)
            })
        })?;
        likelihoods.extend(made.into_iter().flatten());
    }
    let mut likelihoods = likelihoods.into_iter();
    let mut of = |questions: &[Question]| {
        questions.iter().map(|question| likelihoods.by_ref().take(question.targets.len()).collect()).collect()
    };
    Ok(asked.iter().map(|asked| of(&asked.questions)).collect())
}

fn row(model: &Model, text: &str, target: &str, exactly: bool) -> Result<Row> {
    let tokenizer = &model.tokenizer;
    let joined = if exactly { tokenizer.joined_exactly(text, target)? } else { tokenizer.joined(text, target)? };
    let (first, target) = (joined.prompt - 1, joined.target().to_vec());
    let mut ids = joined.ids;
    ids.truncate(ids.len() - 1);
    check_rows(model, std::slice::from_ref(&ids)).map_err(|_| {
        let (context, count) = (model.architecture.context, ids.len());
        Error::Request(format!(
            "`{text}` with its target has {count} tokens; the model reads 1 to {context}: shorten it"
        ))
    })?;
    Ok(Row { ids, first, target })
}

/// Reads the targets' tokens of a forest; `run` gives the residual stream after the last block at some of its cells.
fn read(
    model: &Model,
    rows: &[&Row],
    paths: &[Vec<usize>],
    run: impl FnOnce(&[i64]) -> Result<Tensor>,
) -> Result<Vec<Likelihood>> {
    // tokens that rows share are read from the same distribution
    let mut places: HashMap<usize, i64> = HashMap::new();
    let (mut cells, mut reads, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
    for (row, path) in rows.iter().zip(paths) {
        for (offset, &token) in row.target.iter().enumerate() {
            let cell = path[row.first + offset];
            let place = *places.entry(cell).or_insert_with(|| {
                cells.push(cell as i64);
                cells.len() as i64 - 1
            });
            reads.push(place);
            tokens.push(token);
        }
    }
    let (values, best) = distributions_of(model, &run(&cells)?, &reads, &tokens)?;
    let mut tokens = values.into_iter().zip(best);
    let likelihood = |row: &&Row| {
        let tokens: Vec<(f64, bool)> = tokens.by_ref().take(row.target.len()).collect();
        Likelihood {
            log_probability: tokens.iter().map(|(value, _)| value).sum(),
            tokens: tokens.len(),
            hits: tokens.iter().filter(|(_, best)| *best).count(),
        }
    };
    Ok(rows.iter().map(likelihood).collect())
}

/// By read: log-probability of `tokens` at cell `cells[reads]`, and whether none is more probable there.
pub(super) fn distributions(
    model: &Model,
    forest: &Forest,
    taps: &mut Taps,
    cells: &[i64],
    reads: &[i64],
    tokens: &[i64],
) -> Result<(Vec<f64>, Vec<bool>)> {
    let _guard = tch::no_grad_guard();
    let stream = model.forward_to(&forest.ids(model.device)?, &forest.batch(model.device)?, taps, cells)?;
    distributions_of(model, &stream, reads, tokens)
}

/// The same of the residual streams after the last block at the cells that are read, `[cells, hidden]`.
fn distributions_of(model: &Model, stream: &Tensor, reads: &[i64], tokens: &[i64]) -> Result<(Vec<f64>, Vec<bool>)> {
    let device = model.device;
    let cells = stream.size()[0];
    let at_once = (NUMBERS_AT_ONCE / model.architecture.vocabulary.max(1)).max(1);
    let (mut values, mut best) = (vec![0.0; reads.len()], vec![false; reads.len()]);
    for first in (0..cells).step_by(at_once as usize) {
        let count = at_once.min(cells - first);
        let log_probabilities = log_probabilities(model, &stream.f_narrow(0, first, count)?)?;
        let here: Vec<usize> = (0..reads.len()).filter(|&read| (first..first + count).contains(&reads[read])).collect();
        let rows: Vec<i64> = here.iter().map(|&read| reads[read] - first).collect();
        let wanted: Vec<i64> = here.iter().map(|&read| tokens[read]).collect();
        let rows = Tensor::f_from_slice(&rows)?.f_to_device(device)?;
        let wanted = Tensor::f_from_slice(&wanted)?.f_to_device(device)?;
        let most = log_probabilities.f_argmax(-1, false)?.f_index_select(0, &rows)?.f_eq_tensor(&wanted)?;
        // one token of each row, without a copy of the rows
        let flat = rows.f_mul_scalar(model.architecture.vocabulary)?.f_add(&wanted)?;
        let value = log_probabilities.f_reshape([-1])?.f_index_select(0, &flat)?.f_to_kind(Kind::Double)?;
        let (value, most) = (value.f_to_device(Device::Cpu)?, most.f_to_device(Device::Cpu)?);
        let pairs = Vec::<f64>::try_from(value)?.into_iter().zip(Vec::<bool>::try_from(most)?);
        for (&read, (value, most)) in here.iter().zip(pairs) {
            (values[read], best[read]) = (value, most);
        }
    }
    Ok((values, best))
}
