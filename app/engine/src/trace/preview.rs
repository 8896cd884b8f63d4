//! A first-order estimate of a whole heat map from one gradient (attribution patching: Nanda 2023, Syed et al. 2023).
//!
//! One forward and one backward pass of the run that cells stand on give, for every cell, how the answer's
//! probability moves with the activation there. The estimate follows the tangent of the log-odds, which stays
//! between 0 and 1 and has the same first derivative as the probability itself. Layers of a window add up as if
//! they were independent; the exact map blocks the paths from one to the next.

use super::pass::{Pass, joint_probabilities};
use super::replacement::Replacement;
use super::request::Kind;
use super::runs::{CleanRun, Runs};
use super::wavefront::window_layers;
use crate::error::Result;
use crate::model::{Batch, Model, Site, Span, Tap, Taps};
use tch::Tensor;

/// Estimates the restored probability of all cells of `kind`, by token of the prompt and layer.
///
/// # Errors
/// Those of libtorch.
pub fn preview(model: &Model, runs: &Runs, kind: Kind, window: usize) -> Result<Vec<Vec<f64>>> {
    let source = |layer: usize| {
        let clean = runs.clean.pass.activation(kind, layer);
        let first = runs.corrupted.first as i64;
        clean.narrow(1, first, clean.size()[1] - first)
    };
    let prompt = runs.clean.question.prompt.len();
    let rows = estimate(model, &runs.corrupted, &runs.clean.answer, kind, window, prompt, &source)?;
    let before = vec![vec![runs.corrupted_score; model.architecture.layers]; runs.corrupted.first];
    Ok(before.into_iter().chain(rows).collect())
}

/// Estimates the probability that is left after each ablation of `kind`, by token of the prompt and layer.
///
/// # Errors
/// Those of libtorch.
pub fn ablation_preview(
    model: &Model,
    clean: &CleanRun,
    replacement: &Replacement,
    kind: Kind,
    window: usize,
) -> Result<Vec<Vec<f64>>> {
    let prompt = clean.question.prompt.len();
    let source = |layer: usize| {
        let at = (0..prompt).map(|token| replacement.at(&clean.pass, kind, layer, token)).collect::<Vec<_>>();
        Tensor::stack(&at, 1)
    };
    estimate(model, &clean.pass, &clean.answer, kind, window, prompt, &source)
}

/// `source` gives by layer what cells put in, `[rows, at least the prompt's columns, hidden]`.
fn estimate(
    model: &Model,
    pass: &Pass,
    answer: &[i64],
    kind: Kind,
    window: usize,
    prompt_tokens: usize,
    source: &dyn Fn(usize) -> Tensor,
) -> Result<Vec<Vec<f64>>> {
    let layers = model.architecture.layers;
    let columns = (prompt_tokens - pass.first) as i64;
    let (probabilities, gradients) = gradients(model, pass, answer, kind)?;
    let _guard = tch::no_grad_guard();
    // by layer, [rows, columns]: what putting the source in there adds, to first order
    let added: Vec<Tensor> = (0..layers)
        .map(|layer| {
            let cut = |tensor: &Tensor| tensor.narrow(1, 0, columns).to_kind(tch::Kind::Double);
            let change = cut(&source(layer)) - cut(pass.activation(kind, layer));
            (change * cut(&gradients[layer])).sum_dim_intlist([2].as_slice(), false, None)
        })
        .collect();
    let probabilities = probabilities.to_kind(tch::Kind::Double).clamp(1e-12, 1.0 - 1e-12).unsqueeze(-1);
    let slope = &probabilities * (1.0 - &probabilities);
    let by_layer: Vec<Tensor> = (0..layers)
        .map(|layer| {
            let range = if kind == Kind::Hidden { layer..layer + 1 } else { window_layers(layer, window, layers) };
            let change = Tensor::stack(&added[range], 0).sum_dim_intlist([0].as_slice(), false, None);
            (probabilities.logit(None) + change / &slope).sigmoid().mean_dim(0, false, None)
        })
        .collect();
    let table = Tensor::stack(&by_layer, 1).to_device(tch::Device::Cpu);
    Ok((0..columns).map(|row| Vec::try_from(table.get(row))).collect::<Result<_, _>>()?)
}

/// The answer's probability in each row `[rows]`, and its gradient with respect to the activation of `kind` in each
/// layer, `[rows, tokens - first, hidden]`.
fn gradients(model: &Model, pass: &Pass, answer: &[i64], kind: Kind) -> Result<(Tensor, Vec<Tensor>)> {
    let (rows, first) = (pass.rows, pass.first as i64);
    let columns = pass.tokens - first;
    let batch = Batch { spans: vec![Span { rows, columns, first }], forest: None };
    let hidden = model.architecture.hidden;
    let entering = pass.streams[0].reshape([-1, hidden]).copy().detach();
    let mut stream = entering.set_requires_grad(true);
    let mut activations = Vec::new();
    for layer in 0..model.architecture.layers {
        let prefix = pass.memory[layer].prefix(first, 1);
        let site = match kind {
            Kind::Hidden => Site::Residual(layer),
            Kind::Mlp => Site::MlpOut(layer),
            Kind::Attention => Site::AttentionOut(layer),
        };
        let mut taps = Taps::new(vec![Tap::capture(site)]);
        stream = model.block(layer, &stream, &batch, &[Some(&prefix)], &mut taps, false).0;
        activations.extend(taps.captured(0).map(Tensor::shallow_clone));
    }
    let probabilities = joint_probabilities(model, answer, &stream.reshape([rows, columns, hidden]));
    let total = probabilities.sum(tch::Kind::Float);
    let gradients = Tensor::f_run_backward(&[total], &activations, false, false)?;
    let shaped = gradients.iter().map(|gradient| gradient.reshape([rows, columns, hidden])).collect();
    Ok((probabilities.detach(), shaped))
}
