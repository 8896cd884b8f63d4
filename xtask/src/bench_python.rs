//! Times jobs on folders that Locus makes in Python, in virtual environments of their own: a heat map in TransformerLens and in
//! nnsight, and all jobs in the published code. `LOCUS_PYTHON` names a Python that has the libraries instead.

use crate::python;
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Has the benchmark write folders with their heat maps, and the libraries make the same ones cell by cell. What stands behind
/// the task is for the benchmark: `--layers`, `--hidden`, `--vocabulary`, `--repeats`.
pub fn libraries(root: &Path, target: &Path, more: impl Iterator<Item = String>) -> Result<()> {
    let made = Made::new(root, target, "bench-python", "requirements.txt")?;
    made.hand_over("--for-python", more)?;
    made.run("heat_map.py", &[])
}

/// Has the benchmark write folders with all jobs, and the published code do the same ones: `clones` are clones of its
/// repositories, and what begins with `--` is for the benchmark.
pub fn published(root: &Path, target: &Path, more: impl Iterator<Item = String>) -> Result<()> {
    let mut more = more.peekable();
    let mut clones = Vec::new();
    while let Some(clone) = more.next_if(|text| !text.starts_with("--")) {
        let clone = PathBuf::from(clone);
        ensure!(clone.is_dir(), "there is no folder {}", clone.display());
        clones.push(clone);
    }
    ensure!(
        !clones.is_empty(),
        "name your clones of kmeng01/memit and google/belief-localization: cargo xtask bench-published memit belief-localization"
    );
    let made = Made::new(root, target, "bench-published", "published.txt")?;
    made.hand_over("--for-published", more)?;
    clones.iter().try_for_each(|clone| made.run("published.py", &[clone]))
}

/// An environment of Python, and a folder for what Locus makes.
struct Made {
    python: OsString,
    sources: PathBuf,
    benchmark: PathBuf,
    work: PathBuf,
}

impl Made {
    /// The environment is made in the target folder where it is not there yet; what was handed over before is removed.
    fn new(root: &Path, target: &Path, task: &str, packages: &str) -> Result<Self> {
        let (place, sources) = (target.join(task), root.join("app/benchmark/python"));
        let python = python::with(&place.join("environment"), &sources.join(packages))?;
        let work = place.join("work");
        if work.exists() {
            std::fs::remove_dir_all(&work).with_context(|| format!("cannot empty {}", work.display()))?;
        }
        Ok(Self { python, sources, benchmark: target.join("release/locus-benchmark"), work })
    }

    /// Has the benchmark write the folders, on one thread.
    fn hand_over(&self, flag: &str, more: impl Iterator<Item = String>) -> Result<()> {
        python::run(Command::new(&self.benchmark).args(["--threads", "1", flag]).arg(&self.work).args(more))
    }

    fn run(&self, script: &str, more: &[&PathBuf]) -> Result<()> {
        python::run(Command::new(&self.python).arg(self.sources.join(script)).arg(&self.work).args(more))
    }
}
