//! A file that is being written, under a name of its own until it is whole.

use crate::refusal::Refusal;
use crate::sweep::{RANDOM, claim, prefix, suffix, sync_folder};
use crate::target::{Target, folder_of};
use std::fs::{File, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Names that are tried for a new file at most.
const MOST_ALIKE: usize = 1000;

/// A file that is being written in the folder of its target. Dropped before [`Draft::commit`] it is gone, and what was
/// there before stays.
#[derive(Debug)]
pub struct Draft {
    file: NamedTempFile,
    target: Target,
    /// Held as long as the draft is there.
    _lock: File,
}

impl Draft {
    /// A draft of what several programs may write at once, and whoever is last leaves.
    ///
    /// # Errors
    /// The target is none, or its folder cannot be written to.
    pub fn new(target: &Path) -> Result<Self, Refusal> {
        Self::make(target, false)
    }

    /// A draft of what one program writes at a time.
    ///
    /// # Errors
    /// Those of [`Draft::new`]; another program writes the target.
    pub fn exclusive(target: &Path) -> Result<Self, Refusal> {
        Self::make(target, true)
    }

    fn make(named: &Path, alone: bool) -> Result<Self, Refusal> {
        let target = Target::of(named)?;
        let folder = folder_of(&target.path);
        let (file, lock) = claim(&target.path, &folder, alone, || {
            let file = Builder::new()
                .prefix(&prefix(&target.path))
                .suffix(suffix())
                .rand_bytes(RANDOM)
                // less what the user takes away from all
                .permissions(Permissions::from_mode(0o666))
                .tempfile_in(&folder)?;
            let lock = file.as_file().try_clone()?;
            let own = file.path().to_owned();
            Ok((file, lock, own))
        })?;
        Ok(Self { file, target, _lock: lock })
    }

    /// Its name until then, for a library that wants one to write to.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Gives it its name, in the place of what has it, once the system has its contents.
    ///
    /// # Errors
    /// The system cannot keep it; what was there before stays.
    pub fn commit(self) -> Result<(), Refusal> {
        let Self { file, target, _lock } = self;
        if let Some(permissions) = &target.permissions {
            file.as_file().set_permissions(permissions.clone())?;
        }
        file.as_file().sync_all()?;
        file.persist(&target.path).map_err(|failed| failed.error)?;
        Ok(sync_folder(&folder_of(&target.path))?)
    }

    /// Gives it its name where nothing has it.
    ///
    /// # Errors
    /// Something has it; the system cannot keep it.
    pub fn commit_new(self) -> Result<(), Refusal> {
        let Self { file, target, _lock } = self;
        file.as_file().sync_all()?;
        file.persist_noclobber(&target.path).map_err(|failed| match failed.error.kind() {
            io::ErrorKind::AlreadyExists => Refusal::Exists,
            _ => Refusal::Io(failed.error),
        })?;
        Ok(sync_folder(&folder_of(&target.path))?)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

impl Seek for Draft {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.as_file_mut().seek(position)
    }
}

/// Writes a whole file; what was there before stays until then.
///
/// # Errors
/// The target is none, or the system cannot keep it.
pub fn write(target: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    let mut draft = Draft::new(target)?;
    draft.write_all(bytes)?;
    draft.commit()
}

/// Writes a whole file that is not there yet.
///
/// # Errors
/// It is there; the target is none, or the system cannot keep it.
pub fn write_new(target: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    if target.symlink_metadata().is_ok() {
        return Err(Refusal::Exists);
    }
    let mut draft = Draft::new(target)?;
    draft.write_all(bytes)?;
    draft.commit_new()
}

/// The same under this name, or one like it where something has that: `x-2.csv` for `x.csv`. Returns the name.
///
/// # Errors
/// Those of [`write_new`]; a thousand such names are taken.
pub fn write_like(target: &Path, bytes: &[u8]) -> Result<PathBuf, Refusal> {
    let stem = target.file_stem().unwrap_or_default().to_string_lossy();
    let ending = target.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    let others = (2..MOST_ALIKE).map(|number| target.with_file_name(format!("{stem}-{number}{ending}")));
    for path in std::iter::once(target.to_owned()).chain(others) {
        match write_new(&path, bytes) {
            Err(Refusal::Exists) => {}
            other => return other.map(|()| path),
        }
    }
    Err(Refusal::Exists)
}
