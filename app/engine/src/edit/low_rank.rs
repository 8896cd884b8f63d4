//! Changes of weights as what the rows of a batch can see beside the weights.

use super::deltas::by_parameter;
use crate::error::Result;
use crate::model::{LowRankChange, Model};
use locus_plugin::{Delta, Form};
use tch::Kind;

/// Largest rank that rows see faster than a model with changed weights runs.
const LARGEST_RANK: i64 = 64;

/// Layers whose down-projections changes move, in ascending order; `None` where they move anything else.
///
/// # Errors
/// A change of a parameter that the model does not have.
pub fn changed_down_projections(model: &Model, deltas: &[Delta]) -> Result<Option<Vec<usize>>> {
    let mut layers = Vec::new();
    for changed in by_parameter(model, deltas.iter())? {
        let is_of = |block: &crate::model::architecture::BlockNames| {
            let name = |part: &str| model.name_of(&format!("{}.{part}", block.down()?));
            ["weight", "bias"].into_iter().filter_map(name).any(|name| name == changed.name)
        };
        let Some(layer) = model.architecture.blocks.iter().position(is_of) else { return Ok(None) };
        layers.push(layer);
    }
    layers.sort_unstable();
    layers.dedup();
    Ok(Some(layers))
}

/// The changes, where all of them are of low rank and of the weights of down-projections; `None` otherwise. Weights in 16 bits
/// are rounded once they are changed, which a change beside them is not: there are none for those.
///
/// # Errors
/// A change of a parameter that the model does not have; those of libtorch.
pub fn low_rank_changes(model: &Model, deltas: &[Delta]) -> Result<Option<Vec<LowRankChange>>> {
    if !matches!(model.kind, Kind::Float | Kind::Double) {
        return Ok(None);
    }
    let mut changes = Vec::new();
    for changed in by_parameter(model, deltas.iter())? {
        let is_down = |block: &crate::model::architecture::BlockNames| {
            let name = block.down().and_then(|down| model.name_of(&format!("{down}.weight")));
            name.is_some_and(|name| name == changed.name)
        };
        let Some(layer) = model.architecture.blocks.iter().position(is_down) else { return Ok(None) };
        for form in changed.forms {
            let Form::LowRank { left, right } = form else { return Ok(None) };
            if right.size().first().is_none_or(|&rank| rank > LARGEST_RANK) {
                return Ok(None);
            }
            let (left, right) = match model.architecture.special.stored_input_first {
                true => (right.f_tr()?, left.f_tr()?),
                false => (left.shallow_clone(), right.shallow_clone()),
            };
            changes.push(LowRankChange { layer, left: left.f_detach()?, right: right.f_detach()? });
        }
    }
    Ok(Some(changes))
}
