//! A folder that is being written, under a name of its own until all its files are whole.

use crate::refusal::Refusal;
use crate::sweep::{RANDOM, claim, prefix, suffix, sync_folder};
use crate::target::folder_of;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::{Builder, TempDir};

/// A folder that is being written beside its target. Dropped before it is committed it is gone with all that is in it.
#[derive(Debug)]
pub struct FolderDraft {
    folder: TempDir,
    target: PathBuf,
    /// Held as long as the draft is there.
    _lock: File,
}

impl FolderDraft {
    /// A folder that is not there yet, written by one program at a time.
    ///
    /// # Errors
    /// It is there; another program writes it; the folder around it cannot be written to.
    pub fn new(target: &Path) -> Result<Self, Refusal> {
        if target.symlink_metadata().is_ok() {
            return Err(Refusal::Exists);
        }
        Self::make(target, true)
    }

    /// A folder that takes the place of one that may be there.
    ///
    /// # Errors
    /// The folder around it cannot be written to.
    pub fn replacing(target: &Path) -> Result<Self, Refusal> {
        Self::make(target, false)
    }

    fn make(target: &Path, alone: bool) -> Result<Self, Refusal> {
        if target.file_name().is_none() || target == Path::new("-") {
            return Err(Refusal::NoName);
        }
        let around = folder_of(target);
        let (folder, lock) = claim(target, &around, alone, || {
            let folder = Builder::new()
                .prefix(&prefix(target))
                .suffix(suffix())
                .rand_bytes(RANDOM)
                .permissions(Permissions::from_mode(0o777))
                .tempdir_in(&around)?;
            let lock = File::open(folder.path())?;
            let own = folder.path().to_owned();
            Ok((folder, lock, own))
        })?;
        Ok(Self { folder, target: target.to_owned(), _lock: lock })
    }

    /// The folder until then.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the folder, which is new; folders on the way to it are made. The system keeps it once the folder is
    /// committed.
    ///
    /// # Errors
    /// The system cannot keep it.
    pub fn write(&self, name: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
        self.create(name)?.write_all(bytes)
    }

    /// The same for a file that is written bit by bit.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let place = self.path().join(name);
        if let Some(parent) = place.parent() {
            std::fs::create_dir_all(parent)?;
        }
        File::create_new(place)
    }

    /// Gives it its name, where nothing has got it meanwhile.
    ///
    /// # Errors
    /// Something has; the system cannot keep it. Nothing is left then.
    pub fn commit(self) -> Result<(), Refusal> {
        sync_all(self.path())?;
        match renameat_with(CWD, self.path(), CWD, &self.target, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(Refusal::Exists),
            // a file system that cannot tell; a folder with files in it is not replaced there either
            Err(Errno::INVAL | Errno::NOSYS) => std::fs::rename(self.path(), &self.target)?,
            Err(error) => return Err(Refusal::Io(error.into())),
        }
        self.keep()
    }

    /// Gives it its name, and removes what had it.
    ///
    /// # Errors
    /// The system cannot keep it; what was there before stays.
    pub fn replace(self) -> Result<(), Refusal> {
        if self.target.symlink_metadata().is_err() {
            return self.commit();
        }
        sync_all(self.path())?;
        match renameat_with(CWD, self.path(), CWD, &self.target, RenameFlags::EXCHANGE) {
            // what is removed with the temporary name now is the old one
            Ok(()) => return Ok(sync_folder(&folder_of(&self.target))?),
            Err(Errno::INVAL | Errno::NOSYS) => {}
            Err(error) => return Err(Refusal::Io(error.into())),
        }
        // the old one steps aside into a folder of its own
        let aside = Self::make(&self.target, false)?;
        let old = aside.path().join("old");
        std::fs::rename(&self.target, &old)?;
        match std::fs::rename(self.path(), &self.target) {
            Ok(()) => self.keep(),
            Err(error) => match std::fs::rename(&old, &self.target) {
                Ok(()) => Err(Refusal::Io(error)),
                Err(worse) => {
                    // it stays where it stepped aside to
                    let _ = aside.folder.keep();
                    let text = format!("{worse}; what was there before is {} now, move it back", old.display());
                    Err(Refusal::Io(std::io::Error::new(worse.kind(), text)))
                }
            },
        }
    }

    /// Takes the temporary name for gone.
    fn keep(self) -> Result<(), Refusal> {
        let Self { folder, target, _lock } = self;
        let _ = folder.keep();
        Ok(sync_folder(&folder_of(&target))?)
    }
}

/// Has the system keep all that is in a folder.
fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.is_dir() { sync_all(&path)? } else { File::open(&path)?.sync_all()? }
    }
    sync_folder(folder)
}
