//! What families whose MLPs are sets of experts share: how many there are, how many a token takes, and their tensors.

use crate::model::architecture::{Architecture, BlockNames, ExpertLayout, Experts, Routing};
use crate::model::config::Fields;

/// What the files of such families hold besides: of training, and what is counted in it.
pub const HARMLESS: &[&str] = &["router_aux_loss_coef", "router_jitter_noise"];

/// Qwen's names of an expert's matrices.
pub const LIKE_QWEN: ExpertLayout = ExpertLayout::Each { gate: "gate_proj", up: "up_proj", down: "down_proj" };

/// Experts by the fields `names` of their number and `num_experts_per_tok`, of which `count` and `chosen` are the published
/// defaults; they are `inner` wide.
///
/// # Errors
/// A field that is mistyped, or a token takes more experts than there are.
pub fn experts(
    config: &Fields<'_>,
    names: &[&str],
    (count, chosen): (i64, i64),
    (inner, routing, layout): (i64, Routing, ExpertLayout),
) -> Result<Experts, String> {
    let count = config.integer_as(names, Fields::HEADS, count)?;
    let chosen = config.integer("num_experts_per_tok", Fields::HEADS, chosen)?;
    if chosen > count {
        return Err(format!(
            "field `num_experts_per_tok` is {chosen} and must be at most the number of experts, {count}"
        ));
    }
    Ok(Experts { count, chosen, inner, routing, biased: false, layout, limit: None })
}

/// How much an expert counts, by the field `norm_topk_prob`, which is off where it is missing.
///
/// # Errors
/// The field is mistyped.
pub fn routing(config: &Fields<'_>) -> Result<Routing, String> {
    let normalized = config.flag("norm_topk_prob", false)?;
    Ok(if normalized { Routing::ShareOfChosen } else { Routing::ShareOfAll })
}

/// Puts experts in the place of the MLPs of the layers that `has` names, by their names in a block.
pub fn put(
    architecture: &mut Architecture,
    experts: Experts,
    (router, modules): (&str, &str),
    has: impl Fn(usize) -> bool,
) {
    let blocks = std::mem::take(&mut architecture.blocks).into_iter().enumerate();
    let placed = |(layer, block): (usize, BlockNames)| match has(layer) {
        true => block.with_experts(layer, router, modules),
        false => block,
    };
    architecture.blocks = blocks.map(placed).collect();
    if architecture.blocks.iter().any(BlockNames::has_experts) {
        architecture.special.experts = Some(experts);
    }
}
