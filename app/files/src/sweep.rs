//! Temporary names: how they look, who holds them, and what becomes of those that nobody holds any more.

use crate::refusal::Refusal;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

/// A name is `.locus-`, which target it is for, `-`, random letters, `.part`.
const BEGIN: &str = ".locus-";
const END: &str = ".part";
/// Hexadecimal digits that say which target it is for.
const DIGITS: usize = 16;
/// Random letters and digits.
pub const RANDOM: usize = 12;
/// What is younger may be one that is not locked yet.
const OLD: Duration = Duration::from_secs(60);
/// How long another program may take to make its temporary file.
const PATIENCE: Duration = Duration::from_secs(2);

/// The beginning of the temporary names for a target.
pub fn prefix(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default().as_encoded_bytes();
    let hash: String = Sha256::digest(name).iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    format!("{BEGIN}{hash}-")
}

/// The end of temporary names.
pub const fn suffix() -> &'static str {
    END
}

/// Whether a name is one of these.
fn is_ours(name: &OsStr) -> bool {
    let text = name.to_str().and_then(|name| name.strip_prefix(BEGIN)?.strip_suffix(END));
    text.and_then(|text| text.split_once('-')).is_some_and(|(hash, random)| {
        hash.len() == DIGITS
            && random.len() == RANDOM
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Makes a temporary file or folder, locked, while no other program makes one in the folder; then looks at the others
/// there. Those that nobody holds are removed. Where the target must be this program's alone, one that is held for it is
/// a refusal.
///
/// # Errors
/// Those of `make`; another program writes the target.
pub fn claim<T>(
    target: &Path,
    folder: &Path,
    alone: bool,
    make: impl FnOnce() -> io::Result<(T, File, PathBuf)>,
) -> Result<(T, File), Refusal> {
    if !folder.is_dir() {
        return Err(Refusal::NoFolder);
    }
    let turn = Turn::take(folder);
    let (made, lock, own) = make()?;
    match lock.try_lock() {
        // some network file systems have no locks
        Ok(()) | Err(TryLockError::Error(_)) => {}
        Err(TryLockError::WouldBlock) => return Err(Refusal::Busy),
    }
    let prefix = prefix(target);
    for entry in folder.read_dir()?.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        if !is_ours(&name) || Some(name.as_os_str()) == own.file_name() {
            continue;
        }
        let held = look(&path);
        if held && alone && name.as_encoded_bytes().starts_with(prefix.as_bytes()) {
            return Err(Refusal::Busy);
        }
    }
    drop(turn);
    Ok((made, lock))
}

/// Whether somebody holds a temporary file or folder; removes it where nobody does any more.
fn look(path: &Path) -> bool {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let Ok(file) = opened else { return false };
    let Ok(about) = file.metadata() else { return false };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return true,
        // nobody can tell
        Err(TryLockError::Error(_)) => return false,
    }
    let age = about.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
    if about.uid() == rustix::process::geteuid().as_raw() && age.is_some_and(|age| age >= OLD) {
        // a link is not followed: it could not be opened above
        let _ = if about.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    }
    false
}

/// The right to make temporary files in a folder, for a moment.
struct Turn {
    _folder: Option<File>,
}

impl Turn {
    /// Waits for it, but not for ever: whoever may read the folder can hold it.
    fn take(folder: &Path) -> Self {
        // a draft is its program's alone, which holds it already
        if folder.file_name().is_some_and(is_ours) {
            return Self { _folder: None };
        }
        let Ok(opened) = File::open(folder) else { return Self { _folder: None } };
        let step = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        while matches!(opened.try_lock(), Err(TryLockError::WouldBlock)) && waited < PATIENCE {
            thread::sleep(step);
            waited += step;
        }
        Self { _folder: Some(opened) }
    }
}

/// Has the system keep the names in a folder.
///
/// # Errors
/// The system cannot keep them.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // some file systems keep names without being told, and refuse to be
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_ours, prefix};
    use std::ffi::OsStr;
    use std::path::Path;

    #[test]
    fn only_names_of_the_pattern_are_ours() {
        let whole = format!("{}abcDEF123456.part", prefix(Path::new("a/x.csv")));
        assert!(is_ours(OsStr::new(&whole)), "{whole}");
        for other in [".locus-x.part", "locus.part", ".part", &whole[1..], &whole.replace(".part", ".par"), "x.csv"] {
            assert!(!is_ours(OsStr::new(other)), "{other}");
        }
        let one = |name: &str| prefix(Path::new(name));
        assert!(one("a/x.csv") == one("b/x.csv") && one("x.csv") != one("y.csv"));
    }
}
