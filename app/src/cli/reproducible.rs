//! `--reproducible`: the program starts itself anew in the environment that the mode needs.

use crate::cli::Failure;
use crate::cli::arguments::Common;
use crate::cli::places::Places;
use locus_records::{Preference, reproducible};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The flags with the mode in them where the workbench's settings ask for it. Where the mode is asked for and this
/// process was not started for it, it becomes one that is: same process number, same arguments.
///
/// # Errors
/// Settings that cannot be read; the program cannot be started again.
pub fn settle(mut common: Common, opens_workbench: bool) -> Result<Common, Failure> {
    if opens_workbench && !common.reproducible {
        common.reproducible = preference(&Places::find()?)?.reproducible;
    }
    if !common.reproducible || reproducible::is_on() {
        return Ok(common);
    }
    let failed =
        |error| Failure::failed(format!("--reproducible: the program cannot be started again for it ({error})"));
    let mut again = Command::new(std::env::current_exe().map_err(failed)?);
    again.args(std::env::args_os().skip(1));
    reproducible::prepare(&mut again);
    Err(failed(again.exec()))
}

/// What the workbench starts with.
///
/// # Errors
/// The user's own file cannot be read.
pub fn preference(places: &Places) -> Result<Preference, Failure> {
    Ok(Preference::of_user(&places.config.join("workbench.toml"))?)
}
