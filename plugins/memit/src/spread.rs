//! Spreads what is missing at the last layer over all layers of the window (Meng et al. 2023,
//! equations 14 and 20).

use crate::MemitParameters;
use locus_key_value::{Contexts, Placed, ValueSettings, bare_rows, context_rows};
use locus_plugin::tch::{Kind, Tensor};
use locus_plugin::{Cells, Edit, Edited, Error, Host, Result, Site, StepReport};

/// Rows that are captured at once per fact that is optimized at once: a capture keeps no gradients.
const CAPTURES_PER_FACT: usize = 16;

/// Facts whose changes are found together.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub edits: &'a [Edit],
    /// The number of the first of them in the request.
    pub first: usize,
}

/// The changes of all layers, each found with the earlier ones in place; `wanted` `[facts, hidden]` is
/// what should stand after the last layer at the facts' tokens, found with a mean `loss` that every report repeats.
#[expect(clippy::too_many_arguments, reason = "everything that the changes are computed from")]
pub fn spread(
    Facts { edits, first }: Facts<'_>,
    layers: &[usize],
    wanted: &Tensor,
    loss: f64,
    contexts: &Contexts,
    settings: &ValueSettings,
    parameters: &MemitParameters,
    host: &dyn Host,
) -> Result<Edited> {
    let model = host.model()?;
    let last = layers[layers.len() - 1];
    let at_once = parameters.at_once() * CAPTURES_PER_FACT;
    let in_contexts = context_rows(edits, first, contexts, settings.token, host)?;
    let bare = bare_rows(edits, first, settings.token, host)?;
    let mut edited = Edited::new();
    let (mut names, mut weights) = (Vec::new(), Vec::new());
    for (index, &layer) in layers.iter().enumerate() {
        host.progress("spreading over layers", index as u64, layers.len() as u64)?;
        let keys = mean_keys(&capture(&in_contexts, Site::MlpKey(layer), at_once, host)?, contexts.0.len())?;
        let current = capture(&bare, Site::Residual(last), at_once, host)?;
        let missing = wanted.to_kind(Kind::Double) - current.to_kind(Kind::Double);
        let residual = missing.f_norm_scalaropt_dim(2, 1i64, false)?.mean(Kind::Double).double_value(&[]);
        let missing = missing / (layers.len() - index) as f64;
        let adjusted = adjusted_keys(layer, &keys, parameters.second_moment_weight, host)?;
        let down = &model.down_projections[layer];
        // the change is `missingᵀ adjusted`, [hidden, inner]
        let (left, right) = if down.stored_input_first {
            (adjusted.tr(), missing.shallow_clone())
        } else {
            (missing.tr(), adjusted.shallow_clone())
        };
        let (left, right) = (left.to_kind(Kind::Float).contiguous(), right.to_kind(Kind::Float).contiguous());
        let weight = host.parameter(&down.weight)?;
        let change = left.f_matmul(&right)?;
        let norm = change.norm().double_value(&[]);
        if !norm.is_finite() {
            let message = format!("the change of layer {layer} is not finite; raise second_moment_weight");
            return Err(Error::Failed(message));
        }
        names.push(down.weight.clone());
        weights.push(&weight + change.to_kind(weight.kind()));
        host.replace_parameters(&names, &weights)?;
        let step = settings.steps.unsigned_abs();
        let report = StepReport::new(step, step, layer).loss("loss", loss).loss("residual", residual);
        host.report(&report.metric(layer, "residual", residual))?;
        // with more facts than entries the factors are larger than their product
        edited = if edits.len() as i64 > model.hidden.min(model.inner) {
            edited.dense(&down.weight, change)
        } else {
            edited.low_rank(&down.weight, left, right)
        };
        edited = edited
            .metric(&format!("residual L{layer}"), residual)
            .artifact(&format!("layer{layer}.ks"), keys)
            .artifact(&format!("layer{layer}.cur_z"), current)
            .artifact(&format!("layer{layer}.adj_k"), adjusted.tr())
            .artifact(&format!("layer{layer}.resid"), missing.tr());
    }
    Ok(edited)
}

/// Activations at the facts' tokens, `[rows, width]`, some rows at a time.
fn capture(placed: &Placed, site: Site, at_once: usize, host: &dyn Host) -> Result<Tensor> {
    let mut parts = Vec::new();
    for first in (0..placed.rows.len()).step_by(at_once) {
        let rows = first..placed.rows.len().min(first + at_once);
        let cells = placed.cells[rows.clone()].iter().map(|cell| locus_plugin::Cell { row: cell.row - first, ..*cell });
        let cells = Cells { site, cells: cells.collect() };
        parts.push(host.capture_of(&placed.facts[rows.clone()], &placed.rows[rows], &[cells])?.remove(0));
    }
    Ok(Tensor::f_cat(&parts, 0)?)
}

/// Each fact's key, `[facts, inner]`: half the bare prompt's, half the mean of the others'.
fn mean_keys(keys: &Tensor, contexts: usize) -> Result<Tensor> {
    let keys = keys.to_kind(Kind::Float).f_reshape([-1, contexts as i64, keys.size()[1]])?;
    let bare = keys.select(1, 0);
    if contexts == 1 {
        return Ok(bare);
    }
    let others = keys.narrow(1, 1, contexts as i64 - 1).f_mean_dim(1i64, false, None)?;
    Ok((bare + others) / 2.0)
}

/// `(λ C + Kᵀ K)⁻¹ Kᵀ` as rows, `[facts, inner]` in float64. With fewer facts than entries of a key it follows from
/// solves with `C` alone, whose factor the host keeps: `X (I + K X)⁻¹` for `X = (λ C)⁻¹ Kᵀ` (Woodbury).
fn adjusted_keys(layer: usize, keys: &Tensor, weight: f64, host: &dyn Host) -> Result<Tensor> {
    let keys = keys.to_kind(Kind::Double);
    let (facts, inner) = keys.size2()?;
    if facts < inner {
        let solved = host.solve_second_moment(layer, &keys)? / weight;
        let gram = keys.f_matmul(&solved.tr())?;
        let gram = (&gram + gram.tr()) / 2.0 + Tensor::eye(facts, (Kind::Double, keys.device()));
        return Ok(solved.f_cholesky_solve(&gram.f_linalg_cholesky(false)?, false)?);
    }
    let moment = host.second_moment(layer)?.to_kind(Kind::Double) * weight + keys.tr().f_matmul(&keys)?;
    let (factor, info) = moment.f_linalg_cholesky_ex(false, false)?;
    if info.int64_value(&[]) == 0 {
        return Ok(keys.tr().f_cholesky_solve(&factor, false)?.tr());
    }
    // keys that never fire: the least ridge that keeps the others
    let ridge = moment.diag(0).mean(Kind::Double) * 1e-8;
    let moment = moment + Tensor::eye(inner, (Kind::Double, keys.device())) * ridge;
    Ok(keys.tr().f_cholesky_solve(&moment.f_linalg_cholesky(false)?, false)?.tr())
}
