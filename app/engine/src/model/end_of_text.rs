//! Which tokens end a text: those that the checkpoint names, and only where it names none, those with a familiar name.

use super::Tokenizer;
use super::families::of_text;
use super::load::json_if_there;
use crate::error::{Error, Result};
use serde_json::Value;
use std::path::Path;

const FIELD: &str = "eos_token_id";
/// What end-of-text tokens are called, where no file names one.
pub const FAMILIAR: [&str; 4] = ["<|endoftext|>", "</s>", "<|end_of_text|>", "<eos>"];

/// The texts of the tokens that end a text, the usual one first, and what is to be told. `config.json` is asked first,
/// then `generation_config.json`.
///
/// # Errors
/// `generation_config.json` is there and cannot be read; `eos_token_id` is neither a token id, a list of them, nor null.
pub fn read(folder: &Path, config: &Value, tokenizer: &Tokenizer) -> Result<(Vec<String>, Vec<String>)> {
    let generation: Option<Value> = json_if_there(&folder.join("generation_config.json"))?;
    let (mut ends, mut notes) = (Vec::<String>::new(), Vec::new());
    for (name, file) in [("config.json", Some(config)), ("generation_config.json", generation.as_ref())] {
        let given = file.and_then(|file| of_text(file, FIELD));
        let Some(given) = given else { continue };
        let ids = ids(given).ok_or_else(|| Error::Config {
            path: folder.join(name),
            message: format!("field `{FIELD}` must be a token id, a list of token ids, or null"),
        })?;
        for id in ids {
            match tokenizer.token(id) {
                Some(text) if !ends.contains(&text) => ends.push(text),
                Some(_) => {}
                None => {
                    notes.push(format!("{name}: field `{FIELD}` names token {id}, which the tokenizer does not have"))
                }
            }
        }
    }
    if ends.is_empty() {
        ends.extend(FAMILIAR.into_iter().find(|name| tokenizer.has(name)).map(str::to_owned));
    }
    Ok((ends, notes))
}

/// A token id, or a list of them.
fn ids(value: &Value) -> Option<Vec<i64>> {
    let id = |value: &Value| value.as_i64().filter(|id| (0..1 << 32).contains(id));
    match value {
        Value::Array(list) => list.iter().map(id).collect(),
        other => id(other).map(|id| vec![id]),
    }
}
