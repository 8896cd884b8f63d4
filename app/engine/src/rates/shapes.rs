//! Models of published shapes with random weights, made on the device: for rates, which do not depend on the weights.

use crate::error::{Error, Result};
use crate::model::{Model, Tokenizer};
use serde_json::{Value, json};
use std::sync::Arc;
use tch::{Device, Kind};

/// Names of the shapes.
pub const SHAPES: [&str; 3] = ["gpt2-xl", "gpt-j-6b", "llama-3-8b"];

/// The `config.json` of a shape.
fn configuration(shape: &str) -> Option<Value> {
    Some(match shape {
        "gpt2-xl" => json!({
            "model_type": "gpt2", "activation_function": "gelu_new", "n_embd": 1600, "n_head": 25, "n_layer": 48,
            "n_positions": 1024, "vocab_size": 50257,
        }),
        "gpt-j-6b" => json!({
            "model_type": "gptj", "activation_function": "gelu_new", "n_embd": 4096, "n_head": 16, "n_layer": 28,
            "n_positions": 2048, "rotary_dim": 64, "vocab_size": 50400, "tie_word_embeddings": false,
        }),
        "llama-3-8b" => json!({
            "model_type": "llama", "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
            "num_attention_heads": 32, "num_key_value_heads": 8, "num_hidden_layers": 32, "rms_norm_eps": 1e-5,
            "rope_theta": 500_000.0, "max_position_embeddings": 8192, "vocab_size": 128_256,
        }),
        _ => return None,
    })
}

/// A model of a shape, with the words of a tokenizer that has no more tokens than the shape.
///
/// # Errors
/// There is no such shape; the device has no room for it.
pub fn model(shape: &str, tokenizer: Arc<Tokenizer>, device: Device, kind: Kind) -> Result<Model> {
    let none = || Error::Request(format!("there is no shape `{shape}`; there are {}", SHAPES.join(", ")));
    let config = configuration(shape).ok_or_else(none)?;
    Model::random(&config, tokenizer, device, kind)
}

#[cfg(test)]
mod tests {
    use super::{SHAPES, configuration};
    use crate::model::families;

    #[test]
    fn every_shape_is_one_that_a_family_describes() {
        let parameters = SHAPES.map(|shape| {
            let (architecture, notes) = families::describe(&configuration(shape).expect(shape)).expect(shape);
            assert!(notes.is_empty(), "{notes:?}");
            (architecture.layers, architecture.hidden, architecture.inner)
        });
        assert_eq!(parameters, [(48, 1600, 6400), (28, 4096, 16_384), (32, 4096, 14_336)]);
    }
}
