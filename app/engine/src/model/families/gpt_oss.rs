//! gpt-oss: Llama with biases, a sink in every head's softmax, windows in every other layer, yarn, and experts with clamped
//! gates in place of every MLP.

use super::like_llama::{self, LLAMA, Published};
use super::with_experts;
use crate::model::architecture::{Activation, Architecture, Biases, ExpertLayout, Norm, Routing};
use crate::model::config::{Fields, Rope, windows};
use crate::model::rotary::{Rotary, Scaling, Yarn};

/// What gpt-oss' files hold besides: other names of what is read, what the first context was, and the activation that
/// transformers does not read.
pub const HARMLESS: &[&str] = &["router_aux_loss_coef", "initial_context_length", "hidden_act"];

/// The factor of a gate within its sigmoid.
const ALPHA: f64 = 1.702;

/// The base of its rotary positions.
const THETA: f64 = 150_000.0;

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published {
        family: "gpt_oss",
        heads: 64,
        key_value_heads: Some(8),
        head_width: Some(64),
        hidden: 2880,
        layers: 36,
        inner: 2880,
        vocabulary: 201_088,
        context: 131_072,
        epsilon: ("rms_norm_eps", 1e-5),
        ..LLAMA
    };
    let mut architecture = like_llama::without_rotary(config, &published)?;
    let (rotary, context) = rotary(config, architecture.head_width, architecture.context)?;
    (architecture.rotary, architecture.context) = (Some(rotary), context);
    architecture.norm = Norm::RootMeanSquareWide;
    // a number times the sigmoid of 1.702 times the number
    architecture.activation = Activation::QuickGelu;
    if config.number("swiglu_alpha", ALPHA)? != ALPHA {
        let given = config.get("swiglu_alpha").unwrap_or(&serde_json::Value::Null);
        return Err(config.refusal(
            "swiglu_alpha",
            given,
            &format!("gates with another factor than {ALPHA} are not supported"),
        ));
    }
    let there = config.flag("attention_bias", true)?;
    architecture.biases = Biases { queries_keys_values: there, attention_output: there, ..Biases::default() };
    architecture.special.attention_window = windows(config, architecture.layers, 128, |layer| layer.is_multiple_of(2))?;
    for (layer, block) in architecture.blocks.iter_mut().enumerate() {
        block.sinks = Some(format!("model.layers.{layer}.self_attn.sinks"));
    }
    let about = (architecture.inner, Routing::ShareOfChosen, ExpertLayout::TogetherInTurn);
    let mut experts = with_experts::experts(config, &["num_local_experts", "num_experts"], (128, 4), about)?;
    config.integer_as(&["num_experts_per_tok", "experts_per_token"], Fields::HEADS, experts.chosen)?;
    experts.biased = true;
    experts.limit = Some(config.number("swiglu_limit", 7.0)?);
    with_experts::put(&mut architecture, experts, ("mlp.router", "mlp.experts"), |_| true);
    Ok(architecture)
}

/// The rotary positions of a file; those of the published one where it says nothing of them.
fn rotary(config: &Fields<'_>, head_width: i64, context: i64) -> Result<(Rotary, i64), String> {
    let rope = Rope { theta: ("rope_theta", THETA), ..Rope::whole(head_width, context) };
    let (mut rotary, context) = rope.read(config)?;
    let said = |name: &str| config.get(name).is_some_and(|value| !value.is_null());
    if !said("rope_parameters") && !said("rope_scaling") {
        let factor = 32.0_f64;
        rotary.scaling = Scaling::Yarn(Yarn {
            factor,
            fast: 32.0,
            slow: 1.0,
            truncated: false,
            original_context: 4096.0,
            magnitude: 0.1 * factor.ln() + 1.0,
        });
    }
    Ok((rotary, context))
}
