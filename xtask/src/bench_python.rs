//! Times the heat map of a folder that Locus makes in TransformerLens and in nnsight, in a virtual environment of their own.

use crate::python;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

/// Has the benchmark write a folder with its heat map, and the libraries make the same one cell by cell. The environment is
/// made in `target/bench-python` where it is not there yet; `LOCUS_PYTHON` names a Python that has the libraries instead. What
/// stands behind the task is for the benchmark: `--layers`, `--hidden`, `--vocabulary`, `--repeats`.
pub fn compare(root: &Path, target: &Path, more: impl Iterator<Item = String>) -> Result<()> {
    let (place, sources) = (target.join("bench-python"), root.join("app/benchmark/python"));
    let python = python::with(&place.join("environment"), &sources.join("requirements.txt"))?;
    let work = place.join("work");
    if work.exists() {
        std::fs::remove_dir_all(&work).with_context(|| format!("cannot empty {}", work.display()))?;
    }
    let mut benchmark = Command::new(target.join("release/locus-benchmark"));
    python::run(benchmark.args(["--threads", "1", "--for-python"]).arg(&work).args(more))?;
    python::run(Command::new(python).arg(sources.join("heat_map.py")).arg(&work))
}
