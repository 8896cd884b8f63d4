//! Reads the documents of a corpus one after the other: lines of text, JSON Lines, Parquet, or tokens at hand.

use crate::error::{Error, Result};
use parquet::basic::Type as PhysicalType;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The column that holds the text where none is named.
pub const DEFAULT_COLUMN: &str = "text";
/// Bytes of a line that are kept; what is longer is cut to the context anyway.
const LONGEST_LINE: u64 = 4 << 20;
/// Rows of a Parquet file that are decoded at once.
const ROWS: usize = 256;
/// Bytes that a row group's texts may take once they are unpacked.
const LARGEST_GROUP: i64 = 4 << 30;

/// How a corpus lies in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One document a line.
    Lines,
    /// One JSON object a line.
    JsonLines,
    Parquet,
}

impl Format {
    /// By the end of the name.
    pub fn of(file: &Path) -> Self {
        let extension = file.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
        match extension.as_str() {
            "jsonl" | "ndjson" | "json" => Self::JsonLines,
            "parquet" => Self::Parquet,
            _ => Self::Lines,
        }
    }
}

/// A document of a corpus.
pub enum Document {
    Text(String),
    /// Token ids, from a corpus that is already tokenized.
    Tokens(Vec<i64>),
}

/// What gives one document after the other.
pub trait Documents {
    /// The next document; empty ones count.
    fn next(&mut self) -> Result<Option<Document>>;
    /// Leaves out the next document; false at the end.
    fn skip(&mut self) -> Result<bool>;
    /// Share of the corpus that was read, 0 to 1.
    fn share(&self) -> f64;
}

/// A failure that names the file.
pub fn bad(path: &Path, message: impl Into<String>) -> Error {
    Error::Corpus { path: path.to_owned(), message: message.into() }
}

/// Opens a corpus file.
pub fn open(path: &Path, format: Format, column: Option<&str>) -> Result<Box<dyn Documents>> {
    let file = locus_files::open(path).map_err(|source| unreadable(path, &source))?;
    let total = file.metadata().map_or(0, |metadata| metadata.len());
    let column = column.unwrap_or(DEFAULT_COLUMN).to_owned();
    Ok(match format {
        Format::Lines => Box::new(Lines::new(path, Box::new(BufReader::with_capacity(1 << 20, file)), total)),
        Format::JsonLines => {
            let lines = Lines::new(path, Box::new(BufReader::with_capacity(1 << 20, file)), total);
            Box::new(JsonLines { lines, column })
        }
        Format::Parquet => Box::new(Rows::new(path, file, &column)?),
    })
}

/// Lines of a text in memory.
pub fn lines(name: &str, text: Arc<[u8]>) -> Box<dyn Documents> {
    let total = text.len() as u64;
    Box::new(Lines::new(Path::new(name), Box::new(Cursor::new(text)), total))
}

/// What to say of a corpus file that cannot be read.
pub fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    bad(
        path,
        format!(
            "the corpus cannot be read ({error}); give a text file with one document per line, JSON Lines or Parquet"
        ),
    )
}

/// Documents of token ids.
pub struct Given {
    documents: Arc<Vec<Vec<i64>>>,
    next: usize,
}

impl Given {
    pub fn new(documents: Arc<Vec<Vec<i64>>>) -> Self {
        Self { documents, next: 0 }
    }
}

impl Documents for Given {
    fn next(&mut self) -> Result<Option<Document>> {
        let document = self.documents.get(self.next).cloned();
        self.next += 1;
        Ok(document.map(Document::Tokens))
    }

    fn skip(&mut self) -> Result<bool> {
        self.next += 1;
        Ok(self.next <= self.documents.len())
    }

    fn share(&self) -> f64 {
        self.next as f64 / self.documents.len().max(1) as f64
    }
}

/// Lines that are not blank.
struct Lines {
    path: PathBuf,
    input: Box<dyn BufRead>,
    number: u64,
    read: u64,
    total: u64,
}

impl Lines {
    fn new(path: &Path, input: Box<dyn BufRead>, total: u64) -> Self {
        Self { path: path.to_owned(), input, number: 0, read: 0, total }
    }

    /// The bytes of the next line that is not blank, cut to [`LONGEST_LINE`].
    fn line(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let mut line = Vec::new();
            let failed = |error: std::io::Error| unreadable(&self.path, &error);
            let mut size = (&mut self.input).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(failed)?;
            if size == 0 {
                return Ok(None);
            }
            if size as u64 == LONGEST_LINE && line.last() != Some(&b'\n') {
                size += self.input.skip_until(b'\n').map_err(failed)?;
                // not in the middle of a character
                while std::str::from_utf8(&line).is_err_and(|error| error.error_len().is_none()) {
                    line.pop();
                }
            }
            self.number += 1;
            self.read += size as u64;
            if self.number == 1 && line.starts_with("\u{feff}".as_bytes()) {
                line.drain(..3);
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(line));
            }
        }
    }

    fn text(&mut self) -> Result<Option<String>> {
        let Some(line) = self.line()? else { return Ok(None) };
        let text = String::from_utf8(line).map_err(|_| {
            bad(&self.path, format!("line {} is not UTF-8 text; convert the file to UTF-8", self.number))
        })?;
        Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
    }
}

impl Documents for Lines {
    fn next(&mut self) -> Result<Option<Document>> {
        Ok(self.text()?.map(Document::Text))
    }

    fn skip(&mut self) -> Result<bool> {
        Ok(self.line()?.is_some())
    }

    fn share(&self) -> f64 {
        self.read as f64 / self.total.max(1) as f64
    }
}

/// JSON objects, one a line.
struct JsonLines {
    lines: Lines,
    column: String,
}

impl Documents for JsonLines {
    fn next(&mut self) -> Result<Option<Document>> {
        let Some(line) = self.lines.text()? else { return Ok(None) };
        let failed = |what: String| bad(&self.lines.path, format!("line {}: {what}", self.lines.number));
        let value: serde_json::Value = serde_json::from_str(&line)
            .map_err(|_| failed("not a JSON object; give JSON Lines, one object per line".to_owned()))?;
        let object = value.as_object().ok_or_else(|| {
            failed("not a JSON object but another value; give JSON Lines, one object per line".to_owned())
        })?;
        match object.get(&self.column) {
            Some(serde_json::Value::String(text)) => Ok(Some(Document::Text(text.clone()))),
            Some(serde_json::Value::Null) => Ok(Some(Document::Text(String::new()))),
            Some(_) => {
                Err(failed(format!("field `{}` is not a string; name another with --corpus-column", self.column)))
            }
            None => {
                let names: Vec<&str> = object.keys().map(String::as_str).collect();
                Err(failed(no_column("field", &self.column, &names)))
            }
        }
    }

    fn skip(&mut self) -> Result<bool> {
        self.lines.skip()
    }

    fn share(&self) -> f64 {
        self.lines.share()
    }
}

fn no_column(what: &str, column: &str, names: &[&str]) -> String {
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("there is no {what} `{column}`; name one of these with --corpus-column: {there}")
}

/// Rows of one column of a Parquet file.
struct Rows {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    /// Place of the column among the leaves, and the level of a value that is there.
    leaf: usize,
    defined: i16,
    /// The row group that comes next, and the rest of the current one.
    group: usize,
    current: Option<ColumnReaderImpl<ByteArrayType>>,
    decoded: VecDeque<Option<ByteArray>>,
    /// Rows passed, and rows of the file.
    passed: u64,
    total: u64,
}

impl Rows {
    fn new(path: &Path, file: File, column: &str) -> Result<Self> {
        let reader = parquet(path, file)?;
        let metadata = reader.metadata().file_metadata();
        let schema = metadata.schema_descr();
        let names: Vec<&str> = schema.root_schema().get_fields().iter().map(|field| field.name()).collect();
        if !names.contains(&column) {
            return Err(bad(path, no_column("column", column, &names)));
        }
        let leaf = schema.columns().iter().position(|leaf| {
            leaf.path().parts() == [column.to_owned()]
                && leaf.physical_type() == PhysicalType::BYTE_ARRAY
                && leaf.max_rep_level() == 0
        });
        let texts = "a text in each row";
        let leaf = leaf.ok_or_else(|| {
            bad(path, format!("column `{column}` does not contain {texts}; name another with --corpus-column"))
        })?;
        let defined = schema.column(leaf).max_def_level();
        check_groups(path, &reader, leaf)?;
        let total = metadata.num_rows().max(0) as u64;
        let path = path.to_owned();
        Ok(Self { path, reader, leaf, defined, group: 0, current: None, decoded: VecDeque::new(), passed: 0, total })
    }

    fn damaged(&self, error: &dyn std::fmt::Display) -> Error {
        bad(&self.path, format!("row {}: {error}; the file is damaged, copy it again", self.passed))
    }

    /// Opens the next row group; false at the end of the file.
    fn open_group(&mut self) -> Result<bool> {
        if self.group == self.reader.num_row_groups() {
            return Ok(false);
        }
        let opened = guarded(|| self.reader.get_row_group(self.group)?.get_column_reader(self.leaf));
        let ColumnReader::ByteArrayColumnReader(column) = opened.map_err(|error| self.damaged(&error))? else {
            return Err(self.damaged(&"the column changes its type"));
        };
        self.current = Some(column);
        self.group += 1;
        Ok(true)
    }

    /// Decodes some rows; false at the end of the file.
    fn decode(&mut self) -> Result<bool> {
        loop {
            if let Some(column) = &mut self.current {
                let (mut levels, mut values) = (Vec::new(), Vec::new());
                let read = guarded(|| column.read_records(ROWS, Some(&mut levels), None, &mut values));
                let (rows, _, _) = read.map_err(|error| self.damaged(&error))?;
                if rows > 0 {
                    let mut values = values.into_iter();
                    let defined = self.defined;
                    let there = |row: usize| levels.get(row).is_none_or(|&level| level == defined);
                    self.decoded = (0..rows).map(|row| if there(row) { values.next() } else { None }).collect();
                    return Ok(true);
                }
                self.current = None;
            }
            if !self.open_group()? {
                return Ok(false);
            }
        }
    }
}

impl Documents for Rows {
    fn next(&mut self) -> Result<Option<Document>> {
        if self.decoded.is_empty() && !self.decode()? {
            return Ok(None);
        }
        let bytes = self.decoded.pop_front().flatten().map(|value| value.data().to_vec()).unwrap_or_default();
        let text = String::from_utf8(bytes).map_err(|_| {
            bad(&self.path, format!("row {} is not UTF-8 text; name another column with --corpus-column", self.passed))
        })?;
        self.passed += 1;
        Ok(Some(Document::Text(text)))
    }

    fn skip(&mut self) -> Result<bool> {
        if self.decoded.pop_front().is_none() {
            loop {
                if let Some(column) = &mut self.current {
                    if guarded(|| column.skip_records(1)).map_err(|error| self.damaged(&error))? == 1 {
                        break;
                    }
                    self.current = None;
                }
                if !self.open_group()? {
                    return Ok(false);
                }
            }
        }
        self.passed += 1;
        Ok(true)
    }

    fn share(&self) -> f64 {
        self.passed as f64 / self.total.max(1) as f64
    }
}

/// Looks whether the texts of each row group lie in the file and can be unpacked, before anything is.
fn check_groups(path: &Path, reader: &SerializedFileReader<File>, leaf: usize) -> Result<()> {
    let length = std::fs::metadata(path).map_or(i64::MAX, |about| i64::try_from(about.len()).unwrap_or(i64::MAX));
    for (number, group) in reader.metadata().row_groups().iter().enumerate() {
        let Some(column) = group.columns().get(leaf) else {
            return Err(bad(path, format!("row group {number} lacks the column; the file is damaged, copy it again")));
        };
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let (packed, unpacked) = (column.compressed_size(), column.uncompressed_size());
        let lies_inside = start >= 0 && packed >= 0 && start.checked_add(packed).is_some_and(|end| end <= length);
        if !lies_inside || unpacked < 0 || group.num_rows() < 0 {
            let message = format!("row group {number} is outside the file; the file is damaged, copy it again");
            return Err(bad(path, message));
        }
        if unpacked > LARGEST_GROUP {
            return Err(bad(
                path,
                format!("row group {number} unpacks to {unpacked} bytes; write the file with smaller row groups"),
            ));
        }
    }
    Ok(())
}

/// What the library gives; its panics at damaged files are failures like any other.
fn guarded<T>(body: impl FnOnce() -> parquet::errors::Result<T>) -> parquet::errors::Result<T> {
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|_| Err(parquet::errors::ParquetError::General("it cannot be decoded".to_owned())))
}

fn parquet(path: &Path, file: File) -> Result<SerializedFileReader<File>> {
    guarded(|| SerializedFileReader::new(file))
        .map_err(|error| bad(path, format!("not a complete Parquet file ({error}); copy it again")))
}

/// Rows of a Parquet file.
pub fn parquet_rows(path: &Path) -> Result<u64> {
    let file = locus_files::open(path).map_err(|source| unreadable(path, &source))?;
    Ok(parquet(path, file)?.metadata().file_metadata().num_rows().max(0) as u64)
}
