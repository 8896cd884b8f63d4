//! Inputs that a fault was found with, kept so that it can be looked into.

use locus_end_to_end::program;
use std::path::PathBuf;

/// Keeps an input and says where.
pub fn keep(name: &str, bytes: &[u8], arguments: &[String]) -> String {
    let folder = program().parent().map(|folder| folder.join("torture-faults")).unwrap_or_default();
    let name: String =
        name.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).take(90).collect();
    let file: PathBuf = folder.join(name);
    match std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, bytes)) {
        Ok(()) => format!("locus {} (input kept: {})", arguments.join(" "), file.display()),
        Err(error) => format!("locus {} (input not kept: {error})", arguments.join(" ")),
    }
}
