//! Who may change a plugin. Its code runs with the rights of the user, so that nobody else may put it there or exchange it.

use crate::error::LoadError;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Set on a folder in which everybody may delete only what is his own.
const STICKY: u32 = 0o1000;

/// Who runs this program.
#[derive(Clone, Copy)]
struct User(u32);

impl User {
    fn now() -> Self {
        Self(rustix::process::geteuid().as_raw())
    }

    /// Who else may write to something of which this is known; `None` for nobody.
    fn other_writer(self, metadata: &Metadata) -> Option<String> {
        self.other_than(metadata.uid(), metadata.gid(), metadata.mode())
    }

    fn other_than(self, owner: u32, group: u32, mode: u32) -> Option<String> {
        // many systems give each user a group of the same number and let it write
        let own_group = group == self.0 && self.0 != 0;
        if owner != self.0 && owner != 0 {
            Some(format!("it belongs to user {owner}"))
        } else if mode & 0o002 != 0 {
            Some("everyone can write to it".to_owned())
        } else if mode & 0o020 != 0 && !own_group {
            Some(format!("group {group} can write to it"))
        } else {
            None
        }
    }
}

/// A folder that is searched for plugins: nobody else may put a file there.
///
/// # Errors
/// [`LoadError::Untrusted`] with who may; a folder that is not there is no fault.
pub(crate) fn folder(folder: &Path) -> Result<(), LoadError> {
    let Ok(metadata) = folder.metadata() else { return Ok(()) };
    match User::now().other_writer(&metadata) {
        Some(reason) => Err(LoadError::Untrusted { place: folder.to_owned(), reason }),
        None => Ok(()),
    }
}

/// The file of a plugin, of which `metadata` is known: nobody else may write to it or exchange it.
///
/// # Errors
/// [`LoadError::Untrusted`] with who may.
pub(crate) fn file(file: &Path, metadata: &Metadata) -> Result<(), LoadError> {
    let user = User::now();
    if let Some(reason) = user.other_writer(metadata) {
        return Err(LoadError::Untrusted { place: file.to_owned(), reason });
    }
    // where it really lies, and where the name that was given does
    let real = file.canonicalize().ok();
    for folder in [Some(file), real.as_deref()].into_iter().flatten().filter_map(Path::parent) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let Ok(metadata) = folder.metadata() else { continue };
        let reason = user.other_writer(&metadata).filter(|_| metadata.mode() & STICKY == 0);
        if let Some(reason) = reason {
            return Err(LoadError::Untrusted { place: folder.to_owned(), reason });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::User;

    #[test]
    fn only_the_user_and_root_may_write() {
        let user = User(1000);
        for (owner, group, mode) in [(1000, 1000, 0o755), (0, 0, 0o755), (1000, 1000, 0o775), (0, 5, 0o644)] {
            assert_eq!(user.other_than(owner, group, mode), None, "{owner} {group} {mode:o}");
        }
        for (owner, group, mode, said) in [
            (1001, 1000, 0o755, "it belongs to user 1001"),
            (1000, 1000, 0o777, "everyone can write to it"),
            (1000, 1000, 0o1777, "everyone can write to it"),
            (0, 5, 0o775, "group 5 can write to it"),
            (1000, 100, 0o664, "group 100 can write to it"),
        ] {
            assert_eq!(user.other_than(owner, group, mode).as_deref(), Some(said));
        }
        assert!(User(0).other_than(0, 0, 0o775).is_some(), "the group of root is no user's own");
    }
}
