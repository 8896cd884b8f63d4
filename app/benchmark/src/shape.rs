//! A model of GPT-2's shape with random weights and the built-in tokenizer.

use anyhow::{Context, Result};
use serde_json::json;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// The built-in tokenizer.
pub fn tokenizer() -> Result<&'static [u8]> {
    let tokenizer = locus_demo::assets().iter().find(|(name, _)| *name == "tokenizer.json");
    tokenizer.map(|(_, bytes)| *bytes).context("the built-in tokenizer is missing")
}

/// Two folders of models in `folder`: a random one of these layers, width and vocabulary, and the built-in one.
pub fn both(folder: &Path, [layers, hidden, vocabulary]: [i64; 3]) -> Result<[PathBuf; 2]> {
    let random = folder.join("random");
    std::fs::create_dir_all(&random)?;
    write(&random, layers, hidden, vocabulary)?;
    Ok([random, locus_demo::materialize(&folder.join("built-in"))?])
}

/// Writes the model into `folder`.
pub fn write(folder: &Path, layers: i64, hidden: i64, vocabulary: i64) -> Result<()> {
    let config = json!({
        "model_type": "gpt2", "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
        "n_embd": hidden, "n_head": hidden / 64, "n_layer": layers, "n_positions": 1024, "vocab_size": vocabulary,
    });
    std::fs::write(folder.join("config.json"), config.to_string())?;
    std::fs::write(folder.join("tokenizer.json"), tokenizer()?)?;
    tch::manual_seed(1);
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    let options = (Kind::Float, Device::Cpu);
    let mut put = |name: String, size: &[i64], scale: f64| {
        let value = match scale {
            0.0 => Tensor::zeros(size, options),
            1.0 => Tensor::ones(size, options),
            scale => Tensor::randn(size, options) * scale,
        };
        tensors.push((name, value));
    };
    put("transformer.wte.weight".into(), &[vocabulary, hidden], 0.02);
    put("transformer.wpe.weight".into(), &[1024, hidden], 0.01);
    for layer in 0..layers {
        let mut at = |name: &str, size: &[i64], scale: f64| put(format!("transformer.h.{layer}.{name}"), size, scale);
        for norm in ["ln_1", "ln_2"] {
            at(&format!("{norm}.weight"), &[hidden], 1.0);
            at(&format!("{norm}.bias"), &[hidden], 0.0);
        }
        let matrices = [
            ("attn.c_attn", hidden, 3 * hidden),
            ("attn.c_proj", hidden, hidden),
            ("mlp.c_fc", hidden, 4 * hidden),
            ("mlp.c_proj", 4 * hidden, hidden),
        ];
        for (name, from, to) in matrices {
            at(&format!("{name}.weight"), &[from, to], 0.05);
            at(&format!("{name}.bias"), &[to], 0.0);
        }
    }
    put("transformer.ln_f.weight".into(), &[hidden], 1.0);
    put("transformer.ln_f.bias".into(), &[hidden], 0.0);
    Tensor::write_safetensors(&tensors, folder.join("model.safetensors"))?;
    Ok(())
}
