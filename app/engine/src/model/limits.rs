//! What a checkpoint says of the tokens of its tokenizer: how many the model has rows for, and which end a text.

use super::checkpoint::list;
use crate::error::{Error, Result};
use locus_protocol::shown::quoted;

/// What a checkpoint says of its tokens.
#[derive(Debug, Default)]
pub struct Limits {
    /// Rows of the token embedding, once they are known.
    pub rows: Option<i64>,
    /// Texts of the tokens that end a text, the usual one first.
    pub ends: Vec<String>,
}

impl Limits {
    /// Whether the model has a row for each of the tokens of a text.
    ///
    /// # Errors
    /// A token beyond the token embedding, by name.
    pub fn check(&self, ids: &[i64], tokenizer: &tokenizers::Tokenizer) -> Result<()> {
        let Some(rows) = self.rows else { return Ok(()) };
        match ids.iter().find(|id| **id >= rows) {
            None => Ok(()),
            Some(&id) => {
                let name = u32::try_from(id).ok().and_then(|id| tokenizer.id_to_token(id)).unwrap_or_default();
                let name = quoted(&name);
                Err(Error::Tokenizer(format!(
                    "the text contains the token `{name}` (number {id}), but the token embedding has only {rows} rows; change the text, or use the tokenizer.json of this checkpoint"
                )))
            }
        }
    }

    /// What is to be told of a tokenizer that has more tokens than the model has rows.
    pub fn note(&self, tokenizer: &tokenizers::Tokenizer) -> Option<String> {
        let rows = self.rows?;
        if tokenizer.get_vocab_size(true) as i64 <= rows {
            return None;
        }
        let mut beyond: Vec<(u32, String)> = tokenizer
            .get_vocab(true)
            .into_iter()
            .map(|(name, id)| (id, name))
            .filter(|(id, _)| i64::from(*id) >= rows)
            .collect();
        beyond.sort();
        let names: Vec<String> = beyond.into_iter().map(|(_, name)| name).collect();
        Some(format!(
            "the token embedding has {rows} rows, but none for these tokens of tokenizer.json: {}; texts that contain one are refused",
            list(&names)
        ))
    }
}
