//! Changes in the journal's folder that no operation names: left by edits that could not be recorded, or by lines that
//! were taken out.

use super::Journal;
use crate::error::Error;
use std::collections::HashSet;
use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

/// Digits of a file's hash, which is its name.
const DIGITS: usize = 64;

/// A change that no operation names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LooseChange {
    pub file: PathBuf,
    pub bytes: u64,
}

impl Journal {
    /// The changes that no line names, whole or torn, by name; with `remove` they are deleted. No other program records
    /// anything meanwhile.
    ///
    /// # Errors
    /// The journal cannot be read or holds lines that this program does not understand; a file cannot be deleted.
    pub fn loose_changes(&self, remove: bool) -> Result<Vec<LooseChange>, Error> {
        let failed = |path: &Path, error: &IoError| Error::File {
            path: path.to_owned(),
            message: format!("cannot be listed or deleted ({error}); make the folder writable"),
        };
        let folder = self.deltas();
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| failed(&folder, &error))?,
        };
        // until the end: a change is kept and named by whoever has the lock
        let mut locked = self.lock()?;
        let bytes = locked.bytes_from(0).map_err(|error| failed(&self.file(), &error))?;
        if let Some(refusal) = self.parse(&bytes).refusal() {
            return Err(Error::Request(format!("{refusal}; nothing was deleted, because that line may name a change")));
        }
        let named = hashes(&bytes);
        let mut loose = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed(&folder, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(hash) = name.strip_suffix(".safetensors").filter(|stem| is_hash(stem.as_bytes())) else {
                continue;
            };
            let about = entry.metadata().map_err(|error| failed(&entry.path(), &error))?;
            if about.is_file() && !named.contains(hash.as_bytes()) {
                loose.push(LooseChange { file: entry.path(), bytes: about.len() });
            }
        }
        loose.sort_by(|a, b| a.file.cmp(&b.file));
        if remove {
            for change in &loose {
                std::fs::remove_file(&change.file).map_err(|error| failed(&change.file, &error))?;
            }
        }
        Ok(loose)
    }
}

/// Everything in a text that looks like a hash.
fn hashes(text: &[u8]) -> HashSet<&[u8]> {
    text.split(|byte| !is_digit(byte)).filter(|run| run.len() == DIGITS).collect()
}

fn is_hash(text: &[u8]) -> bool {
    text.len() == DIGITS && text.iter().all(is_digit)
}

fn is_digit(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::super::Journal;
    use std::path::Path;

    fn names(journal: &Journal, remove: bool) -> Vec<String> {
        let loose = journal.loose_changes(remove).expect("looked");
        loose.iter().map(|change| change.file.file_name().expect("a name").to_string_lossy()[..2].to_owned()).collect()
    }

    #[test]
    fn only_what_no_line_names_is_loose() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        assert!(names(&journal, true).is_empty());
        assert!(!journal.file().exists());
        let put = |name: &str| std::fs::write(journal.deltas().join(name), name).expect("written");
        std::fs::create_dir(journal.deltas()).expect("a folder");
        let hash = |digit: &str| digit.repeat(64);
        for digit in ["a", "b", "c"] {
            put(&format!("{}.safetensors", hash(digit)));
        }
        // not ours
        put("notes.safetensors");
        put(&format!("{}.safetensors", "A".repeat(64)));
        put(&format!(".{}.safetensors.partial.7", hash("d")));
        std::fs::create_dir(journal.deltas().join(format!("{}.safetensors", hash("e")))).expect("a folder");
        // one is named by a torn line
        std::fs::write(journal.file(), format!("{{\"delta\":{{\"file\":\"deltas/{}.safetensors\"", hash("b")))
            .expect("written");
        assert_eq!(names(&journal, false), ["aa", "cc"]);
        assert_eq!(names(&journal, true), ["aa", "cc"]);
        assert!(names(&journal, false).is_empty());
        assert_eq!(std::fs::read_dir(journal.deltas()).expect("a folder").count(), 5);

        // a line of a newer program may name changes in another way
        std::fs::write(journal.file(), "{\"schema\":7,\"program\":\"9.0.0\"}\n").expect("written");
        let error = journal.loose_changes(true).expect_err("refused").to_string();
        assert!(error.contains("Locus 9.0.0 wrote it") && error.contains("nothing was deleted"), "{error}");
        assert!(Path::new(&journal.deltas().join(format!("{}.safetensors", hash("b")))).exists());
    }
}
