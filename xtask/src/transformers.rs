//! Checks exported folders with the libraries that they are written for, in a virtual environment of their own.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Makes the environment in `target/transformers` where it is not there yet, and runs the check with it.
/// `LOCUS_PYTHON` names a Python that has the libraries instead.
pub fn check(root: &Path, target: &Path) -> Result<()> {
    let place = target.join("transformers");
    let folder = root.join("tests/transformers");
    let python = match std::env::var_os("LOCUS_PYTHON") {
        Some(python) => python.into(),
        None => {
            let environment = place.join("environment");
            let python = environment.join("bin/python");
            if !python.exists() {
                run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
            }
            let packages = folder.join("requirements.txt");
            run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(packages))?;
            python
        }
    };
    let work = place.join("work");
    if work.exists() {
        std::fs::remove_dir_all(&work).with_context(|| format!("cannot empty {}", work.display()))?;
    }
    let programs = ["release/locus", "release/examples/logits"].map(|name| target.join(name));
    run(Command::new(python).arg(folder.join("check.py")).args(programs).arg(&work))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{} failed", command.get_program().display());
    }
    Ok(())
}
