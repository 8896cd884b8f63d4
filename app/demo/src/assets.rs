//! The trained files, compiled in, and the way onto the disk.

use locus_files::FolderDraft;
use std::fs;
use std::path::{Path, PathBuf};

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

/// The seed that the shipped model was trained with.
pub const SEED: u64 = 1;

/// The facts of the built-in model, as the text of their file. A program that asks for these alone does not carry the
/// weights.
pub const FACTS: &str = include_str!("../assets/facts.json");

/// A file or folder that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct FileError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

impl FileError {
    fn of(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self { path, source }
    }
}

/// Names and contents of the shipped files.
pub fn assets() -> &'static [(&'static str, &'static [u8])] {
    ASSETS
}

/// Puts the shipped files into `folder` and returns it. A folder that already holds exactly them is left
/// alone; otherwise it is replaced as a whole, so that nobody ever sees half a model.
///
/// # Errors
/// [`FileError`] names the path that could not be written.
pub fn materialize(folder: &Path) -> Result<PathBuf, FileError> {
    let same = |(name, bytes): &(&str, &[u8])| fs::read(folder.join(name)).is_ok_and(|there| there == *bytes);
    if !ASSETS.iter().all(same) {
        replace_folder(folder, ASSETS.iter().copied())?;
    }
    Ok(folder.to_path_buf())
}

/// Writes `files` into a new folder beside `destination`, which takes its place at once.
///
/// # Errors
/// [`FileError`] names the path that could not be written.
pub fn replace_folder<'a>(
    destination: &Path,
    files: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), FileError> {
    let parent = match destination.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(FileError::of(parent))?;
    let failed = |refusal: locus_files::Refusal| FileError::of(destination)(refusal.into());
    let fresh = FolderDraft::replacing(destination).map_err(failed)?;
    for (name, bytes) in files {
        fresh.write(name, bytes).map_err(FileError::of(destination.join(name)))?;
    }
    fresh.replace().map_err(failed)
}
