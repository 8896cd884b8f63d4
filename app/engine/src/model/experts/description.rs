//! What a family says of its experts.

/// Experts, the same in all blocks that have some. Their activation is that of the architecture.
#[derive(Clone, Debug, PartialEq)]
pub struct Experts {
    /// How many a block has.
    pub count: i64,
    /// How many of them a token takes.
    pub chosen: i64,
    /// Width of each between its projections.
    pub inner: i64,
    /// How much each of those that a token takes counts.
    pub routing: Routing,
    /// Whether router and experts have biases.
    pub biased: bool,
    /// How their matrices are stored.
    pub layout: ExpertLayout,
    /// Gates are at most this, and what they open is within ± this and has one added (gpt-oss).
    pub limit: Option<f64>,
}

/// How much each of the experts that a token takes counts. They are those of which the router says most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// Its share in the softmax over all of them (Qwen 3 without `norm_topk_prob`).
    ShareOfAll,
    /// Its share in the softmax over those that are taken (Mixtral, gpt-oss).
    ShareOfChosen,
}

/// How a checkpoint stores the matrices of a block's experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpertLayout {
    /// Each by itself, `NUMBER.NAME.weight`, by these names.
    Each {
        /// The gate, `[inner, hidden]`.
        gate: &'static str,
        /// The up-projection, `[inner, hidden]`.
        up: &'static str,
        /// The down-projection, `[hidden, inner]`.
        down: &'static str,
    },
    /// All together: `gate_up_proj` `[experts, 2 inner, hidden]`, gates first, and `down_proj` `[experts, hidden, inner]`.
    Together,
    /// All together, inputs first: `gate_up_proj` `[experts, hidden, 2 inner]`, a gate and what it opens in turn, and
    /// `down_proj` `[experts, inner, hidden]` (gpt-oss). Their biases are `[experts, outputs]`.
    TogetherInTurn,
}

impl Experts {
    /// Says that the MLP of `layer` is such a set, at the beginning of a sentence.
    #[must_use]
    pub fn said(&self, layer: usize) -> String {
        format!("layer {layer}'s MLP is {} experts", self.count)
    }
}
