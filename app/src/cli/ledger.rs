//! The file of an evaluation: what it was made with, and a line for each fact that is done. Lines are only ever
//! appended, so that a run that was killed goes on where it stopped.

use crate::cli::Failure;
use locus_files::Refusal;
use locus_protocol::{Aim, Evaluated, FreeText, Said, numbers};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// Hash of the settings.
    settings_hash: String,
    /// What the lines were made with, for people.
    settings: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Hash of the settings.
    pub settings_hash: String,
    /// Its place among the facts.
    pub index: usize,
    /// Its number in its file.
    #[serde(default)]
    pub case_id: Option<u64>,
    pub subject: String,
    pub prompt: String,
    pub target_true: String,
    pub target_new: String,
    /// What the objective aimed at.
    pub aim: Aim,
    /// What should be known of it before its numbers are believed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Why it was left out, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Measures by name, prefixed with `before.` or `after.` where both exist.
    #[serde(with = "numbers")]
    pub numbers: BTreeMap<String, f64>,
    /// What the model says.
    #[serde(default)]
    pub said: Vec<Said>,
    /// What it says freely after every prompt of the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub free_texts: Vec<FreeText>,
}

/// The open file, which no other program writes as long as it is open.
#[derive(Debug)]
pub struct LedgerFile {
    path: PathBuf,
    file: File,
    /// Whether it was made now.
    is_new: bool,
}

/// A file that was made and never written to is taken away again.
impl Drop for LedgerFile {
    fn drop(&mut self) {
        if self.is_new && self.file.metadata().is_ok_and(|about| about.len() == 0) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl LedgerFile {
    /// Opens or makes it; nothing of it is changed.
    ///
    /// # Errors
    /// It is no file, cannot be opened, or another program writes it.
    pub fn take(path: &Path) -> Result<Self, Failure> {
        let refused = |refusal: Refusal| Failure::usage(format!("--out {}: {refusal}", path.display()));
        let is_new = path.symlink_metadata().is_err();
        let file = locus_files::append(path).map_err(refused)?;
        locus_files::alone(&file).map_err(refused)?;
        Ok(Self { path: path.to_owned(), file, is_new })
    }
}

/// Facts that are done, in a file or only in memory.
#[derive(Debug)]
pub struct Ledger {
    file: Option<LedgerFile>,
    hash: String,
    lines: BTreeMap<usize, Line>,
}

impl Ledger {
    /// Reads what is in the file. A last line that was torn is cut off.
    ///
    /// # Errors
    /// It cannot be read or written, is something else, or was made with other settings.
    pub fn open(opened: Option<LedgerFile>, settings: &Value) -> Result<Self, Failure> {
        let hash = hash(settings);
        let mut ledger = Self { file: None, hash, lines: BTreeMap::new() };
        if let Some(mut opened) = opened {
            let (path, file) = (opened.path.as_path(), &mut opened.file);
            let failed = |error: std::io::Error| Failure::usage(format!("--out {}: {error}", path.display()));
            let mut text = Vec::new();
            file.read_to_end(&mut text).map_err(failed)?;
            let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            if whole == 0 {
                // nothing, or a first line that was torn; anything else is not ours to cut
                if !text.is_empty() && !text.starts_with(b"{\"settings_hash\"") {
                    return Err(not_ours(path));
                }
            } else {
                ledger.read(path, &text[..whole], settings)?;
            }
            if whole < text.len() {
                file.set_len(whole as u64).map_err(failed)?;
                file.seek(SeekFrom::End(0)).map_err(failed)?;
            }
            ledger.file = Some(opened);
            if whole == 0 {
                ledger.append(&[Head { settings_hash: ledger.hash.clone(), settings: settings.clone() }])?;
            }
        }
        Ok(ledger)
    }

    fn read(&mut self, path: &Path, text: &[u8], settings: &Value) -> Result<(), Failure> {
        let bad = |what: String| Failure::usage(format!("--out {}: {what}", path.display()));
        let text = std::str::from_utf8(text).map_err(|_| not_ours(path))?;
        let mut lines = text.lines().enumerate();
        let head = lines.next().and_then(|(_, line)| serde_json::from_str::<Head>(line).ok());
        let head = head.ok_or_else(|| not_ours(path))?;
        if head.settings_hash != self.hash {
            let differ = difference(&head.settings, settings);
            return Err(bad(format!("was made with other settings ({differ}); name another file")));
        }
        for (index, line) in lines {
            let number = index + 1;
            let line: Line = serde_json::from_str(line)
                .map_err(|error| bad(format!("line {number} is damaged ({error}); remove the line")))?;
            if line.settings_hash != self.hash {
                return Err(bad(format!("line {number} was made with other settings; remove the line")));
            }
            self.lines.insert(line.index, line);
        }
        Ok(())
    }

    /// Whether a fact is done.
    pub fn has(&self, index: usize) -> bool {
        self.lines.contains_key(&index)
    }

    /// All that is done, in order.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.values()
    }

    /// Adds facts that are not there yet, all in one write.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, done: Vec<(usize, Evaluated)>) -> Result<(), Failure> {
        let mut lines = Vec::new();
        for (index, evaluated) in done {
            if self.has(index) {
                continue;
            }
            let Evaluated { fact, aim, remarks, left_out, numbers, said, free_texts, .. } = evaluated;
            lines.push(Line {
                settings_hash: self.hash.clone(),
                index,
                case_id: fact.case_id,
                prompt: fact.prompt(),
                subject: fact.subject,
                target_true: fact.target_true,
                target_new: fact.target_new,
                aim,
                remarks,
                left_out,
                numbers,
                said,
                free_texts,
            });
        }
        self.append(&lines)?;
        self.lines.extend(lines.into_iter().map(|line| (line.index, line)));
        Ok(())
    }

    fn append<T: Serialize>(&mut self, lines: &[T]) -> Result<(), Failure> {
        let Some(LedgerFile { path, file, .. }) = &mut self.file else { return Ok(()) };
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line).map_err(|error| Failure::failed(error.to_string()))?;
            text.push(b'\n');
        }
        let failed = |error: std::io::Error| {
            Failure::failed(format!("--out {}: cannot be written ({error}); check the free disk space", path.display()))
        };
        let before = file.metadata().map_err(failed)?.len();
        file.write_all(&text).map_err(|error| {
            // half a line is none
            let _ = file.set_len(before);
            failed(error)
        })
    }
}

fn not_ours(path: &Path) -> Failure {
    Failure::usage(format!("--out {}: it exists and is not an evaluation; name another file", path.display()))
}

/// A short hash of the settings.
fn hash(settings: &Value) -> String {
    locus_records::hex(&Sha256::digest(settings.to_string().as_bytes())[..8])
}

/// The first setting that differs, in words.
fn difference(theirs: &Value, ours: &Value) -> String {
    let (Value::Object(theirs), Value::Object(ours)) = (theirs, ours) else { return "all of them".to_owned() };
    let names = theirs.keys().chain(ours.keys());
    let differing = names.into_iter().find(|name| theirs.get(*name) != ours.get(*name));
    differing.map_or_else(
        || "their order".to_owned(),
        |name| {
            if let (Some(theirs @ Value::Object(_)), Some(ours @ Value::Object(_))) = (theirs.get(name), ours.get(name))
            {
                return difference(theirs, ours);
            }
            let shown = |value: Option<&Value>| {
                let text = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
                if text.chars().count() > 60 {
                    format!("{}…", text.chars().take(60).collect::<String>())
                } else {
                    text
                }
            };
            format!("{name}: {} there, {} now", shown(theirs.get(name)), shown(ours.get(name)))
        },
    )
}
