//! Files that are needed for a moment.

use std::io::{self, Write};
use std::path::Path;
use tempfile::{Builder, TempPath};

/// A copy of bytes in a folder, under a random name that only this user reads; gone when it is dropped.
///
/// # Errors
/// The folder cannot be written to.
pub fn scratch(folder: &Path, prefix: &str, suffix: &str, bytes: &[u8]) -> io::Result<TempPath> {
    let mut file = Builder::new().prefix(prefix).suffix(suffix).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.flush()?;
    Ok(file.into_temp_path())
}
