//! Heat maps: restored states, restored states with a module severed, ablated states.

use super::pass::Pass;
use super::replacement::Replacement;
use super::request::{Kind, Request};
use super::runs::{CleanRun, Runs, corrupted};
use super::wavefront::{Report, Sweep};
use crate::at_once::{Batched, Batches, Next};
use crate::error::{Error, Result};
use crate::model::Model;
use std::ops::Range;

/// A finished heat map.
#[derive(Clone, Debug)]
pub struct HeatMap {
    /// Kind of state that was restored or ablated.
    pub kind: Kind,
    /// Layers of a window (ignored for [`Kind::Hidden`]).
    pub window: usize,
    /// Probability of the answer by token of the prompt and layer. Restoring before the subject has no effect:
    /// rows there hold the corrupted probability.
    pub scores: Vec<Vec<f64>>,
}

/// The outputs of a severed module: those of a corrupted run.
#[derive(Debug)]
pub struct Severed {
    kind: Kind,
    held: Pass,
    /// Mean probability of the answer in that run, which is the ordinary corrupted probability.
    pub corrupted_score: f64,
}

impl Severed {
    /// Runs the model with the request's noise and keeps what `kind` puts out in every layer.
    ///
    /// # Errors
    /// [`Kind::Hidden`] cannot be severed.
    pub fn new(model: &Model, clean: &CleanRun, request: &Request, kind: Kind) -> Result<Self> {
        if kind == Kind::Hidden {
            return Err(Error::Request("only MLP or attention can be severed".to_owned()));
        }
        let held = corrupted(model, clean, request)?;
        Ok(Self { kind, corrupted_score: held.score(model, &clean.answer)?, held })
    }
}

/// Rows of a map that are best computed together: small models have small products and more of everything else, larger ones
/// gain nothing by more and their rows appear sooner by fewer; a GPU needs large products to be busy.
#[must_use]
pub fn rows_at_once(model: &Model) -> usize {
    match (model.device.is_cuda(), model.architecture.hidden) {
        (true, _) => 16,
        (false, ..256) => 4,
        (false, _) => 2,
    }
}

/// Restores every cell of `kind`, `tokens_at_once` rows of the map in one sweep, or fewer where memory does not suffice, and
/// tells `listen` of each.
///
/// # Errors
/// What `listen` returns.
pub fn heat_map(
    model: &Model,
    runs: &Runs,
    kind: Kind,
    window: usize,
    tokens_at_once: usize,
    listen: &mut dyn FnMut(Report<'_>) -> Result<()>,
) -> Result<HeatMap> {
    let source = |layer: usize, token: usize| runs.clean.pass.at(kind, layer, token);
    let sweep = restoring(model, runs, kind, window, &source);
    fill(&sweep, runs.clean.question.prompt.len(), tokens_at_once, listen)
}

/// Restores the hidden state of every cell while the severed module's outputs at the cell's token are held, in all
/// layers, at their corrupted values: the restored state cannot work through that module of its own token. `runs`
/// draws its noise anew in the published code.
///
/// # Errors
/// The runs are of other shapes; what `listen` returns.
pub fn severed_heat_map(
    model: &Model,
    runs: &Runs,
    severed: &Severed,
    tokens_at_once: usize,
    listen: &mut dyn FnMut(Report<'_>) -> Result<()>,
) -> Result<HeatMap> {
    let shape = |pass: &Pass| (pass.first, pass.rows, pass.tokens);
    if shape(&severed.held) != shape(&runs.corrupted) {
        return Err(Error::Request("the severed run is of another prompt or has other samples".to_owned()));
    }
    let source = |layer: usize, token: usize| runs.clean.pass.at(Kind::Hidden, layer, token);
    let mut sweep = restoring(model, runs, Kind::Hidden, 1, &source);
    sweep.held = Some((severed.kind, &severed.held));
    sweep.settled = None;
    sweep.unchanged = severed.corrupted_score;
    fill(&sweep, runs.clean.question.prompt.len(), tokens_at_once, listen)
}

/// Ablates every cell of `kind` in the clean run: the probability that is left, averaged over the replacement's rows.
///
/// # Errors
/// What `listen` returns.
pub fn ablation_map(
    model: &Model,
    clean: &CleanRun,
    replacement: &Replacement,
    kind: Kind,
    window: usize,
    tokens_at_once: usize,
    listen: &mut dyn FnMut(Report<'_>) -> Result<()>,
) -> Result<HeatMap> {
    let source = |layer: usize, token: usize| replacement.at(&clean.pass, kind, layer, token);
    let sweep = Sweep {
        model,
        pass: &clean.pass,
        rows: replacement.rows(),
        answer: &clean.answer,
        kind,
        window,
        source: &source,
        held: None,
        settled: None,
        unchanged: clean.score,
    };
    fill(&sweep, clean.question.prompt.len(), tokens_at_once, listen)
}

fn restoring<'a>(
    model: &'a Model,
    runs: &'a Runs,
    kind: Kind,
    window: usize,
    source: &'a dyn Fn(usize, usize) -> Result<tch::Tensor>,
) -> Sweep<'a> {
    let pass = &runs.corrupted;
    Sweep {
        model,
        pass,
        rows: pass.rows,
        answer: &runs.clean.answer,
        kind,
        window,
        source,
        held: None,
        settled: (kind == Kind::Hidden).then_some(&runs.clean.pass),
        unchanged: runs.corrupted_score,
    }
}

/// Computes all rows; those before the run's first changed position hold the unchanged probability.
fn fill(
    sweep: &Sweep<'_>,
    prompt_tokens: usize,
    tokens_at_once: usize,
    listen: &mut dyn FnMut(Report<'_>) -> Result<()>,
) -> Result<HeatMap> {
    let _guard = tch::no_grad_guard();
    let mut scores = vec![vec![sweep.unchanged; sweep.model.architecture.layers]; sweep.pass.first];
    for (token, row) in scores.iter().enumerate() {
        listen(Report::Row { token, scores: row })?;
    }
    let tokens: Vec<usize> = (sweep.pass.first..prompt_tokens).collect();
    let layers = sweep.model.architecture.layers;
    let total = (0..layers).map(|layer| sweep.positions(layer, &tokens, &(0..layers))).sum();
    let mut finished = 0;
    let mut batches = Batches::of(Batched::Cells, tokens.len() * layers, tokens_at_once.max(1) * layers);
    let mut row = Vec::with_capacity(layers);
    while let Some(next) = batches.next_batch() {
        let (group, cells) = part(&tokens, layers, next);
        let mut done = finished;
        let made = batches.attempt(group.len() * cells.len(), group.len() * cells.len(), || {
            sweep.run(group, &cells, &mut |layer| {
                done += sweep.positions(layer, group, &cells);
                listen(Report::Block { done, total })
            })
        })?;
        let Some(made) = made else { continue };
        finished = done;
        for (&token, some) in group.iter().zip(made) {
            row.extend(some);
            if row.len() == layers {
                listen(Report::Row { token, scores: &row })?;
                scores.push(std::mem::take(&mut row));
            }
        }
    }
    Ok(HeatMap { kind: sweep.kind, window: sweep.window, scores })
}

/// Tokens and layers of the next cells: whole rows of the map, or a part of one where not even a row is to run at once.
fn part(tokens: &[usize], layers: usize, next: Next) -> (&[usize], Range<usize>) {
    let (row, layer) = (next.first / layers, next.first % layers);
    if layer == 0 && next.most >= layers {
        let last = tokens.len().min(row + next.most / layers);
        return (&tokens[row..last], 0..layers);
    }
    (&tokens[row..=row], layer..layers.min(layer + next.most))
}
