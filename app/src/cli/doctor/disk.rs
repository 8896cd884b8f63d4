//! Folders, what is left on their disks, and what lies in them.

use super::Findings;
use crate::cli::tables::bytes;
use locus_records::Places;
use std::path::{Path, PathBuf};

/// Entries of a folder that are counted at most.
const MOST: usize = 100_000;

/// Folders with the room on their disks, and the sizes of what is kept.
pub fn findings(places: &Places) -> Findings {
    let folder = |path: &Path| path.display().to_string();
    let moments = places.cache.join("second-moments");
    let mut findings = vec![
        ("cache", folder(&places.cache)),
        ("cache's disk", room(&places.cache)),
        ("second moments", size(&moments)),
        ("built-in model", size(&places.cache.join("built-in-model"))),
        ("user's settings", folder(&places.config)),
        ("user's plugins", folder(&places.plugins)),
        ("state", folder(&places.state)),
        ("state's disk", room(&places.state)),
        ("edits", size(&places.state.join("deltas"))),
    ];
    let journals: Vec<PathBuf> = places.journals().into_iter().filter(|file| file.is_file()).collect();
    let total = journals.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    findings.push(("journals", format!("{} in {}", bytes(total), locus_protocol::counted(journals.len(), "file"))));
    findings.push(("sweeps", size(&places.sweeps)));
    findings
}

/// What is left on the disk of a folder, or of the one in which it would be made.
fn room(folder: &Path) -> String {
    let Some(there) = folder.ancestors().find(|folder| folder.is_dir()) else { return "unknown".to_owned() };
    match rustix::fs::statvfs(there) {
        Ok(disk) => format!(
            "{} of {} free",
            bytes(disk.f_bavail.saturating_mul(disk.f_frsize)),
            bytes(disk.f_blocks.saturating_mul(disk.f_frsize))
        ),
        Err(error) => format!("unknown ({error})"),
    }
}

/// How much lies in a folder and those in it; links are not followed.
fn size(folder: &Path) -> String {
    let (mut files, mut total) = (0, 0);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(entry.path()),
                Ok(about) => (files, total) = (files + 1, total + about.len()),
                Err(_) => {}
            }
            if files > MOST {
                return format!("more than {} in {MOST} files", bytes(total));
            }
        }
    }
    if files == 0 {
        "none".to_owned()
    } else {
        format!("{} in {}", bytes(total), locus_protocol::counted(files, "file"))
    }
}
