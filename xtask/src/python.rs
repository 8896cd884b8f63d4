//! Python programs, in virtual environments of their own.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// A Python with the packages that a file lists, in an environment that is made where it is not there yet; `LOCUS_PYTHON`
/// names one that has them instead.
pub fn with(environment: &Path, packages: &Path) -> Result<OsString> {
    Ok(match std::env::var_os("LOCUS_PYTHON") {
        Some(python) => python,
        None => {
            let python = environment.join("bin/python");
            if !python.exists() {
                run(Command::new("python3").args(["-m", "venv"]).arg(environment))?;
            }
            run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(packages))?;
            python.into()
        }
    })
}

/// Runs a program, whose failure is one.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{} failed", command.get_program().display());
    }
    Ok(())
}
