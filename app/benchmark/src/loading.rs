//! Loads a sharded checkpoint in a process of its own: seconds, and the greatest resident memory beside the weights.

use anyhow::{Context, Result, ensure};
use locus_engine::model::Model;
use procfs::process::Process;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tch::{Device, Kind, Tensor};

/// Shape of a small Llama 3.2, with as many blocks as make 3 GB in bfloat16.
const LAYERS: i64 = 23;
const HIDDEN: i64 = 2048;
const INNER: i64 = 8192;
const HEADS: i64 = 32;
const KEY_VALUE_HEADS: i64 = 8;
const VOCABULARY: i64 = 50_257;
/// Bytes of a shard, about.
const SHARD: usize = 1 << 30;

/// Writes the checkpoint as one file and in shards, and has each read in two number formats.
///
/// # Errors
/// The disk has no room; a process fails.
pub fn compare() -> Result<()> {
    println!("{:<10} {:<9} {:>9} {:>9} {:>9} {:>7}", "files", "kept as", "weights", "peak", "seconds", "ratio");
    for (name, most) in [("one", usize::MAX), ("shards", SHARD)] {
        let folder = tempfile::tempdir()?;
        write(folder.path(), most)?;
        for kind in ["bfloat16", "float32"] {
            let mut again = Command::new(std::env::current_exe()?);
            let output = again.arg("--load-only").arg(folder.path()).args(["--load-as", kind]).output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            print!("{name:<10} {kind:<9} {}", String::from_utf8(output.stdout)?);
        }
    }
    Ok(())
}

/// Reads a model and says what that took: what the process of [`compare`] prints.
///
/// # Errors
/// The model cannot be read.
pub fn once(folder: &Path, kind: &str) -> Result<()> {
    let kind = if kind == "bfloat16" { Kind::BFloat16 } else { Kind::Float };
    let start = Instant::now();
    let model = Model::load(folder, Device::Cpu, kind)?;
    let seconds = start.elapsed().as_secs_f64();
    let peak = Process::myself()?.status()?.vmhwm.context("the system does not tell the greatest resident memory")?;
    let weights = model.parameter_count() as f64 * kind.elt_size_in_bytes() as f64;
    let peak = peak as f64 * 1024.0;
    println!("{:>6.2} GB {:>6.2} GB {seconds:>9.1} {:>7.3}", weights / 1e9, peak / 1e9, peak / weights);
    Ok(())
}

fn write(folder: &Path, most: usize) -> Result<()> {
    let config = json!({
        "model_type": "llama", "hidden_act": "silu", "hidden_size": HIDDEN, "intermediate_size": INNER,
        "num_attention_heads": HEADS, "num_key_value_heads": KEY_VALUE_HEADS, "num_hidden_layers": LAYERS,
        "rms_norm_eps": 1e-5, "rope_theta": 500_000.0, "max_position_embeddings": 8192, "vocab_size": VOCABULARY,
        "tie_word_embeddings": true,
    });
    std::fs::write(folder.join("config.json"), config.to_string())?;
    std::fs::write(folder.join("tokenizer.json"), crate::shape::tokenizer()?)?;
    let keys = HIDDEN / HEADS * KEY_VALUE_HEADS;
    let mut shapes = vec![("model.embed_tokens.weight".to_owned(), vec![VOCABULARY, HIDDEN])];
    for layer in 0..LAYERS {
        let matrices = [
            ("self_attn.q_proj", HIDDEN, HIDDEN),
            ("self_attn.k_proj", keys, HIDDEN),
            ("self_attn.v_proj", keys, HIDDEN),
            ("self_attn.o_proj", HIDDEN, HIDDEN),
            ("mlp.gate_proj", INNER, HIDDEN),
            ("mlp.up_proj", INNER, HIDDEN),
            ("mlp.down_proj", HIDDEN, INNER),
        ];
        let of = |name: &str| format!("model.layers.{layer}.{name}.weight");
        shapes.extend(matrices.map(|(name, to, from)| (of(name), vec![to, from])));
        shapes.extend(["input_layernorm", "post_attention_layernorm"].map(|name| (of(name), vec![HIDDEN])));
    }
    shapes.push(("model.norm.weight".to_owned(), vec![HIDDEN]));
    let bytes = |shape: &[i64]| 2 * shape.iter().product::<i64>() as usize;
    let mut shards: Vec<Vec<(String, Vec<i64>)>> = vec![Vec::new()];
    let mut held = 0;
    for (name, shape) in shapes {
        if held + bytes(&shape) > most {
            shards.push(Vec::new());
            held = 0;
        }
        held += bytes(&shape);
        shards.last_mut().context("a shard")?.push((name, shape));
    }
    let mut map = Map::new();
    let count = shards.len();
    for (number, shard) in shards.into_iter().enumerate() {
        let file = if count == 1 {
            "model.safetensors".to_owned()
        } else {
            format!("model-{:05}-of-{count:05}.safetensors", number + 1)
        };
        let mut tensors = Vec::new();
        for (name, shape) in shard {
            let mut tensor = Tensor::empty(&shape, (Kind::BFloat16, Device::Cpu));
            let _ = if shape.len() == 1 { tensor.fill_(1.0) } else { tensor.uniform_(-0.03, 0.03) };
            map.insert(name.clone(), Value::from(file.as_str()));
            tensors.push((name, tensor));
        }
        Tensor::write_safetensors(&tensors, folder.join(&file))?;
    }
    if count > 1 {
        let index = json!({ "metadata": {}, "weight_map": map });
        std::fs::write(folder.join("model.safetensors.index.json"), index.to_string())?;
    }
    Ok(())
}
