//! The file of what the next start takes over.

use crate::state::Remembered;
use std::io;
use std::path::Path;

/// Reads the file; `None` where there is none yet.
///
/// # Errors
/// One sentence: it cannot be read, or holds something else.
pub fn read(file: &Path) -> Result<Option<Remembered>, String> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: cannot be read ({error})", file.display())),
    };
    serde_json::from_str(&text).map(Some).map_err(|error| {
        format!("{}: is not what the workbench wrote ({error}); it begins with its defaults", file.display())
    })
}

/// Writes the file under a temporary name first.
///
/// # Errors
/// Those of the file system.
pub fn write(file: &Path, remembered: &Remembered) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let temporary = file.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&temporary, serde_json::to_vec_pretty(remembered).map_err(io::Error::other)?)?;
    std::fs::rename(&temporary, file)
}
