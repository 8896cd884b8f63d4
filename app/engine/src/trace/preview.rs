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
use crate::error::{Doing, Result};
use crate::model::{Batch, Model, Reading, Site, Span, Tap, Taps};
use std::rc::Rc;
use tch::Tensor;

/// Estimates the restored probability of all cells of `kind`, by token of the prompt and layer.
///
/// # Errors
/// Those of libtorch.
pub fn preview(model: &Model, runs: &Runs, kind: Kind, window: usize) -> Result<Vec<Vec<f64>>> {
    let source = |layer: usize| {
        let clean = runs.clean.pass.activation(kind, layer);
        let first = runs.corrupted.first as i64;
        Ok(clean.f_narrow(1, first, clean.size()[1] - first)?)
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
        let at =
            (0..prompt).map(|token| replacement.at(&clean.pass, kind, layer, token)).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::f_stack(&at, 1)?)
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
    source: &dyn Fn(usize) -> Result<Tensor>,
) -> Result<Vec<Vec<f64>>> {
    let layers = model.architecture.layers;
    let columns = (prompt_tokens - pass.first) as i64;
    let (probabilities, gradients) = gradients(model, pass, answer, kind)?;
    let _guard = tch::no_grad_guard();
    // by layer, [rows, columns]: what putting the source in there adds, to first order
    let cut = |tensor: &Tensor| tensor.f_narrow(1, 0, columns)?.f_to_kind(tch::Kind::Double);
    let added = |layer: usize| -> Result<Tensor> {
        let change = cut(&source(layer)?)?.f_sub(&cut(pass.activation(kind, layer))?)?;
        Ok(change.f_mul(&cut(&gradients[layer])?)?.f_sum_dim_intlist([2].as_slice(), false, None)?)
    };
    let added = (0..layers).map(added).collect::<Result<Vec<Tensor>>>()?;
    let probabilities = probabilities.f_to_kind(tch::Kind::Double)?.f_clamp(1e-12, 1.0 - 1e-12)?.f_unsqueeze(-1)?;
    let rest = probabilities.f_sub_scalar(1.0)?.f_neg()?;
    let slope = probabilities.f_mul(&rest)?;
    let moved = |layer: usize| -> Result<Tensor> {
        let range = if kind == Kind::Hidden { layer..layer + 1 } else { window_layers(layer, window, layers) };
        let change = Tensor::f_stack(&added[range], 0)?.f_sum_dim_intlist([0].as_slice(), false, None)?;
        let odds = probabilities.f_logit(None)?.f_add(&change.f_div(&slope)?)?;
        Ok(odds.f_sigmoid()?.f_mean_dim(0, false, None)?)
    };
    let by_layer = (0..layers).map(moved).collect::<Result<Vec<Tensor>>>()?;
    let table = Tensor::f_stack(&by_layer, 1)?.f_to_device(tch::Device::Cpu)?;
    (0..columns).map(|row| Ok(Vec::try_from(table.f_get(row)?)?)).collect()
}

/// The answer's probability in each row `[rows]`, and its gradient with respect to the activation of `kind` in each
/// layer, `[rows, tokens - first, hidden]`. What the lowest layer gives is there already, and behind the last only the columns
/// are run that are read.
fn gradients(model: &Model, pass: &Pass, answer: &[i64], kind: Kind) -> Result<(Tensor, Vec<Tensor>)> {
    let (rows, first) = (pass.rows, pass.first as i64);
    let columns = pass.tokens - first;
    let batch = Batch::of(vec![Span { rows, columns, first, whole: pass.tokens }]);
    let (hidden, layers, read) = (model.architecture.hidden, model.architecture.layers, answer.len() as i64);
    let ends: Vec<i64> = (0..rows).flat_map(|row| (row + 1) * columns - read..(row + 1) * columns).collect();
    let narrow = batch.read(&Rc::new(Reading::of(&batch, &ends, model.device)?));
    let flat = |tensor: &Tensor| tensor.f_reshape([-1, hidden]);
    let leaf = |tensor: &Tensor| -> Result<Tensor> {
        let flat = flat(tensor)?;
        let mut own = flat.f_empty_like()?;
        own.f_copy_(&flat)?;
        Ok(own.f_detach()?.f_set_requires_grad(true)?)
    };
    // what is added to the stream as it is has the stream's gradient
    let of_stream = kind == Kind::Hidden || kind == Kind::Mlp && model.architecture.adds_mlp_output_as_it_is();
    let lowest = leaf(pass.activation(if of_stream { Kind::Hidden } else { kind }, 0))?;
    let (entering, attention) = (flat(&pass.streams[0])?, flat(pass.activation(Kind::Attention, 0))?);
    let mut stream = match kind {
        _ if of_stream => lowest.shallow_clone(),
        Kind::Attention => model.block_from_attention(0, &entering, &lowest, None)?,
        _ => model.block_from_attention(0, &entering, &attention, Some(&lowest))?,
    };
    let mut activations = vec![lowest];
    for layer in 1..layers {
        let prefix = pass.memory[layer].before(first)?;
        let site = if kind == Kind::Attention { Site::AttentionOut(layer) } else { Site::MlpOut(layer) };
        let mut taps = Taps::new(if of_stream { Vec::new() } else { vec![Tap::capture(site)] });
        let batch = if layer + 1 == layers { &narrow } else { &batch };
        stream = model.block(layer, &stream, batch, &[Some(&prefix)], &mut taps, false)?.0;
        let captured = if of_stream { Some(&stream) } else { taps.captured_there(0) };
        activations.extend(captured.map(Tensor::shallow_clone));
    }
    let probabilities = joint_probabilities(model, answer, &stream.f_reshape([rows, -1, hidden])?)?;
    let total = probabilities.f_sum(tch::Kind::Float)?;
    let gradients = Tensor::f_run_backward(&[total], &activations, false, false)
        .doing(|| "computing the gradient of the answer's probability".to_owned())?;
    let shaped = gradients.iter().map(|gradient| {
        let gradient = model.at_home(gradient)?.f_reshape([rows, -1, hidden])?;
        let missing = columns - gradient.size()[1];
        Ok(if missing > 0 { gradient.f_constant_pad_nd([0, 0, missing, 0])? } else { gradient })
    });
    Ok((probabilities.f_detach()?, shaped.collect::<Result<_>>()?))
}
