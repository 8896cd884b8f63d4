//! `--reproducible`, as a flag or as a setting of the workbench.

use crate::cli::Failure;
use crate::cli::arguments::Common;
use locus_records::{Places, Preference};

/// The flags with the mode in them where the workbench's settings ask for it.
///
/// # Errors
/// Settings that cannot be read.
pub fn settle(mut common: Common, opens_workbench: bool) -> Result<Common, Failure> {
    if opens_workbench && !common.reproducible {
        common.reproducible = preference(&common)?.reproducible;
    }
    Ok(common)
}

/// What the workbench starts with: what ships, the user's own file over it, and --config over both.
///
/// # Errors
/// A file cannot be read, or holds something else.
pub fn preference(common: &Common) -> Result<Preference, Failure> {
    let own = Preference::of_user(&Places::find()?.config.join("workbench.toml"))?;
    match &common.config {
        None => Ok(own),
        Some(file) => own.with(file).map_err(|error| Failure::usage(format!("--config {error}"))),
    }
}
