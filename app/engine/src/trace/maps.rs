//! Heat maps: restored states, restored states with a module severed, ablated states.

use super::pass::Pass;
use super::replacement::Replacement;
use super::request::{Kind, Request};
use super::runs::{CleanRun, Runs, corrupted};
use super::wavefront::{Report, Sweep};
use crate::error::{Error, Result};
use crate::model::Model;

/// A finished heat map.
#[derive(Clone, Debug)]
pub struct HeatMap {
    /// What was changed.
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

/// Restores every cell of `kind`, `tokens_at_once` rows of the map in one sweep, and tells `listen` of each.
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
    fill(&sweep, runs.corrupted_score, runs.clean.question.prompt.len(), tokens_at_once, listen)
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
    fill(&sweep, severed.corrupted_score, runs.clean.question.prompt.len(), tokens_at_once, listen)
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
    };
    fill(&sweep, clean.score, clean.question.prompt.len(), tokens_at_once, listen)
}

fn restoring<'a>(
    model: &'a Model,
    runs: &'a Runs,
    kind: Kind,
    window: usize,
    source: &'a dyn Fn(usize, usize) -> Result<tch::Tensor>,
) -> Sweep<'a> {
    let pass = &runs.corrupted;
    Sweep { model, pass, rows: pass.rows, answer: &runs.clean.answer, kind, window, source, held: None }
}

/// Computes all rows; those before the run's first changed position hold `unchanged`.
fn fill(
    sweep: &Sweep<'_>,
    unchanged: f64,
    prompt_tokens: usize,
    tokens_at_once: usize,
    listen: &mut dyn FnMut(Report<'_>) -> Result<()>,
) -> Result<HeatMap> {
    let _guard = tch::no_grad_guard();
    let mut scores = vec![vec![unchanged; sweep.model.architecture.layers]; sweep.pass.first];
    for (token, row) in scores.iter().enumerate() {
        listen(Report::Row { token, scores: row })?;
    }
    let tokens: Vec<usize> = (sweep.pass.first..prompt_tokens).collect();
    for group in tokens.chunks(tokens_at_once.max(1)) {
        for (&token, row) in group.iter().zip(sweep.run(group, listen)?) {
            listen(Report::Row { token, scores: &row })?;
            scores.push(row);
        }
    }
    Ok(HeatMap { kind: sweep.kind, window: sweep.window, scores })
}
