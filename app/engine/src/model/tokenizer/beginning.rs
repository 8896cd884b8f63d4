//! What stands in front of a text: exactly one beginning-of-text token where the family needs one.
//!
//! `tokenizer.json` may put one there by itself. Where it does not, one is put there if `add_bos_token` of
//! `tokenizer_config.json` asks for it, or by the published practice of the family: without its `<bos>` Gemma answers
//! nonsense.

use crate::error::Result;
use crate::model::end_of_text::FAMILIAR;
use crate::model::load::json_if_there;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// What files beside `tokenizer.json` say.
#[derive(Debug, Default)]
pub(super) struct Settings {
    tokenizer: TokenizerConfig,
    model: ModelConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TokenizerConfig {
    tokenizer_class: Option<String>,
    add_bos_token: Option<bool>,
    add_prefix_space: Option<bool>,
    bos_token: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ModelConfig {
    model_type: Value,
    bos_token_id: Value,
    eos_token_id: Value,
}

impl Settings {
    /// Reads `tokenizer_config.json` and `config.json`, of which either may be missing.
    ///
    /// # Errors
    /// One of them is there and cannot be read, or does not hold what it should.
    pub fn read(folder: &Path) -> Result<Self> {
        let tokenizer = json_if_there(&folder.join("tokenizer_config.json"))?.unwrap_or_default();
        let model = json_if_there(&folder.join("config.json"))?.unwrap_or_default();
        Ok(Self { tokenizer, model })
    }

    /// The classes that build their splitter anew take the space in front of a text from here.
    pub fn set_prefix_space(&self, inner: &mut tokenizers::Tokenizer) {
        let rebuilt = ["GPT2Tokenizer", "CodeGenTokenizer", "GPTNeoXTokenizer"];
        if !rebuilt.iter().any(|name| self.class() == *name) {
            return;
        }
        let wanted = self.tokenizer.add_prefix_space.unwrap_or(false);
        let Some(mut splitter) = inner.get_pre_tokenizer().and_then(|splitter| serde_json::to_value(splitter).ok())
        else {
            return;
        };
        let before = splitter.clone();
        let parts = match splitter["pretokenizers"].is_array() {
            true => splitter["pretokenizers"].as_array_mut().into_iter().flatten().collect(),
            false => vec![&mut splitter],
        };
        for part in parts.into_iter().filter(|part| part["type"] == "ByteLevel") {
            part["add_prefix_space"] = wanted.into();
        }
        if splitter != before
            && let Ok(splitter) = serde_json::from_value::<tokenizers::PreTokenizerWrapper>(splitter)
        {
            inner.with_pre_tokenizer(Some(splitter));
        }
    }

    /// The tokens in front of every text, and what is to be told of them.
    pub fn beginning(&self, inner: &tokenizers::Tokenizer) -> tokenizers::Result<(Vec<i64>, Vec<String>)> {
        let ids = |special| -> tokenizers::Result<Vec<i64>> {
            Ok(inner.encode("a", special)?.get_ids().iter().map(|&id| i64::from(id)).collect())
        };
        let (whole, bare) = (ids(true)?, ids(false)?);
        let at = whole.windows(bare.len().max(1)).position(|window| window == bare).unwrap_or(0);
        let (front, behind) = (whole[..at].to_vec(), whole.len() - at - bare.len());
        let mut notes = Vec::new();
        if behind > 0 {
            notes.push(
                "tokenizer.json appends a token to every text; it is left out, because answers follow".to_owned(),
            );
        }
        let mark = self.mark(inner);
        let name = |id: u32| inner.id_to_token(id).unwrap_or_default();
        let front = match (mark, self.tokenizer.add_bos_token) {
            _ if !front.is_empty() => front,
            (Some(mark), Some(true)) => vec![i64::from(mark)],
            (Some(mark), _) if self.is_gemma() => {
                notes.push(format!(
                    "the tokenizer does not prepend a beginning-of-text token; Locus prepends {}, which Gemma needs",
                    name(mark)
                ));
                vec![i64::from(mark)]
            }
            (Some(mark), None) if self.by_practice(&name(mark)) => {
                notes.push(format!(
                    "the tokenizer does not prepend a beginning-of-text token; Locus prepends {}, which its family needs (`add_bos_token: false` in tokenizer_config.json turns this off)",
                    name(mark)
                ));
                vec![i64::from(mark)]
            }
            (Some(mark), None) if self.family() == "llama" => {
                notes.push(format!(
                    "nothing is prepended to a text, although the checkpoint names {}; if the model was trained with it, \
                     set `add_bos_token` to true in tokenizer_config.json",
                    name(mark)
                ));
                front
            }
            _ => front,
        };
        Ok((front, notes))
    }

    /// The class without the word for its implementation.
    fn class(&self) -> &str {
        let class = self.tokenizer.tokenizer_class.as_deref().unwrap_or_default();
        class.strip_suffix("Fast").unwrap_or(class)
    }

    fn family(&self) -> &str {
        self.model.model_type.as_str().unwrap_or_default()
    }

    fn is_gemma(&self) -> bool {
        self.family().starts_with("gemma") || self.class().starts_with("Gemma")
    }

    /// Families that were trained with one, where no file says so.
    fn by_practice(&self, mark: &str) -> bool {
        let class = ["LlamaTokenizer", "CodeLlamaTokenizer"].contains(&self.class());
        class || mark == "<|begin_of_text|>" || (self.family() == "opt" && mark == "</s>")
    }

    /// The beginning-of-text token: the one that is named, else the one of the model's configuration, else one of the
    /// usual names. A token that ends texts as well counts only where it is asked for.
    fn mark(&self, inner: &tokenizers::Tokenizer) -> Option<u32> {
        let named = &self.tokenizer.bos_token;
        let named = named.as_str().or_else(|| named["content"].as_str()).and_then(|name| inner.token_to_id(name));
        let added = inner.get_added_tokens_decoder();
        let special = |id: &u32| added.get(id).is_some_and(|token| token.special);
        let number = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let configured = || number(&self.model.bos_token_id).filter(special);
        let usual =
            || ["<bos>", "<s>", "<|begin_of_text|>"].iter().find_map(|name| inner.token_to_id(name)).filter(special);
        let ends = |id: u32| {
            number(&self.model.eos_token_id) == Some(id)
                || inner.id_to_token(id).is_some_and(|name| FAMILIAR.contains(&&*name))
        };
        let asked = self.tokenizer.add_bos_token == Some(true) || self.family() == "opt";
        named.or_else(configured).or_else(usual).filter(|&id| asked || !ends(id))
    }
}
