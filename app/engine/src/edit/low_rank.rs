//! Changes of weights as what the rows of a batch can see beside the weights.

use super::deltas::by_parameter;
use crate::error::Result;
use crate::model::{LowRankChange, Model};
use locus_plugin::{Delta, Form};

/// Largest rank that rows see faster than a model with changed weights runs.
const LARGEST_RANK: i64 = 64;

/// The changes, where all of them are of low rank and of the weights of down-projections; `None` otherwise.
///
/// # Errors
/// A change of a parameter that the model does not have; those of libtorch.
pub fn low_rank_changes(model: &Model, deltas: &[Delta]) -> Result<Option<Vec<LowRankChange>>> {
    let mut changes = Vec::new();
    for changed in by_parameter(model, deltas.iter())? {
        let is_down = |block: &crate::model::architecture::BlockNames| {
            model.name_of(&format!("{}.weight", block.down)).is_some_and(|name| name == changed.name)
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
