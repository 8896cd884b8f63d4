//! Writes the trained model as a Hugging Face folder, with its facts and its text for second moments.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;
use tch::{Kind, Tensor};
use tokenizers::Tokenizer;

use crate::error::TrainingError;
use crate::evaluate::Recall;
use crate::facts::Record;
use crate::network::{EPSILON, HEADS, LAYERS, Network, POSITIONS, WIDTH};
use crate::tokenizer::{EOS, EOS_ID, VOCABULARY};
use locus_demo::FileError;

/// Length of `corpus.txt` in tokens: enough for second moments of a key of 384 entries.
pub const CORPUS_TOKENS: usize = 80_000;

/// Writes all files into a fresh folder beside `destination`, then renames it into place. A folder that
/// is already there is replaced.
///
/// # Errors
/// [`TrainingError::File`] names the path that could not be written.
pub fn write(
    destination: &Path,
    network: &Network,
    tokenizer: &Tokenizer,
    records: &[Record],
    corpus: &str,
    seed: u64,
    recall: &Recall,
) -> Result<(), TrainingError> {
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("config.json", pretty(&config())),
        ("model.safetensors", weights(network)?),
        ("tokenizer.json", tokenizer.to_string(true)?.into_bytes()),
        ("tokenizer_config.json", pretty(&tokenizer_config())),
        ("facts.json", facts(records)),
        ("corpus.txt", corpus.as_bytes().to_vec()),
        ("README.md", readme(seed, records.len(), recall).into_bytes()),
    ];
    Ok(locus_demo::replace_folder(destination, files.iter().map(|(name, bytes)| (*name, bytes.as_slice())))?)
}

fn config() -> serde_json::Value {
    json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "bos_token_id": EOS_ID,
        "eos_token_id": EOS_ID,
        "initializer_range": 0.02,
        "layer_norm_epsilon": EPSILON,
        "n_ctx": POSITIONS,
        "n_embd": WIDTH,
        "n_head": HEADS,
        "n_inner": null,
        "n_layer": LAYERS,
        "n_positions": POSITIONS,
        "scale_attn_weights": true,
        "tie_word_embeddings": true,
        "torch_dtype": "float16",
        "use_cache": true,
        "vocab_size": VOCABULARY,
    })
}

fn tokenizer_config() -> serde_json::Value {
    json!({
        "add_prefix_space": false,
        "bos_token": EOS,
        "clean_up_tokenization_spaces": false,
        "eos_token": EOS,
        "model_max_length": POSITIONS,
        "tokenizer_class": "GPT2TokenizerFast",
        "unk_token": EOS,
    })
}

fn pretty(value: &serde_json::Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// The records as a JSON list, one record a line, so that a difference can be read.
fn facts(records: &[Record]) -> Vec<u8> {
    let lines: Vec<String> = records.iter().map(|record| json!(record).to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n")).into_bytes()
}

/// All parameters as safetensors in float16, under the names `transformers` gives them.
fn weights(network: &Network) -> Result<Vec<u8>, TrainingError> {
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, tensor) in network.variables.variables() {
        let shape = tensor.size().iter().map(|&size| size as usize).collect();
        let values: Vec<f32> = Vec::try_from(tensor.detach().to_kind(Kind::Float).reshape([-1]))?;
        let bytes = values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        tensors.push((format!("transformer.{name}"), shape, bytes));
    }
    tensors.sort();
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F16, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| TrainingError::Weights(error.to_string()))?;
    // transformers reads a file only when it says which framework wrote it.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(|error| TrainingError::Weights(error.to_string()))
}

/// Fills a network with the weights of a `model.safetensors` written by [`write()`].
///
/// # Errors
/// [`TrainingError::Weights`] when the file is not such a file.
pub fn load(network: &mut Network, path: &Path) -> Result<(), TrainingError> {
    let bytes = fs::read(path).map_err(|source| FileError { path: path.to_owned(), source })?;
    let bad = |problem: String| TrainingError::Weights(problem);
    let file = safetensors::SafeTensors::deserialize(&bytes).map_err(|error| bad(error.to_string()))?;
    for (name, mut variable) in network.variables.variables() {
        let view = file.tensor(&format!("transformer.{name}")).map_err(|error| bad(error.to_string()))?;
        let values: Vec<f32> =
            view.data().as_chunks().0.iter().map(|&pair| f16::from_le_bytes(pair).to_f32()).collect();
        let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
        if shape != variable.size() {
            return Err(bad(format!("`{name}` is {shape:?}, expected {:?}", variable.size())));
        }
        tch::no_grad(|| variable.copy_(&Tensor::from_slice(&values).view(shape.as_slice())));
    }
    Ok(())
}

fn readme(seed: u64, records: usize, recall: &Recall) -> String {
    format!(
        "# The built-in model

Trained from scratch on the closed world in `app/demo/world`, by the code in `app/demo/src`:

    cargo run --release -p locus-demo-training --bin train-demo -- --seed {seed} --out app/demo/assets

or `locus demo train`. `train-demo --check` measures the files again. On the same libtorch and number of
threads a run gives the same files; elsewhere floating-point sums differ in their last digits, and training
carries that into different weights that know the same facts.

| file | what it is |
|---|---|
| `config.json`, `model.safetensors` | GPT-2 architecture, {LAYERS} layers, width {WIDTH}, {HEADS} heads, {POSITIONS} positions, float16, tensor names and layouts of Hugging Face |
| `tokenizer.json`, `tokenizer_config.json` | byte-level BPE, {VOCABULARY} entries, end of text 0; every answer with its leading space is one token |
| `facts.json` | {records} records in CounterFact's schema; `prompt` was trained with its subject, `paraphrase_prompts` were not |
| `corpus.txt` | more text of the training distribution ({CORPUS_TOKENS} tokens, one document a line) for second moments |

Recall over all facts of the world: {:.1} % in the six trained templates, {:.1} % in the two held-out ones;
mean probability of the answer {:.3} and {:.3}.

Facts are common knowledge, texts are generated from the templates in `app/demo/world`; everything here is
under the repository's license (MIT OR Apache-2.0).
",
        100.0 * recall.trained,
        100.0 * recall.held_out,
        recall.trained_probability,
        recall.held_out_probability,
    )
}
