//! The place that a file is written to: where links lead, and what is there.

use crate::refusal::{Refusal, kind};
use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Links that are followed one after the other.
const MOST_LINKS: usize = 40;
/// Bits of a folder in which everybody may make files and nobody may take away another's.
const STICKY: u32 = 0o1000;
const WRITABLE_BY_ALL: u32 = 0o002;

/// Where a file goes.
#[derive(Debug)]
pub struct Target {
    /// The file itself; links have been followed.
    pub path: PathBuf,
    /// The permissions of the file that is there, which the new one gets.
    pub permissions: Option<Permissions>,
}

impl Target {
    /// Follows links, as a shell does that writes to them: the link stays and the file behind it is replaced. A link in a
    /// folder of all users (`/tmp`) is followed only where it is the user's or the folder owner's own.
    ///
    /// # Errors
    /// A folder, a pipe, a device, a read-only file; another user's link; a path that cannot be looked at.
    pub fn of(named: &Path) -> Result<Self, Refusal> {
        let ends_in_slash = named.as_os_str().as_encoded_bytes().ends_with(b"/");
        if named.file_name().is_none() || named == Path::new("-") {
            return Err(if named.is_dir() { Refusal::Folder } else { Refusal::NoName });
        }
        if ends_in_slash {
            return Err(Refusal::Folder);
        }
        // links to pipes lead to names that are none
        if let Ok(there) = named.metadata()
            && !there.is_file()
            && !there.is_dir()
        {
            return Err(Refusal::Special(kind(there.file_type())));
        }
        let mut path = named.to_owned();
        for _ in 0..MOST_LINKS {
            let there = match path.symlink_metadata() {
                Ok(there) => there,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self { path, permissions: None }),
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(Refusal::NoFolder),
                Err(error) => return Err(Refusal::Io(error)),
            };
            if there.is_dir() {
                return Err(Refusal::Folder);
            }
            if there.is_file() {
                let permissions = there.permissions();
                let writable = !permissions.readonly();
                let permissions = Some(Permissions::from_mode(permissions.mode() & 0o777));
                return if writable { Ok(Self { path, permissions }) } else { Err(Refusal::ReadOnly) };
            }
            let folder = folder_of(&path);
            if !may_follow(&there, &folder.metadata()?) {
                return Err(Refusal::ForeignLink);
            }
            path = folder.join(path.read_link()?);
            if path.file_name().is_none() {
                return Err(Refusal::Folder);
            }
        }
        Err(Refusal::Io(io::Error::other("too many symbolic links in a row")))
    }
}

/// The folder that a path lies in.
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// What Linux calls `protected_symlinks`.
fn may_follow(link: &Metadata, folder: &Metadata) -> bool {
    let of_all_users = folder.mode() & (STICKY | WRITABLE_BY_ALL) == STICKY | WRITABLE_BY_ALL;
    let own = link.uid() == rustix::process::geteuid().as_raw();
    !of_all_users || own || link.uid() == folder.uid()
}
