//! One file of the cache as it grows: `ETAG.incomplete` until all of it is there and has the hash that the hub says.

use crate::environment::Hub;
use crate::error::{Error, Result};
use crate::id::ModelId;
use crate::layout::Layout;
use crate::remote::{About, PAUSE, Remote};
use locus_files::Refusal;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes that are read at a time.
const PIECE: usize = 256 << 10;
/// How often it is looked whether another program has done with a file.
const GLANCE: Duration = Duration::from_millis(200);

/// What a file is downloaded with.
pub struct Source<'a> {
    pub hub: &'a Hub,
    pub id: &'a ModelId,
    pub remote: &'a Remote<'a>,
    pub layout: &'a Layout,
    pub commit: &'a str,
}

/// A file that is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name in the model.
    pub name: String,
    pub about: About,
}

/// Hears of how many bytes of a file are there, and says whether to go on.
pub type Hear<'a> = &'a mut dyn FnMut(u64) -> bool;

impl Source<'_> {
    pub fn place(&self, wanted: &Wanted) -> PathBuf {
        self.layout.blobs().join(&wanted.about.etag)
    }

    fn incomplete(&self, wanted: &Wanted) -> PathBuf {
        self.layout.blobs().join(format!("{}.incomplete", wanted.about.etag))
    }

    /// Bytes of a file that are still to come.
    pub fn missing(&self, wanted: &Wanted) -> u64 {
        if self.place(wanted).is_file() {
            return 0;
        }
        let there = self.incomplete(wanted).metadata().map_or(0, |about| about.len());
        wanted.about.size.saturating_sub(there)
    }

    /// Has a file in the cache, and a link to it in the snapshot.
    ///
    /// # Errors
    /// It cannot be downloaded, or not be written.
    pub fn fetch(&self, wanted: &Wanted, hear: Hear<'_>) -> Result<()> {
        let _lock = self.lock(wanted, hear)?;
        if !self.place(wanted).is_file() {
            self.grow(wanted, hear)?;
        }
        if !hear(wanted.about.size) {
            return Err(self.stopped());
        }
        self.link(wanted)
    }

    /// Waits until no other program writes the file, `huggingface_hub` neither.
    fn lock(&self, wanted: &Wanted, hear: Hear<'_>) -> Result<File> {
        let folder = self.layout.locks();
        std::fs::create_dir_all(&folder).map_err(|error| Error::write(&folder, error))?;
        let path = folder.join(format!("{}.lock", wanted.about.etag));
        let file = locus_files::append(&path).map_err(Error::refused(&path))?;
        loop {
            match locus_files::alone(&file) {
                Ok(()) => return Ok(file),
                Err(Refusal::Busy) if !hear(0) => return Err(self.stopped()),
                Err(Refusal::Busy) => std::thread::sleep(GLANCE),
                Err(other) => return Err(Error::refused(&path)(other)),
            }
        }
    }

    fn grow(&self, wanted: &Wanted, hear: Hear<'_>) -> Result<()> {
        let path = self.incomplete(wanted);
        let file = locus_files::append(&path).map_err(Error::refused(&path))?;
        let mut growing = Growing { file, path: &path, hash: Sha256::new(), there: 0 };
        growing.take_over(wanted.about.size)?;
        // connections in a row that brought nothing
        let mut idle = 0;
        while growing.there < wanted.about.size {
            let before = growing.there;
            let Err(error) = self.go_on(wanted, &mut growing, hear) else { continue };
            idle = if growing.there > before { 0 } else { idle + 1 };
            if !error.passes() || idle >= self.hub.tries {
                return Err(error);
            }
            if !hear(growing.there) {
                return Err(self.stopped());
            }
            std::thread::sleep(PAUSE);
        }
        growing.check(wanted)?;
        locus_files::settle(growing.file, &path, &self.place(wanted)).map_err(Error::refused(&path))
    }

    /// One connection: what it brings is kept.
    fn go_on(&self, wanted: &Wanted, growing: &mut Growing<'_>, hear: Hear<'_>) -> Result<()> {
        let coming = self.remote.bytes(self.commit, &wanted.name, growing.there)?;
        if coming.begin != growing.there {
            growing.begin_anew()?;
        }
        let mut reader = coming.reader;
        let mut piece = vec![0; PIECE];
        let cut = |there: u64, why: String| Error::Cut {
            file: wanted.name.clone(),
            done: there,
            whole: wanted.about.size,
            why,
        };
        loop {
            let read = match reader.read(&mut piece) {
                Ok(0) if growing.there < wanted.about.size => {
                    return Err(cut(growing.there, "it ended early".to_owned()));
                }
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) => return Err(cut(growing.there, error.to_string())),
            };
            if read as u64 > wanted.about.size - growing.there {
                growing.delete();
                return Err(self.remote.odd(&wanted.name, "more bytes arrived than it has"));
            }
            growing.write(&piece[..read])?;
            if !hear(growing.there) {
                return Err(self.stopped());
            }
        }
    }

    fn stopped(&self) -> Error {
        Error::Stopped { id: self.id.clone() }
    }

    /// A link in the snapshot, relative as those of `huggingface_hub`, so that the cache can be moved.
    fn link(&self, wanted: &Wanted) -> Result<()> {
        let link = self.layout.snapshot(self.commit).join(&wanted.name);
        let to = Path::new("../../blobs").join(&wanted.about.etag);
        if std::fs::read_link(&link).is_ok_and(|there| there == to) {
            return Ok(());
        }
        match std::fs::remove_file(&link) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::write(&link, error)),
            _ => {}
        }
        std::os::unix::fs::symlink(&to, &link).map_err(|error| Error::write(&link, error))
    }
}

/// A file with what has come of it.
struct Growing<'a> {
    file: File,
    path: &'a Path,
    /// Of the bytes that are there.
    hash: Sha256,
    there: u64,
}

impl Growing<'_> {
    /// Counts what an earlier run has left, unless it is more than there can be.
    fn take_over(&mut self, size: u64) -> Result<()> {
        let left = self.file.metadata().map_err(|error| Error::write(self.path, error))?.len();
        if left > size {
            return self.begin_anew();
        }
        self.file.rewind().map_err(|error| Error::write(self.path, error))?;
        let mut piece = vec![0; PIECE];
        loop {
            match self.file.read(&mut piece).map_err(|error| Error::write(self.path, error))? {
                0 => return Ok(()),
                read => {
                    self.hash.update(&piece[..read]);
                    self.there += read as u64;
                }
            }
        }
    }

    fn begin_anew(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(|error| Error::write(self.path, error))?;
        (self.hash, self.there) = (Sha256::new(), 0);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| Error::write(self.path, error))?;
        self.hash.update(bytes);
        self.there += bytes.len() as u64;
        Ok(())
    }

    fn delete(&self) {
        // the error that follows says that it is to be downloaded anew, which a file that stays is no trouble for
        let _ = std::fs::remove_file(self.path);
    }

    fn check(&mut self, wanted: &Wanted) -> Result<()> {
        let Some(said) = wanted.about.sha256() else { return Ok(()) };
        let found: String =
            std::mem::take(&mut self.hash).finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if found.eq_ignore_ascii_case(said) {
            return Ok(());
        }
        self.delete();
        Err(Error::Hash { file: wanted.name.clone(), found, said: said.to_owned() })
    }
}
