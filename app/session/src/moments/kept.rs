//! Which second moments are kept, without loading a model.

use locus_engine::moments::{Description, ProgressFile, describe};
use std::path::{Path, PathBuf};

/// A file of second moments.
#[derive(Clone, Debug)]
pub struct KeptMoments {
    /// The file.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What it says of itself; `None` where it does not.
    pub description: Option<Description>,
    /// Tokens so far, where the pass was not finished.
    pub unfinished: Option<u64>,
    /// What is wrong with it; empty as a rule.
    pub trouble: String,
}

/// The folder of second moments in the cache.
pub fn folder(cache: &Path) -> PathBuf {
    cache.join("second-moments")
}

/// The folder of second moments that were collected in the reproducible mode.
pub fn reproducible_folder(cache: &Path) -> PathBuf {
    folder(cache).join("reproducible")
}

/// All second moments in the cache, finished or not, by name.
#[must_use]
pub fn kept_moments(cache: &Path) -> Vec<KeptMoments> {
    let folders = [folder(cache), reproducible_folder(cache)];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files.into_iter().filter_map(look).collect()
}

fn look(file: PathBuf) -> Option<KeptMoments> {
    let bytes = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
    let end = file.extension()?.to_str()?;
    let (description, unfinished, trouble) = match end {
        "safetensors" => match describe(&file) {
            Ok(description) => (description, None, String::new()),
            Err(error) => (None, None, error.to_string()),
        },
        "progress" => {
            let (description, tokens) = ProgressFile::look(&file)?;
            (Some(description), Some(tokens), String::new())
        }
        _ => return None,
    };
    Some(KeptMoments { file, bytes, description, unfinished, trouble })
}
