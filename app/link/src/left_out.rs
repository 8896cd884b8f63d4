//! Libraries that ended an engine when they were opened. They are left out until they change.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Name of the file in the folder of the user's state.
const FILE: &str = "left-out.json";
/// Bytes of it at most.
const LARGEST: u64 = 1 << 20;

/// Libraries that are left out, by their files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    files: BTreeMap<PathBuf, Mark>,
}

/// What tells one build of a file from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    bytes: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Mark {
    fn of(file: &Path) -> Option<Self> {
        let about = std::fs::metadata(file).ok()?;
        Some(Self { bytes: about.len(), seconds: about.mtime(), nanoseconds: about.mtime_nsec() })
    }
}

impl LeftOut {
    /// Those of a user's state. A list that cannot be read leaves nothing out.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        let text = locus_files::text(&state.join(FILE), LARGEST).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Adds a file as it is now, and keeps the list. Files that are gone or have changed are taken off it.
    ///
    /// # Errors
    /// The list cannot be written.
    pub fn add(&mut self, state: &Path, file: &Path) -> Result<()> {
        self.files.retain(|file, mark| Mark::of(file).as_ref() == Some(mark));
        if let Some(mark) = Mark::of(file) {
            self.files.insert(file.to_owned(), mark);
        }
        std::fs::create_dir_all(state)?;
        let text = serde_json::to_vec_pretty(self)?;
        match locus_files::write(&state.join(FILE), &text) {
            Ok(()) => Ok(()),
            Err(locus_files::Refusal::Io(error)) => Err(error),
            Err(refusal) => Err(std::io::Error::new(ErrorKind::Other, refusal.to_string())),
        }
    }

    /// All files that are left out now.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.files.keys().filter(|file| self.has(file)).cloned().collect()
    }

    /// Whether a file is left out: it is the very build that was added.
    #[must_use]
    pub fn has(&self, file: &Path) -> bool {
        self.files.get(file).is_some_and(|mark| Mark::of(file).as_ref() == Some(mark))
    }
}

#[cfg(test)]
mod tests {
    use super::LeftOut;

    #[test]
    fn a_library_is_left_out_until_it_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (state, file) = (folder.path().join("state"), folder.path().join("a.so"));
        std::fs::write(&file, "one").expect("written");
        assert!(!LeftOut::of(&state).has(&file));
        LeftOut::of(&state).add(&state, &file).expect("kept");
        assert!(LeftOut::of(&state).has(&file));
        std::fs::write(&file, "other").expect("written");
        assert!(!LeftOut::of(&state).has(&file));
        std::fs::write(state.join("left-out.json"), "{").expect("written");
        assert_eq!(LeftOut::of(&state), LeftOut::default());
    }
}
