//! The key, and the rank-one change that maps it to the value (spec methods.md 2.3, 2.5; Meng et al. 2022, equation 2).

use crate::RomeParameters;
use crate::contexts::within;
use crate::value::Value;
use locus_plugin::tch::{Kind, Tensor};
use locus_plugin::{Cell, Cells, Edit, Edited, Error, FactToken, Host, Result, Site, lookup};

/// The fact's key.
pub struct Key {
    /// Mean key over the contexts, `[inner]`.
    pub mean: Tensor,
    /// `C⁻¹` times the mean key, `[inner]`; absent without second moments.
    pub whitened: Option<Tensor>,
    /// Direction in which the weights change, `[inner]`, of length 1.
    pub direction: Tensor,
}

/// Averages the key at the fact's token over the contexts and whitens it.
pub fn direction(
    edit: &Edit,
    layer: usize,
    templates: &[String],
    token: FactToken,
    parameters: &RomeParameters,
    host: &dyn Host,
) -> Result<Key> {
    let mut rows = Vec::with_capacity(templates.len());
    let mut cells = Vec::with_capacity(templates.len());
    for (row, context) in templates.iter().enumerate() {
        let (ids, position) = lookup(host, &within(context, &edit.template), &edit.subject, token)?;
        cells.push(Cell { row, position });
        rows.push(ids);
    }
    let keys = host.capture(&rows, &[Cells { site: Site::MlpKey(layer), cells }])?.remove(0);
    let mean = keys.to_kind(Kind::Float).mean_dim(0, false, None);
    let whitened =
        if parameters.second_moment { Some(host.solve_second_moment(layer, &mean.unsqueeze(0))?.get(0)) } else { None };
    let direction = whitened.as_ref().unwrap_or(&mean);
    let direction = direction / direction.norm();
    Ok(Key { mean, whitened, direction })
}

/// The change of the down-projection after which the bare prompt's key is mapped to the value.
pub fn insert(
    edit: &Edit,
    layer: usize,
    token: FactToken,
    key: &Key,
    value: &Value,
    parameters: &RomeParameters,
    host: &dyn Host,
) -> Result<Edited> {
    let (ids, position) = lookup(host, &edit.template, &edit.subject, token)?;
    let at = |site| Cells { site, cells: vec![Cell { row: 0, position }] };
    let captured = host.capture(&[ids], &[at(Site::MlpKey(layer)), at(Site::MlpOut(layer))])?;
    let current = |index: usize| captured[index].get(0).to_kind(Kind::Float);
    let (input, output) = (current(0), current(1));
    let asked = if parameters.same_key { &key.mean } else { &input };
    let divisor = asked.dot(&key.direction);
    let size = divisor.double_value(&[]);
    if size.abs() < 1e-12 || !size.is_finite() {
        let message = format!("the key of `{}` and its direction are at right angles; set same_key", edit.subject);
        return Err(Error::Failed(message));
    }
    let target = &value.start + &value.delta;
    let written = (&target - &output) / divisor;
    let model = host.model()?;
    let down = &model.down_projections[layer];
    let (left, right) = down.rank_one(&written, &key.direction);
    let edited = Edited::new()
        .low_rank(&down.weight, left, right)
        .metric("divisor", size)
        .metric("‖δ‖", value.delta.norm().double_value(&[]))
        .metric("p(target)", value.probability)
        .artifact("k_mean", key.mean.shallow_clone())
        .artifact("u", key.direction.shallow_clone())
        .artifact("target_init", value.start.shallow_clone())
        .artifact("delta", value.delta.shallow_clone())
        .artifact("cur_input", input)
        .artifact("cur_output", output)
        .artifact("v", written);
    let edited = match &key.whitened {
        Some(whitened) => edited.artifact("cinv_k", whitened.shallow_clone()),
        None => edited,
    };
    Ok(if value.probability < 0.05 && !edit.runs_all_steps {
        edited.note(format!(
            "the optimisation stalled at p(target) = {:.3}: raise steps, learning_rate or clamp, or lower weight_decay",
            value.probability
        ))
    } else {
        edited
    })
}
