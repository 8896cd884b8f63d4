//! Rows of all workers, read as they come.

use crate::error::{Error, Result};
use locus_protocol::SweepRow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// A line that is no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl Damage {
    /// The same where rows are only read.
    #[must_use]
    pub fn left_out(&self) -> String {
        let Self { path, line, what } = self;
        let path = path.display();
        format!("{path}: line {line} is not a row ({what}) and is left out; resuming the sweep computes its cell again")
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, line, what } = self;
        write!(to, "{}: line {line} is not a row ({what}); its cell is computed again", path.display())
    }
}

/// All rows of a folder, by their keys.
#[derive(Debug, Default)]
pub struct Rows {
    folder: PathBuf,
    by_key: BTreeMap<String, SweepRow>,
    files: BTreeMap<PathBuf, Seen>,
    damage: Vec<Damage>,
}

/// How much of a file was read.
#[derive(Debug, Default)]
struct Seen {
    bytes: u64,
    lines: usize,
}

impl Rows {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, ..Self::default() }
    }

    /// Reads what was appended since, and gives those rows that were not known. A last line without an end is left until
    /// it has one.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn refresh(&mut self) -> Result<Vec<SweepRow>> {
        let mut fresh = Vec::new();
        for path in row_files(&self.folder)? {
            let seen = self.files.entry(path.clone()).or_default();
            let bytes = read_from(&path, seen.bytes).map_err(Error::read(&path))?;
            let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            seen.bytes += whole as u64;
            for line in bytes[..whole].split_inclusive(|&byte| byte == b'\n') {
                seen.lines += 1;
                match serde_json::from_slice::<SweepRow>(line) {
                    Ok(row) => {
                        let known = self.by_key.get(row.key());
                        if known.is_none_or(|known| wins(&row, known)) {
                            fresh.push(row.clone());
                            self.by_key.insert(row.key().to_owned(), row);
                        }
                    }
                    Err(error) => {
                        let what = error.to_string();
                        self.damage.push(Damage { path: path.clone(), line: seen.lines, what });
                    }
                }
            }
        }
        Ok(fresh)
    }

    /// The row of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&SweepRow> {
        self.by_key.get(key)
    }

    /// All rows, by their keys.
    pub fn iter(&self) -> impl Iterator<Item = &SweepRow> {
        self.by_key.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Lines that are no rows: what they held is computed again.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Takes a row that this program has written itself.
    pub fn take_in(&mut self, row: SweepRow) {
        self.by_key.insert(row.key().to_owned(), row);
    }
}

/// Whether a row takes the place of another with its key: numbers before none, then the newest, then an order that does
/// not hang on which was read first.
pub fn wins(row: &SweepRow, known: &SweepRow) -> bool {
    let text = |row: &SweepRow| serde_json::to_string(row).unwrap_or_default();
    let by_numbers = row.failed().is_none().cmp(&known.failed().is_none());
    let order = by_numbers.then_with(|| row.time().cmp(known.time()));
    // mostly the same row, read again
    order.then_with(|| if row == known { Ordering::Equal } else { text(row).cmp(&text(known)) }).is_gt()
}

/// Every row of a folder's files in the order of the files, those of one key included.
///
/// # Errors
/// A file cannot be read.
pub fn read_rows(folder: &Path) -> Result<Vec<SweepRow>> {
    Ok(read_lines(folder)?.0)
}

/// The same, and the lines that are no rows.
///
/// # Errors
/// A file cannot be read.
pub fn read_lines(folder: &Path) -> Result<(Vec<SweepRow>, Vec<Damage>)> {
    let (mut all, mut damage) = (Vec::new(), Vec::new());
    for path in row_files(&folder.join("rows"))? {
        let bytes = read_from(&path, 0).map_err(Error::read(&path))?;
        let lines = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
        for (index, line) in lines.enumerate() {
            match serde_json::from_slice::<SweepRow>(line) {
                Ok(row) => all.push(row),
                Err(error) => {
                    damage.push(Damage { path: path.clone(), line: index + 1, what: error.to_string() });
                }
            }
        }
    }
    Ok((all, damage))
}

fn row_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::Read { path: folder.to_owned(), source }),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::read(folder))?.path();
        if path.extension().is_some_and(|end| end == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_from(path: &Path, start: u64) -> std::io::Result<Vec<u8>> {
    let mut file = locus_files::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
