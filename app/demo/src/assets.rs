//! The trained files, compiled in, and the way onto the disk.

use locus_files::FolderDraft;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::DemoError;

macro_rules! embed {
    ($($name:literal),* $(,)?) => { &[$(($name, include_bytes!(concat!("../assets/", $name)))),*] };
}

const ASSETS: &[(&str, &[u8])] = embed![
    "README.md",
    "config.json",
    "corpus.txt",
    "facts.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// Names and contents of the shipped files.
pub fn assets() -> &'static [(&'static str, &'static [u8])] {
    ASSETS
}

/// Puts the shipped files into `folder` and returns it. A folder that already holds exactly them is left
/// alone; otherwise it is replaced as a whole, so that nobody ever sees half a model.
///
/// # Errors
/// [`DemoError::File`] names the path that could not be written.
pub fn materialise(folder: &Path) -> Result<PathBuf, DemoError> {
    let same = |(name, bytes): &(&str, &[u8])| fs::read(folder.join(name)).is_ok_and(|there| there == *bytes);
    if !ASSETS.iter().all(same) {
        replace_folder(folder, ASSETS.iter().copied())?;
    }
    Ok(folder.to_path_buf())
}

/// Writes `files` into a new folder beside `destination`, which takes its place at once.
pub(crate) fn replace_folder<'a>(
    destination: &Path,
    files: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), DemoError> {
    let parent = match destination.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(DemoError::file(parent))?;
    let failed = |refusal: locus_files::Refusal| DemoError::file(destination)(refusal.into());
    let fresh = FolderDraft::replacing(destination).map_err(failed)?;
    for (name, bytes) in files {
        fresh.write(name, bytes).map_err(DemoError::file(destination.join(name)))?;
    }
    fresh.replace().map_err(failed)
}
