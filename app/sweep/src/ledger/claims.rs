//! Who is at which cells. A claim is a file that only one program can make; one of a worker that died is taken over by
//! making the next: `GROUP.1`, `GROUP.2`, … Whoever made the highest has it.

use crate::error::{Error, Result};
use locus_files::Refusal;
use std::path::{Path, PathBuf};

/// Take-overs of one group at most.
const MOST: u32 = 10_000;
/// Bytes of a claim at most.
const LARGEST: u64 = 1 << 12;

/// A group of cells that this program is at, until it is dropped. Its rows are written before that.
#[derive(Debug)]
pub struct Claim {
    /// The files, the lowest first: they go in this order, so that whoever finds a low one gone makes that anew.
    files: Vec<PathBuf>,
}

impl Claim {
    /// Whether it was taken over from a worker that died.
    #[must_use]
    pub fn is_taken_over(&self) -> bool {
        self.files.len() > 1
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Claims a group for `worker`, unless one that lives has it.
pub fn claim(folder: &Path, group: &str, worker: &str, is_dead: &dyn Fn(&str) -> bool) -> Result<Option<Claim>> {
    let file = |number: u32| folder.join("claims").join(format!("{group}.{number}"));
    let mut files = Vec::new();
    let mut holders: Vec<String> = Vec::new();
    for number in 1..=MOST {
        let path = file(number);
        match locus_files::write_new(&path, worker.as_bytes()) {
            Ok(()) => {
                files.push(path);
                let stands = files
                    .iter()
                    .zip(&holders)
                    .all(|(file, holder)| locus_files::text(file, LARGEST).is_ok_and(|now| now == *holder));
                if stands {
                    return Ok(Some(Claim { files }));
                }
                // the lower ones were given back, or made anew, since they were looked at
                let _ = std::fs::remove_file(&files[files.len() - 1]);
                return Ok(None);
            }
            Err(Refusal::Exists) => {
                let holder = match locus_files::text(&path, LARGEST) {
                    Ok(holder) => holder,
                    // it was given back just now: those rows are there, and are looked for again
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                    Err(source) => return Err(Error::Read { path, source }),
                };
                if holder != worker && !is_dead(&holder) {
                    return Ok(None);
                }
                files.push(path);
                holders.push(holder);
            }
            Err(refusal) => return Err(Error::written(&path)(refusal)),
        }
    }
    Ok(None)
}

/// Takes away the claims of workers that died: what they were at is done.
pub fn tidy(folder: &Path, is_dead: &dyn Fn(&str) -> bool) {
    let Ok(entries) = std::fs::read_dir(folder.join("claims")) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_claim = path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'));
        if is_claim && locus_files::text(&path, LARGEST).is_ok_and(|holder| is_dead(&holder)) {
            let _ = std::fs::remove_file(&path);
        }
    }
}
