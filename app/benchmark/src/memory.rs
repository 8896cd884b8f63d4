//! Memory of one ROME edit on the 124M shape beyond the model, in a process of its own.

use crate::{methods, shape};
use anyhow::{Context, Result, ensure};
use locus_engine::model::Model;
use locus_engine::moments::SecondMoments;
use procfs::process::Process;
use std::path::Path;
use std::process::Command;
use tch::{Device, Kind};

const LAYERS: i64 = 12;
const HIDDEN: i64 = 768;
const VOCABULARY: i64 = 50_257;
/// The file of second moments in the model's folder.
const MOMENTS: &str = "made-up.safetensors";
/// What an edit may take beside the model and the moments of its layer, as a share of both.
const BESIDE: f64 = 0.15;

/// Has two processes edit the same model, the first of which leaves the factor beside the second moments.
///
/// # Errors
/// The disk has no room, or a process fails.
pub fn compare() -> Result<()> {
    let folder = tempfile::tempdir()?;
    shape::write(folder.path(), LAYERS, HIDDEN, VOCABULARY)?;
    let model = Model::load(folder.path(), Device::Cpu, Kind::Float)?;
    methods::made_up(&model)?.write(&folder.path().join(MOMENTS))?;
    drop(model);
    println!("{:<44} {:>9} {:>11} {:>13} {:>9}", "one ROME edit", "model", "its moments", "beyond model", "allowed");
    for what in ["whose layer was never factored", "with the factor beside the moments"] {
        let mut again = Command::new(std::env::current_exe()?);
        let output = again.arg("--memory-only").arg(folder.path()).args(["--threads", "1"]).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        print!("{what:<44} {}", String::from_utf8(output.stdout)?);
    }
    Ok(())
}

/// Edits once and prints what that took, for [`compare`].
///
/// # Errors
/// The edit fails.
pub fn once(folder: &Path) -> Result<()> {
    let model = Model::load(folder, Device::Cpu, Kind::Float)?;
    let layer = model.architecture.layers / 3;
    let weights = 4.0 * model.parameter_count() as f64;
    let moments = 4.0 * (model.architecture.inner as f64).powi(2);
    let editing = methods::Editing::new(&model, SecondMoments::open(&folder.join(MOMENTS), Device::Cpu)?)?;
    let unknown = "the system does not tell the resident memory";
    let status = || -> Result<_> { Ok(Process::myself()?.status()?) };
    // what loading has left does not count as the model
    locus_allocator::trim();
    let before = status()?.vmrss.context(unknown)?;
    // the greatest from now on
    std::fs::write("/proc/self/clear_refs", "5")?;
    editing.rome_once(layer)?;
    let peak = status()?.vmhwm.context(unknown)?;
    let beyond = peak.saturating_sub(before) as f64 * 1024.0;
    let allowed = moments + BESIDE * (weights + moments);
    let megabytes = [weights, moments, beyond, allowed].map(|bytes| bytes / 1e6);
    let [weights, moments, beyond, allowed] = megabytes;
    println!("{weights:>6.0} MB {moments:>8.1} MB {beyond:>10.1} MB {allowed:>6.1} MB");
    Ok(())
}
