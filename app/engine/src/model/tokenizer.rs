//! The checkpoint's tokenizer, and where the subject of a prompt lies in tokens.

use crate::error::{Error, Result};
use std::ops::Range;
use std::path::Path;

/// `tokenizer.json` of a checkpoint.
#[derive(Debug)]
pub struct Tokenizer(tokenizers::Tokenizer);

impl Tokenizer {
    /// Reads `tokenizer.json` in `folder`.
    ///
    /// # Errors
    /// The file is missing or not a tokenizer.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        tokenizers::Tokenizer::from_file(&path)
            .map(Self)
            .map_err(|error| Error::Tokenizer(format!("cannot read {}: {error}", path.display())))
    }

    /// Token ids of a prompt, with the special tokens that the checkpoint adds.
    ///
    /// # Errors
    /// The tokenizer refuses the text.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>> {
        self.ids(text, true)
    }

    /// Token ids of a text that goes on after another: without special tokens.
    ///
    /// # Errors
    /// The tokenizer refuses the text.
    pub fn encode_following(&self, text: &str) -> Result<Vec<i64>> {
        self.ids(text, false)
    }

    /// Token ids of a target as it stands after a prompt: one space goes before it.
    ///
    /// # Errors
    /// The tokenizer refuses the text, or it is empty.
    pub fn encode_target(&self, target: &str) -> Result<Vec<i64>> {
        let ids = self.encode_following(&format!(" {target}"))?;
        if target.trim().is_empty() || ids.is_empty() {
            return Err(Error::Request("the target is empty; give the answer's text".to_owned()));
        }
        Ok(ids)
    }

    fn ids(&self, text: &str, special: bool) -> Result<Vec<i64>> {
        let encoding = self.0.encode(text, special).map_err(|error| Error::Tokenizer(error.to_string()))?;
        Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
    }

    /// The token that ends a document, as text; empty where the checkpoint has none that is known.
    #[must_use]
    pub fn end_of_text(&self) -> String {
        let known = ["<|endoftext|>", "</s>", "<|end_of_text|>", "<eos>"];
        let found = known.into_iter().find(|token| self.0.token_to_id(token).is_some());
        found.unwrap_or_default().to_owned()
    }

    /// Text of token ids, special tokens included, without clean-up of spaces.
    ///
    /// # Errors
    /// An id is not in the vocabulary.
    pub fn decode(&self, ids: &[i64]) -> Result<String> {
        let ids: Vec<u32> = ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        self.0.decode(&ids, false).map_err(|error| Error::Tokenizer(error.to_string()))
    }

    /// Tokens of the first occurrence of `subject` in `prompt`, end exclusive
    /// (`find_token_range`, spec methods.md 0.2 A): tokens are decoded one by one and
    /// the subject is looked up in the joined text.
    ///
    /// # Errors
    /// [`Error::SubjectNotFound`].
    pub fn subject_range(&self, prompt: &str, subject: &str) -> Result<Range<usize>> {
        let missing = || Error::SubjectNotFound { subject: subject.to_owned(), prompt: prompt.to_owned() };
        self.subject_range_of(&self.encode(prompt)?, subject)?.ok_or_else(missing)
    }

    /// Like [`Self::subject_range`] for a prompt that is tokens already; `None` where the subject is not in it.
    ///
    /// # Errors
    /// An id is not in the vocabulary.
    pub fn subject_range_of(&self, prompt: &[i64], subject: &str) -> Result<Option<Range<usize>>> {
        let pieces = prompt.iter().map(|&id| self.decode(&[id])).collect::<Result<Vec<_>>>()?;
        let Some(start) = pieces.concat().find(subject).filter(|_| !subject.is_empty()) else { return Ok(None) };
        let ends: Vec<usize> = pieces
            .iter()
            .scan(0, |end, piece| {
                *end += piece.len();
                Some(*end)
            })
            .collect();
        let first = ends.iter().position(|&end| end > start);
        let last = ends.iter().position(|&end| end >= start + subject.len());
        Ok(first.zip(last).map(|(first, last)| first..last + 1))
    }
}
