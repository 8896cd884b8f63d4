//! Which documents second moments are collected over.

use super::documents::{Documents, Format, Given, bad, lines, open, parquet_rows, unreadable};
use super::fingerprint::hash_of;
use super::sample::published_sample;
use crate::error::{Error, Result};
use crate::hex;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which part of a corpus is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorpusSettings {
    /// The column or field that holds the text; `text` without it. Lines of text have none.
    pub column: Option<String>,
    /// Whole documents are taken until they have this many tokens; all without it.
    pub tokens: Option<usize>,
    /// That many documents, chosen as the published code does (the first of `random.Random(1).shuffle`); all
    /// without it. They are read in the order of the file.
    pub sample: Option<usize>,
}

/// Documents to collect over. They are read when they are needed and never kept together.
#[derive(Clone, Debug)]
pub struct Corpus {
    source: Source,
    /// What to call it.
    pub name: String,
    /// Says which text this is and which part of it is taken.
    pub fingerprint: String,
    /// Whole documents are taken until they have this many tokens.
    limit: Option<usize>,
    /// Numbers of the documents that are taken, in ascending order; all without it.
    sample: Option<Arc<Vec<u32>>>,
}

#[derive(Clone, Debug)]
enum Source {
    Text(Arc<[u8]>),
    File { path: PathBuf, format: Format, column: Option<String> },
    Tokens(Arc<Vec<Vec<i64>>>),
}

impl Corpus {
    /// A text in memory, one document a line.
    ///
    /// # Errors
    /// The text is empty, or has more documents than can be sampled from.
    pub fn from_text(name: &str, text: &str, settings: &CorpusSettings) -> Result<Self> {
        let documents = text.lines().filter(|line| !line.trim().is_empty()).count() as u64;
        let content = hash_of(text);
        Self::assemble(Source::Text(text.as_bytes().into()), name, &content, documents, settings)
            .map_err(|message| Error::Request(format!("the corpus {name}: {message}")))
    }

    /// A file: JSON Lines (`.jsonl`, `.ndjson`, `.json`), Parquet (`.parquet`), or text with one document a line
    /// (any other name). It is read once from end to end to recognize it; `listen` is called meanwhile and can stop
    /// that by an error.
    ///
    /// # Errors
    /// The file cannot be read or holds no document; a column that is not there; what `listen` returns.
    pub fn from_file(path: &Path, settings: &CorpusSettings, listen: &mut dyn FnMut() -> Result<()>) -> Result<Self> {
        let format = Format::of(path);
        let (content, mut documents) = recognize(path, listen)?;
        if format == Format::Parquet {
            documents = parquet_rows(path)?;
        }
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        let column = if format == Format::Lines { None } else { settings.column.clone() };
        if format == Format::Lines && settings.column.is_some() {
            let message = "a text file has no columns; leave out --corpus-column, or name the file .jsonl or .parquet";
            return Err(bad(path, message));
        }
        // a wrong column is said before anything is computed
        drop(open(path, format, column.as_deref())?);
        let source = Source::File { path: path.to_owned(), format, column };
        Self::assemble(source, &name, &content, documents, settings).map_err(|message| bad(path, message))
    }

    /// Documents that are tokens already; what is longer than the model's context is cut.
    ///
    /// # Errors
    /// There is no token.
    pub fn from_documents(documents: Vec<Vec<i64>>, fingerprint: String) -> Result<Self> {
        if documents.iter().all(Vec::is_empty) {
            return Err(Error::Request(NO_TEXT.to_owned()));
        }
        let name = fingerprint.clone();
        Ok(Self { source: Source::Tokens(Arc::new(documents)), name, fingerprint, limit: None, sample: None })
    }

    fn assemble(
        source: Source,
        name: &str,
        content: &str,
        documents: u64,
        settings: &CorpusSettings,
    ) -> Result<Self, String> {
        if documents == 0 {
            return Err(NO_TEXT.to_owned());
        }
        let sample = match settings.sample {
            Some(count) => {
                let all = u32::try_from(documents)
                    .map_err(|_| format!("{documents} documents are too many to sample from; split the file"))?;
                Some(Arc::new(published_sample(all, count)))
            }
            None => None,
        };
        let column = match &source {
            Source::File { format, column, .. } => format!("{format:?} {column:?}"),
            _ => String::new(),
        };
        let whole = format!("{content} {column} {:?} {:?} {LONGEST_DOCUMENT}", settings.tokens, settings.sample);
        Ok(Self { source, name: name.to_owned(), fingerprint: hash_of(&whole), limit: settings.tokens, sample })
    }

    /// Number of tokens that are certainly not exceeded by more than a document.
    #[must_use]
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Starts to read, at document number `first` of the file.
    pub(super) fn read(&self, first: u64) -> Result<Chosen> {
        let documents = match &self.source {
            Source::Text(text) => lines(&self.name, text.clone()),
            Source::File { path, format, column } => open(path, *format, column.as_deref())?,
            Source::Tokens(documents) => Box::new(Given::new(documents.clone())),
        };
        let mut chosen = Chosen { documents, number: 0, sample: self.sample.clone() };
        chosen.skip_to(first)?;
        Ok(chosen)
    }
}

/// Tokens of a document that are read at most, whatever the context: attention's scores grow with their square.
pub(super) const LONGEST_DOCUMENT: usize = 2048;

pub(super) const NO_TEXT: &str =
    "the corpus contains no text; give a file with one document per line, JSON Lines or Parquet";

/// SHA-256 of a file, and how many lines are not blank.
fn recognize(path: &Path, listen: &mut dyn FnMut() -> Result<()>) -> Result<(String, u64)> {
    let failed = |error: std::io::Error| unreadable(path, &error);
    let mut input = BufReader::with_capacity(1 << 20, locus_files::open(path).map_err(failed)?);
    let mut hash = Sha256::new();
    let (mut lines, mut blank) = (0, true);
    loop {
        listen()?;
        let bytes = input.fill_buf().map_err(failed)?;
        if bytes.is_empty() {
            break;
        }
        hash.update(bytes);
        for &byte in bytes {
            if byte == b'\n' {
                blank = true;
            } else if blank && !byte.is_ascii_whitespace() {
                blank = false;
                lines += 1;
            }
        }
        let size = bytes.len();
        input.consume(size);
    }
    Ok((hex(&hash.finalize()), lines))
}

/// The documents that are taken, in the order of the corpus.
pub(super) struct Chosen {
    documents: Box<dyn Documents>,
    /// Number of the next document.
    pub number: u64,
    sample: Option<Arc<Vec<u32>>>,
}

impl Chosen {
    fn skip_to(&mut self, number: u64) -> Result<bool> {
        while self.number < number {
            if !self.documents.skip()? {
                return Ok(false);
            }
            self.number += 1;
        }
        Ok(true)
    }

    /// The next document; `None` after the last.
    pub fn next(&mut self) -> Result<Option<super::documents::Document>> {
        if let Some(sample) = self.sample.clone() {
            let next = sample.partition_point(|&number| u64::from(number) < self.number);
            let Some(&number) = sample.get(next) else { return Ok(None) };
            if !self.skip_to(u64::from(number))? {
                return Ok(None);
            }
        }
        self.number += 1;
        self.documents.next()
    }

    /// Share of the documents that were read, 0 to 1.
    pub fn share(&self) -> f64 {
        match &self.sample {
            Some(sample) => {
                let read = sample.partition_point(|&number| u64::from(number) < self.number);
                read as f64 / sample.len().max(1) as f64
            }
            None => self.documents.share(),
        }
    }
}
