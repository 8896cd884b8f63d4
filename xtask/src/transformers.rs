//! Compares with the libraries that checkpoints are written for, in a virtual environment of their own.

use crate::python::{self, run};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// Checks exported folders. The environment is made in `target/transformers` where it is not there yet; `LOCUS_PYTHON` names
/// a Python that has the libraries instead.
pub fn check(root: &Path, target: &Path) -> Result<()> {
    let python = python(root, target)?;
    let work = target.join("transformers/work");
    if work.exists() {
        std::fs::remove_dir_all(&work).with_context(|| format!("cannot empty {}", work.display()))?;
    }
    let programs = ["release/locus", "release/examples/logits"].map(|name| target.join(name));
    run(Command::new(python).arg(root.join("tests/transformers/check.py")).args(programs).arg(&work))
}

/// Runs checkpoints of every family, option and layout, and writes what comes of it into docs/models.md.
pub fn models(root: &Path, target: &Path) -> Result<()> {
    let work = target.join("transformers/models");
    if work.exists() {
        std::fs::remove_dir_all(&work).with_context(|| format!("cannot empty {}", work.display()))?;
    }
    std::fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
    let program = target.join("release/examples/logits");
    run(Command::new(python(root, target)?).arg(root.join("tests/transformers/models.py")).arg(program).arg(&work))
}

/// Makes the expected tokens in `tests/tokenizers` and the table of docs/tokenizers.md; `more` may be `--anew`, which
/// trains the small tokenizers again.
pub fn tokenizers(root: &Path, target: &Path, more: impl Iterator<Item = String>) -> Result<()> {
    let script = root.join("tests/transformers/golden_tokenizers.py");
    let program = target.join("release/examples/tokens");
    run(Command::new(python(root, target)?).arg(script).arg(program).args(more))
}

/// A Python with the libraries.
fn python(root: &Path, target: &Path) -> Result<OsString> {
    python::with(&target.join("transformers/environment"), &root.join("tests/transformers/requirements.txt"))
}
