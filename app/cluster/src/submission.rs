//! What was submitted, as the folder of the sweep remembers it: `cluster/1.json` beside the script `1.sh` and the grid
//! `1.toml`, then `2.json`, … Logs are in `cluster/logs`.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Submissions of a folder at most.
const MOST: usize = 10_000;
/// Bytes of one at most.
const LARGEST: u64 = 16 << 20;

/// One array of a submission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Array {
    /// Slurm's number of it.
    pub job: String,
    /// Its cluster, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Elements of the arrays before it.
    pub first: usize,
    pub elements: usize,
}

/// What one `locus sweep submit` handed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Version of the program.
    pub program: String,
    pub time: String,
    pub script: PathBuf,
    /// Elements that were asked for.
    pub elements: usize,
    /// Its arrays, as far as they were submitted.
    pub arrays: Vec<Array>,
}

impl Submission {
    /// Elements that were submitted.
    #[must_use]
    pub fn submitted(&self) -> usize {
        self.arrays.iter().map(|array| array.elements).sum()
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        locus_files::write(path, &text).map_err(Error::written(path))
    }
}

/// The files of one submission.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub grid: PathBuf,
    pub script: PathBuf,
    pub record: PathBuf,
}

impl Files {
    /// Takes the next number of a folder by writing the grid under it.
    pub fn take(folder: &Path, grid: &str) -> Result<Self> {
        let cluster = folder.join("cluster");
        let logs = cluster.join("logs");
        // Slurm makes no folder for its logs, and a job whose log has none fails without a word
        std::fs::create_dir_all(&logs).map_err(|source| Error::Write { path: logs, reason: source.into() })?;
        for number in 1..=MOST {
            let file = |ending: &str| cluster.join(format!("{number}.{ending}"));
            match locus_files::write_new(&file("toml"), grid.as_bytes()) {
                Ok(()) => return Ok(Self { grid: file("toml"), script: file("sh"), record: file("json") }),
                Err(locus_files::Refusal::Exists) => {}
                Err(reason) => return Err(Error::Write { path: file("toml"), reason }),
            }
        }
        Err(Error::Directive(format!("{}: there are already {MOST} submissions; start a new folder", folder.display())))
    }

    /// Removes what was written.
    pub fn remove(&self) {
        for file in [&self.record, &self.script, &self.grid] {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// All submissions of a folder, the oldest first. One that cannot be read is left out.
///
/// # Errors
/// The folder cannot be read.
pub fn submissions(folder: &Path) -> Result<Vec<Submission>> {
    let path = folder.join("cluster");
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::Read { path, source }),
    };
    let number = |path: &Path| path.file_stem().and_then(|stem| stem.to_str()?.parse::<usize>().ok());
    let mut files: Vec<(usize, PathBuf)> = Vec::new();
    for entry in entries.flatten().map(|entry| entry.path()) {
        if entry.extension().is_some_and(|ending| ending == "json") {
            files.extend(number(&entry).map(|number| (number, entry)));
        }
    }
    files.sort();
    let read = |path: &Path| serde_json::from_str(&locus_files::text(path, LARGEST).ok()?).ok();
    Ok(files.iter().filter_map(|(_, path)| read(path)).collect())
}
