//! How much room there is for a ledger.

use std::path::Path;

/// Bytes that are free for this user where a folder is, or is going to be; 0 where that cannot be told.
#[must_use]
pub fn free_space(folder: &Path) -> u64 {
    let there = folder.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    rustix::fs::statvfs(there).map_or(0, |about| about.f_bavail.saturating_mul(about.f_frsize))
}
