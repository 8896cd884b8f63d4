//! What grows: files by whole lines, and whatever is written to as things come.

use crate::refusal::{Refusal, kind};
use crate::sweep::sync_folder;
use crate::target::folder_of;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
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

/// Gives a file that has grown under another name in the same folder its own, once the system has its contents.
///
/// # Errors
/// The system cannot keep it; it stays under the other name.
pub fn settle(file: File, grown: &Path, target: &Path) -> Result<(), Refusal> {
    file.sync_all()?;
    std::fs::rename(grown, target)?;
    Ok(sync_folder(&folder_of(target))?)
}

/// Opens what grows as things come: a file, which is made where it is not there, or a pipe or device as it is.
///
/// # Errors
/// It is a folder or a socket; nobody reads from the pipe; it cannot be opened.
pub fn stream(path: &Path) -> Result<File, Refusal> {
    if path.is_dir() {
        return Err(Refusal::Folder);
    }
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = File::options().append(true).create(true).custom_flags(flags).open(path);
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            let about = path.metadata()?.file_type();
            return Err(if about.is_fifo() { Refusal::NoReader } else { Refusal::Special(kind(about)) });
        }
        other => other?,
    };
    // waits for its reader from now on
    let flags = rustix::fs::fcntl_getfl(&file).map_err(io::Error::from)?;
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK).map_err(io::Error::from)?;
    Ok(file)
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
