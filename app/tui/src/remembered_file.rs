//! The file of what the next start takes over.

use crate::state::Remembered;
use std::io;
use std::path::Path;

/// Bytes of a file that are read at most.
const LARGEST: u64 = 64 << 20;

/// Reads the file; `None` where there is none yet.
///
/// # Errors
/// One sentence: it cannot be read, or holds something else.
pub fn read(file: &Path) -> Result<Option<Remembered>, String> {
    let text = match locus_files::text(file, LARGEST) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: cannot be read ({error})", file.display())),
    };
    serde_json::from_str(&text).map(Some).map_err(|error| {
        format!("{}: cannot be parsed ({error}); the workbench starts with its defaults", file.display())
    })
}

/// Writes the file, whole or not at all.
///
/// # Errors
/// Those of the file system.
pub fn write(file: &Path, remembered: &Remembered) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let bytes = serde_json::to_vec(remembered).map_err(io::Error::other)?;
    Ok(locus_files::write(file, &bytes)?)
}
