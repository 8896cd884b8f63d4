//! What a checkpoint says of the tokens of its tokenizer: how many the model has rows for, and which end a text.

use crate::error::{Error, Result};

/// Tokens that a sentence lists.
const LISTED: usize = 5;

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
                let name: String = name.chars().take(40).flat_map(char::escape_debug).collect();
                Err(Error::Tokenizer(format!(
                    "the text holds the token `{name}` (number {id}), for which the token embedding has no row: it has \
                     {rows}; change the text, or take the tokenizer.json of this checkpoint"
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
        let some: Vec<String> = beyond
            .iter()
            .take(LISTED)
            .map(|(_, name)| {
                let name: String = name.chars().take(40).flat_map(char::escape_debug).collect();
                format!("`{name}`")
            })
            .collect();
        let more = beyond.len().saturating_sub(some.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        Some(format!(
            "tokenizer.json has tokens for which the token embedding, which has {rows} rows, has none: {}{more}; texts that \
             hold one are refused",
            some.join(", ")
        ))
    }
}
