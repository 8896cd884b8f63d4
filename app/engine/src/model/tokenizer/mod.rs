//! The checkpoint's tokenizer: texts as tokens, and where in a prompt its subject and its answer lie.
//!
//! One rule for all: a subject is the tokens that hold its characters, a target is tokenized together with its prompt
//! and cut off, and one beginning-of-text token stands in front where the family needs one (docs/tokenizers.md).

mod beginning;
mod pieces;
mod places;
mod prompts;

pub use locus_records::facts::{Mention, mention};
pub use prompts::{Joined, PlacedPrompt};

use super::limits::Limits;
use super::load::LARGEST;
use crate::error::{Error, Result};
use pieces::Pieces;
use std::ops::Range;
use std::path::Path;
use tokenizers::ModelWrapper;

/// `tokenizer.json` of a checkpoint, with what its other files say of the beginning of a text.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Tokens in front of every prompt.
    beginning: Vec<i64>,
    pieces: Pieces,
    /// Whether a blank is put before a text's first word.
    prepends: bool,
    notes: Vec<String>,
    limits: Limits,
}

/// Tokens of a text and the bytes of the text that each holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    pub ids: Vec<i64>,
    /// By token: bytes of the text, widened to whole characters; empty for a token that stands for none.
    pub spans: Vec<Range<usize>>,
}

impl Tokenizer {
    /// Reads `tokenizer.json` in `folder`. Padding, truncation and the dropping of merges (BPE dropout) that are stored in
    /// it are switched off.
    ///
    /// # Errors
    /// The file is missing or not a tokenizer; those of the files beside it.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let bad = |error: tokenizers::Error| Error::Tokenizer(format!("cannot read {}: {error}", path.display()));
        let bytes = locus_files::bytes(&path, LARGEST).map_err(|error| bad(error.into()))?;
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(bad)?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(bad)?;
        let dropped = without_dropout(&mut inner);
        let settings = beginning::Settings::read(folder)?;
        settings.set_prefix_space(&mut inner);
        let pieces = Pieces::of(&inner);
        let first = inner.encode("a", false).map_err(bad)?;
        let first = first.get_ids().first().map(|&id| pieces.bytes(&inner, i64::from(id))).unwrap_or_default();
        let (beginning, mut notes) = settings.beginning(&inner).map_err(bad)?;
        notes.extend(dropped);
        Ok(Self { prepends: first.first() == Some(&b' '), inner, beginning, pieces, notes, limits: Limits::default() })
    }

    /// What is to be told of how this tokenizer is used; [`Model::notes`](super::Model::notes) holds it as well.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Token ids of a prompt, with the tokens that stand in front of one.
    ///
    /// # Errors
    /// The tokenizer refuses the text.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>> {
        Ok(self.tokens(text)?.ids)
    }

    /// The same with the bytes that each token holds.
    ///
    /// # Errors
    /// The tokenizer refuses the text.
    pub fn tokens(&self, text: &str) -> Result<Tokens> {
        let mut tokens = self.bare(text)?;
        // a text that begins with the beginning of text has it already
        if !tokens.ids.starts_with(&self.beginning) {
            tokens.ids.splice(0..0, self.beginning.iter().copied());
            tokens.spans.splice(0..0, self.beginning.iter().map(|_| 0..0));
        }
        Ok(tokens)
    }

    /// Token ids of a text that goes on after another: nothing is put in front of it.
    ///
    /// # Errors
    /// The tokenizer refuses the text.
    pub fn encode_following(&self, text: &str) -> Result<Vec<i64>> {
        if self.prepends {
            // behind a letter no blank is put before the text; a border that a token reaches over says nothing
            for before in ["a", "1", ".", "\n"] {
                let tokens = self.bare(&format!("{before}{text}"))?;
                let cut = tokens.spans.iter().position(|span| span.start >= before.len());
                if let Some(cut) = cut.filter(|&cut| cut > 0 && tokens.spans[cut - 1].end <= before.len()) {
                    return Ok(tokens.ids[cut..].to_vec());
                }
            }
        }
        Ok(self.bare(text)?.ids)
    }

    /// Without the tokens in front.
    fn bare(&self, text: &str) -> Result<Tokens> {
        let encoding = self.inner.encode(text, false).map_err(|error| Error::Tokenizer(error.to_string()))?;
        let ids: Vec<i64> = encoding.get_ids().iter().map(|&id| i64::from(id)).collect();
        self.limits.check(&ids, &self.inner)?;
        let spans = encoding.get_offsets().iter().map(|&(start, end)| places::whole_characters(text, start..end));
        Ok(Tokens { ids, spans: spans.collect() })
    }

    /// The token that ends a document, as text; empty where the checkpoint has none that is known.
    #[must_use]
    pub fn end_of_text(&self) -> String {
        self.limits.ends.first().cloned().unwrap_or_default()
    }

    /// All tokens that end a text, as text.
    #[must_use]
    pub fn ends_of_text(&self) -> &[String] {
        &self.limits.ends
    }

    /// Takes over what the checkpoint says of its tokens; what is to be told.
    pub(super) fn suit(&mut self, rows: i64, ends: Vec<String>) -> Option<String> {
        self.limits = Limits { rows: Some(rows), ends };
        self.limits.note(&self.inner)
    }

    /// The text of one token; `None` where there is no such token.
    pub(super) fn token(&self, id: i64) -> Option<String> {
        let raw = u32::try_from(id).ok().and_then(|id| self.inner.id_to_token(id))?;
        let text = self.decode(&[id]).unwrap_or_default();
        Some(if text.is_empty() { raw } else { text })
    }

    /// Whether there is a token of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.inner.token_to_id(name).is_some()
    }

    /// Text of token ids as it stands inside a text, special tokens included: no blank is lost.
    ///
    /// # Errors
    /// The tokenizer refuses the ids.
    pub fn decode(&self, ids: &[i64]) -> Result<String> {
        match self.pieces.known() {
            true => Ok(String::from_utf8_lossy(&self.joined_bytes(ids)).into_owned()),
            false => self.decoded(ids),
        }
    }

    /// A whole text, from its beginning on: without the tokens in front, and without the blank that the tokenizer puts
    /// before the first word.
    ///
    /// # Errors
    /// The tokenizer refuses the ids.
    pub fn decode_whole(&self, ids: &[i64]) -> Result<String> {
        self.decoded(ids.strip_prefix(&self.beginning[..]).unwrap_or(ids))
    }

    fn decoded(&self, ids: &[i64]) -> Result<String> {
        let ids: Vec<u32> = ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        self.inner.decode(&ids, false).map_err(|error| Error::Tokenizer(error.to_string()))
    }

    /// Each token of a text for the eye: blanks are kept, bytes of a character that is split over tokens are shown as
    /// `<0xC5>`.
    #[must_use]
    pub fn pieces(&self, ids: &[i64]) -> Vec<String> {
        let mut pieces: Vec<String> = ids.iter().map(|&id| self.piece(id)).collect();
        let front = if ids.starts_with(&self.beginning) { self.beginning.len() } else { 0 };
        if let Some(first) = pieces.get_mut(front).filter(|_| self.prepends) {
            // the tokenizer's blank, not the text's
            *first = first.strip_prefix(' ').unwrap_or(first).to_owned();
        }
        pieces
    }

    /// One token for the eye, as it stands inside a text.
    #[must_use]
    pub fn piece(&self, id: i64) -> String {
        pieces::shown(&self.pieces.bytes(&self.inner, id))
    }

    fn joined_bytes(&self, ids: &[i64]) -> Vec<u8> {
        ids.iter().flat_map(|&id| self.pieces.bytes(&self.inner, id)).collect()
    }
}

/// Switches off that merges are left out at random, which is for training: the same text always has the same tokens here.
/// What is to be told.
fn without_dropout(inner: &mut tokenizers::Tokenizer) -> Option<String> {
    let ModelWrapper::BPE(merges) = inner.get_model() else { return None };
    let share = merges.dropout.filter(|share| *share > 0.0)?;
    let mut merges = merges.clone();
    merges.dropout = None;
    inner.with_model(merges);
    Some(format!(
        "tokenizer.json drops merges at random (`dropout` is {share}); this is turned off, so a text always has the same tokens"
    ))
}
