//! Prompts with their subjects and targets.

use super::mention;
use super::places::holding;
use super::{Tokenizer, Tokens};
use crate::error::{Error, Result};
use std::ops::Range;

/// A prompt and a target as tokens of one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Tokens of the prompt, then those of the target.
    pub ids: Vec<i64>,
    /// How many of them are the prompt's.
    pub prompt: usize,
    spans: Vec<Range<usize>>,
}

impl Joined {
    /// Token ids of the target, after those of the prompt.
    #[must_use]
    pub fn target(&self) -> &[i64] {
        &self.ids[self.prompt..]
    }
}

/// A prompt with its subject, and its target where there is one, as tokens of one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlacedPrompt {
    /// Tokens of the prompt, then those of the target.
    pub ids: Vec<i64>,
    /// Tokens that hold a character of the subject, end exclusive.
    pub subject: Range<usize>,
    /// How many of the tokens are the prompt's.
    pub prompt: usize,
    /// What else the tokens at the subject's borders hold: before its first character and after its last one, blanks
    /// apart.
    pub glued: [String; 2],
}

impl Tokenizer {
    /// A prompt and a target, one space between them whatever stands at their borders, tokenized together and cut
    /// where the prompt ends. A token over the border is the target's where it holds a letter of it.
    ///
    /// # Errors
    /// An empty target; a prompt without a token; the tokenizer refuses the text.
    pub fn joined(&self, prompt: &str, target: &str) -> Result<Joined> {
        self.joined_exactly(prompt.trim_end_matches(' '), target.trim_start_matches(' '))
    }

    /// The same with a space between both, and with whatever spaces they have themselves, as the published code joins
    /// them.
    ///
    /// # Errors
    /// Those of [`Self::joined`].
    pub fn joined_exactly(&self, prompt: &str, target: &str) -> Result<Joined> {
        if target.trim().is_empty() {
            return Err(Error::Request("the target is empty; give the answer's text".to_owned()));
        }
        let Tokens { ids, spans } = self.tokens(&format!("{prompt} {target}"))?;
        let end = prompt.len();
        let cut = spans.iter().position(|span| !span.is_empty() && span.start >= end || span.end > end + 1);
        let cut = cut.ok_or_else(|| Error::Tokenizer(format!("no token contains the target `{target}`")))?;
        // a token that stands for the space alone may hold nothing by its own account
        let cut = cut - spans[..cut].iter().rev().take_while(|span| span.is_empty() && span.start >= end).count();
        if cut == 0 {
            return Err(Error::Request("a prompt is empty; give every prompt's text".to_owned()));
        }
        Ok(Joined { ids, prompt: cut, spans })
    }

    /// A template with its subject in the place of `{}`, and a target after it where there is one. Where the template has
    /// no `{}`, the subject's last mention is taken.
    ///
    /// # Errors
    /// [`Error::SubjectNotFound`]; those of [`Self::joined`].
    pub fn prompt(&self, template: &str, subject: &str, target: Option<&str>) -> Result<PlacedPrompt> {
        let (text, place) = locus_protocol::fill(template, subject);
        let missing = || Error::SubjectNotFound { subject: subject.to_owned(), prompt: text.clone() };
        let place = place.or_else(|| mention(&text, subject).map(|found| found.place)).ok_or_else(missing)?;
        let Joined { ids, prompt, spans } = match target {
            Some(target) => self.joined(&text, target)?,
            None => {
                let Tokens { ids, spans } = self.tokens(&text)?;
                Joined { prompt: ids.len(), ids, spans }
            }
        };
        let subject = holding(&spans, &place).ok_or_else(missing)?;
        let (first, last) = (&spans[subject.start], &spans[subject.end - 1]);
        let before = text.get(first.start..place.start).unwrap_or_default().trim().to_owned();
        let after = text.get(place.end..last.end.min(text.len())).unwrap_or_default().trim().to_owned();
        Ok(PlacedPrompt { ids, subject, prompt, glued: [before, after] })
    }

    /// Tokens of the last mention of `subject` in a text that was not made from a template, end exclusive.
    ///
    /// # Errors
    /// [`Error::SubjectNotFound`].
    pub fn subject_range(&self, text: &str, subject: &str) -> Result<Range<usize>> {
        let missing = || Error::SubjectNotFound { subject: subject.to_owned(), prompt: text.to_owned() };
        let found = mention(text, subject).ok_or_else(missing)?;
        self.tokens(text)?.holding(&found.place).ok_or_else(missing)
    }

    /// Tokens that hold bytes of a text, end exclusive.
    ///
    /// # Errors
    /// No token holds them; the tokenizer refuses the text.
    pub fn range_of(&self, text: &str, place: &Range<usize>) -> Result<Range<usize>> {
        let missing = || Error::SubjectNotFound {
            subject: text.get(place.clone()).unwrap_or_default().to_owned(),
            prompt: text.to_owned(),
        };
        self.tokens(text)?.holding(place).ok_or_else(missing)
    }

    /// Tokens of a fact's subject in a row that is tokens already: where the row holds the fact's prompt, in the place
    /// that the prompt gives, else at its last mention; `None` where there is none.
    #[must_use]
    pub fn subject_in_row(&self, row: &[i64], template: &str, subject: &str) -> Option<Range<usize>> {
        let mut spans = Vec::with_capacity(row.len());
        let mut bytes = Vec::new();
        for &id in row {
            let start = bytes.len();
            bytes.extend(self.pieces.bytes(&self.inner, id));
            spans.push(start..bytes.len());
        }
        let (prompt, place) = locus_protocol::fill(template, subject);
        let within = place.and_then(|place| {
            let at = last_place(&bytes, prompt.as_bytes())?;
            Some(at + place.start..at + place.end)
        });
        let place = within.or_else(|| {
            // bytes that are no text stand for themselves, so that places stay what they are
            let text: String = match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => {
                    let replace = |chunk: std::str::Utf8Chunk<'_>| {
                        chunk.valid().to_owned() + &"\u{1}".repeat(chunk.invalid().len())
                    };
                    error.as_bytes().utf8_chunks().map(replace).collect()
                }
            };
            mention(&text, subject).map(|found| found.place)
        })?;
        holding(&spans, &place)
    }
}

/// Where `part` stands in `whole` for the last time.
fn last_place(whole: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() { None } else { whole.windows(part.len()).rposition(|window| window == part) }
}
