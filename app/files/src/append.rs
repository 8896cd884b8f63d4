//! Files that grow by whole lines.

use crate::refusal::{Refusal, kind};
use rustix::fs::OFlags;
use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a file to read it and to write at its end; makes it where it is not there. A link is followed.
///
/// # Errors
/// It is a folder, a pipe or a device; it cannot be opened.
pub fn append(path: &Path) -> Result<File, Refusal> {
    if path.is_dir() {
        return Err(Refusal::Folder);
    }
    if path == Path::new("-") || path.file_name().is_none() {
        return Err(Refusal::NoName);
    }
    // a pipe without a writer, or a terminal, is not waited for
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = File::options().read(true).append(true).create(true).custom_flags(flags).open(path);
    // a pipe or a device is told as what it is, whatever the system says of it
    let about = match &opened {
        Ok(file) => file.metadata(),
        Err(_) => path.metadata(),
    };
    if let Ok(about) = about
        && !about.is_file()
    {
        return Err(Refusal::Special(kind(about.file_type())));
    }
    Ok(opened?)
}

/// Takes a file for this program alone, until it is closed.
///
/// # Errors
/// Another program has it.
pub fn alone(file: &File) -> Result<(), Refusal> {
    match file.try_lock() {
        // some network file systems have no locks
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Refusal::Busy),
    }
}
