//! The tensors that an architecture wants, with their shapes, against those that are stored.

use super::files::list;
use super::header::{Stored, Stores};
use crate::error::{Error, Result};
use crate::model::architecture::{Architecture, MlpNames, NarrowEmbedding, Norm, QueryKeyNorm, QueryKeyValueNames};
use crate::model::experts;
use crate::number_formats::is_floating;
use locus_protocol::shown::quoted;
use std::collections::BTreeSet;
use std::path::Path;

/// How names of buffers end that older files hold in every block: causal masks and rotary frequencies, which are computed.
const BUFFERS: &[&str] = &[
    ".attn.bias",
    ".attn.masked_bias",
    ".attn.attention.bias",
    ".attn.attention.masked_bias",
    ".attention.bias",
    ".attention.masked_bias",
    ".rotary_emb.inv_freq",
];

/// One side of a shape, and what it is.
type Side = (i64, &'static str);

/// One tensor that the decoder reads.
struct Wanted {
    name: String,
    shape: Vec<Side>,
}

/// Checks that every tensor that the decoder reads is stored once, in the shape that the configuration wants and as
/// numbers that are weights, and that blocks hold no others. Gives the names that are read, as they are stored, and what is
/// to be told.
///
/// # Errors
/// One sentence that names the tensor.
pub fn check(architecture: &Architecture, stores: &Stores, folder: &Path) -> Result<(BTreeSet<String>, Vec<String>)> {
    let bad = |message: String| Error::Weights { path: folder.to_owned(), message };
    let prefix = architecture.prefix();
    let mut read = BTreeSet::new();
    for wanted in wanted(architecture) {
        let short = wanted.name.strip_prefix(prefix).filter(|short| stores.contains_key(*short));
        let name = match (stores.contains_key(&wanted.name), short) {
            (true, Some(short)) => {
                let message =
                    format!("both `{}` and `{short}` are stored, and only one can be the model's", wanted.name);
                return Err(bad(format!("{message}; take one of them out")));
            }
            (true, None) => wanted.name.clone(),
            (false, Some(short)) => short.to_owned(),
            (false, None) => {
                let message = "is missing; the checkpoint does not match its config.json";
                return Err(bad(format!("tensor `{}` {message}", wanted.name)));
            }
        };
        if let Some(stored) = stores.get(&name) {
            fits(&name, stored, &wanted.shape).map_err(bad)?;
        }
        read.insert(name);
    }
    let notes = unread(architecture, stores, &read).map_err(bad)?;
    Ok((read, notes))
}

/// Whether a tensor has the shape that the configuration wants, of numbers that are weights.
fn fits(name: &str, stored: &Stored, shape: &[Side]) -> Result<(), String> {
    if !stored.kind().is_some_and(is_floating) {
        return Err(format!(
            "tensor `{name}` is stored as {:?}, and quantized checkpoints are not supported; use the checkpoint in \
             float16, bfloat16 or float32",
            stored.dtype
        ));
    }
    let sides: Vec<i64> = shape.iter().map(|(side, _)| *side).collect();
    if stored.shape == sides {
        return Ok(());
    }
    let words: Vec<&str> = shape.iter().map(|(_, what)| *what).collect();
    let given: Vec<i64> = stored.shape.iter().copied().take(8).collect();
    let unpacked = if stored.packed.is_some() { " unpacked" } else { "" };
    Err(format!(
        "tensor `{name}` has shape {given:?}{unpacked} but config.json requires {sides:?} ({}); the checkpoint does not match its \
         config.json",
        words.join(", ")
    ))
}

/// What is stored and not read: refused in a block, told elsewhere.
fn unread(architecture: &Architecture, stores: &Stores, read: &BTreeSet<String>) -> Result<Vec<String>, String> {
    let begin = architecture.blocks_begin_with();
    let short = begin.strip_prefix(architecture.prefix()).unwrap_or(begin);
    let in_block = |name: &str| [begin, short].iter().any(|begin| name.starts_with(begin));
    let mut elsewhere = Vec::new();
    for (name, stored) in stores.iter().filter(|(name, _)| !read.contains(*name)) {
        let buffer = BUFFERS.iter().any(|end| name.ends_with(end));
        if in_block(name) && !buffer {
            return Err(format!(
                "tensor `{}` is stored in a block, and architecture {} with this config.json has no such tensor; check \
                 `model_type`, the number of layers and the biases in config.json",
                quoted(name),
                architecture.family
            ));
        }
        if stored.kind().is_none() {
            return Err(format!("tensor `{}` is stored as {:?}, which cannot be read", quoted(name), stored.dtype));
        }
        if !buffer {
            elsewhere.push(name.clone());
        }
    }
    Ok(if elsewhere.is_empty() {
        Vec::new()
    } else {
        vec![format!("the decoder does not read {} of the checkpoint", list(&elsewhere))]
    })
}

/// Names and shapes of all tensors of an architecture whose head is known.
pub fn shapes(architecture: &Architecture) -> Vec<(String, Vec<i64>)> {
    let sides = |shape: Vec<Side>| shape.into_iter().map(|(side, _)| side).collect();
    wanted(architecture).into_iter().map(|wanted| (wanted.name, sides(wanted.shape))).collect()
}

/// All tensors of an architecture whose head is known.
fn wanted(architecture: &Architecture) -> Vec<Wanted> {
    let hidden = (architecture.hidden, "hidden size");
    let inner = (architecture.inner, "inner width");
    let vocabulary = (architecture.vocabulary, "vocabulary");
    let queries = (architecture.heads * architecture.head_width, "heads × head width");
    let keys = (architecture.key_value_heads * architecture.head_width, "key-value heads × head width");
    let first = architecture.special.stored_input_first;
    let biases = architecture.biases;
    let mut list = Vec::new();
    let mut matrix = |name: &str, rows: Side, columns: Side| {
        list.push(Wanted { name: format!("{name}.weight"), shape: vec![rows, columns] });
    };
    let narrow = &architecture.special.narrow_embedding;
    let embedded = narrow.as_ref().map_or(hidden, |narrow| (narrow.width, "width of the token embedding"));
    matrix(&architecture.token_embedding, vocabulary, embedded);
    if let Some(positions) = &architecture.special.positions {
        matrix(&positions.name, (architecture.context + positions.first_row, "positions"), hidden);
    }
    if let Some(name) = &architecture.head.stored {
        matrix(name, vocabulary, embedded);
    }
    if let Some(NarrowEmbedding { into, out, .. }) = narrow {
        matrix(into, hidden, embedded);
        matrix(out, embedded, hidden);
    }
    if biases.head {
        list.push(Wanted { name: architecture.head.bias(), shape: vec![vocabulary] });
    }
    let norm = |list: &mut Vec<Wanted>, name: &str, shape: &[Side]| {
        list.push(Wanted { name: format!("{name}.weight"), shape: shape.to_vec() });
        if architecture.norm == Norm::Layer {
            list.push(Wanted { name: format!("{name}.bias"), shape: shape.to_vec() });
        }
    };
    if let Some(name) = &architecture.final_norm {
        norm(&mut list, name, &[hidden]);
    }
    let projection = |list: &mut Vec<Wanted>, name: &str, input: Side, output: Side, biased: bool| {
        let shape = if first { vec![input, output] } else { vec![output, input] };
        list.push(Wanted { name: format!("{name}.weight"), shape });
        if biased {
            list.push(Wanted { name: format!("{name}.bias"), shape: vec![output] });
        }
    };
    for block in &architecture.blocks {
        let around = [&block.attention_norm, &block.attention_output_norm, &block.mlp_norm, &block.mlp_output_norm];
        let of_sums = [&block.attention_sum_norm, &block.mlp_sum_norm];
        for name in around.into_iter().chain(of_sums).flatten() {
            norm(&mut list, name, &[hidden]);
        }
        let head = (architecture.head_width, "head width");
        for (name, heads, all) in [
            (&block.query_norm, (architecture.heads, "heads"), queries),
            (&block.key_norm, (architecture.key_value_heads, "key-value heads"), keys),
        ] {
            let Some(name) = name else { continue };
            match architecture.special.query_key_norm {
                QueryKeyNorm::PerHead => norm(&mut list, name, &[head]),
                QueryKeyNorm::EachHead => norm(&mut list, name, &[heads, head]),
                QueryKeyNorm::Whole => norm(&mut list, name, &[all]),
            }
        }
        let biased = biases.queries_keys_values;
        match &block.queries_keys_values {
            QueryKeyValueNames::Separate([q, k, v]) => {
                projection(&mut list, q, hidden, queries, biased);
                projection(&mut list, k, hidden, keys, biased);
                projection(&mut list, v, hidden, keys, biased);
            }
            QueryKeyValueNames::Stacked(all) | QueryKeyValueNames::PerHead(all) => {
                let side = if queries.0 == keys.0 {
                    (3 * queries.0, "3 × heads × head width")
                } else {
                    (queries.0 + 2 * keys.0, "(heads + 2 × key-value heads) × head width")
                };
                projection(&mut list, all, hidden, side, biased);
            }
        }
        projection(&mut list, &block.attention_output, queries, hidden, biases.attention_output);
        if let Some(name) = &block.sinks {
            list.push(Wanted { name: name.clone(), shape: vec![(architecture.heads, "heads")] });
        }
        if let MlpNames::One { up, gate, down } = &block.mlp {
            let width = if architecture.special.gate_with_up { (2 * inner.0, "2 × inner width") } else { inner };
            projection(&mut list, up, hidden, width, biases.mlp);
            if let Some(gate) = gate {
                projection(&mut list, gate, hidden, inner, biases.mlp);
            }
            projection(&mut list, down, inner, hidden, biases.mlp);
        }
        let experts = experts::tensors(architecture, &block.mlp).into_iter();
        list.extend(experts.map(|(name, shape)| Wanted { name, shape }));
    }
    list
}
