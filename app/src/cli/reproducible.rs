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
        common.reproducible = preference(&Places::find()?)?.reproducible;
    }
    Ok(common)
}

/// What the workbench starts with.
///
/// # Errors
/// The user's own file cannot be read.
pub fn preference(places: &Places) -> Result<Preference, Failure> {
    Ok(Preference::of_user(&places.config.join("workbench.toml"))?)
}
