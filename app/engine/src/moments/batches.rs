//! Documents as batches that depend on nothing but the corpus: a pass that was cut off anywhere goes on with the same.

use super::corpus::{Chosen, Corpus, LONGEST_DOCUMENT, NO_TEXT};
use super::documents::Document;
use crate::error::{Error, Result};
use crate::model::Model;

/// Tokens that run at once.
const BATCH: usize = 2048;
/// Tokens of documents that are held together, so that those of similar length can run side by side.
const CHUNK: usize = 16 * BATCH;

/// A place in the corpus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CorpusPlace {
    /// Number of the chunk's first document.
    pub document: u64,
    /// Tokens of all chunks before.
    pub tokens: u64,
    /// Documents of all chunks before that have tokens.
    pub documents: u64,
    /// Batches of the chunk that are done.
    pub batches: usize,
    /// Layers to which the batch after those has been added.
    #[serde(default)]
    pub layers: usize,
}

/// Documents that were read together.
pub struct Chunk {
    /// Position in the corpus where the chunk begins.
    pub place: CorpusPlace,
    /// Its documents in batches.
    pub batches: Vec<Vec<Vec<i64>>>,
    /// The place after it.
    pub next: CorpusPlace,
    /// Share of the corpus that was read with it.
    pub share: f64,
}

/// Reads chunk after chunk.
pub struct Chunks<'a> {
    model: &'a Model,
    chosen: Chosen,
    limit: u64,
    place: CorpusPlace,
}

impl<'a> Chunks<'a> {
    /// Starts with the chunk of `place`.
    pub fn new(model: &'a Model, corpus: &Corpus, place: CorpusPlace) -> Result<Self> {
        let limit = corpus.limit().map_or(u64::MAX, |limit| limit as u64);
        Ok(Self {
            model,
            chosen: corpus.read(place.document)?,
            limit,
            place: CorpusPlace { batches: 0, layers: 0, ..place },
        })
    }

    /// The next chunk; `None` at the end of the corpus or of the tokens that are wanted.
    pub fn next(&mut self) -> Result<Option<Chunk>> {
        let place = self.place;
        let longest = (self.model.architecture.context as usize).min(LONGEST_DOCUMENT);
        let (mut documents, mut count) = (Vec::new(), 0);
        while count < CHUNK && place.tokens + (count as u64) < self.limit {
            let mut ids = match self.chosen.next()? {
                Some(Document::Text(text)) if text.trim().is_empty() => continue,
                Some(Document::Text(text)) => self.model.tokenizer.encode(&text)?,
                Some(Document::Tokens(ids)) => ids,
                None => break,
            };
            ids.truncate(longest);
            count += ids.len();
            if !ids.is_empty() {
                documents.push(ids);
            }
        }
        if documents.is_empty() {
            return if place.tokens == 0 { Err(Error::Request(NO_TEXT.to_owned())) } else { Ok(None) };
        }
        self.place = CorpusPlace {
            document: self.chosen.number,
            tokens: place.tokens + count as u64,
            documents: place.documents + documents.len() as u64,
            batches: 0,
            layers: 0,
        };
        Ok(Some(Chunk { place, batches: batches(documents), next: self.place, share: self.chosen.share() }))
    }
}

/// Documents in groups of about 2,048 tokens, those of similar length together.
#[must_use]
pub fn batches(mut documents: Vec<Vec<i64>>) -> Vec<Vec<Vec<i64>>> {
    documents.sort_by_key(Vec::len);
    let mut batches: Vec<Vec<Vec<i64>>> = Vec::new();
    let mut size = BATCH;
    for document in documents {
        if size + document.len() > BATCH {
            batches.push(Vec::new());
            size = 0;
        }
        size += document.len();
        if let Some(batch) = batches.last_mut() {
            batch.push(document);
        }
    }
    batches
}
