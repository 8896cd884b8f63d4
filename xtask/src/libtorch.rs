//! Finds libtorch 2.11 or fetches it, and leaves it in `.libtorch/torch`.
//!
//! Order: `LIBTORCH` where the user set it; a Python on the PATH whose torch is
//! 2.11 (the usual GPU node, CUDA included); otherwise the CPU part of the
//! published wheels.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const VERSION: &str = "2.11.";
/// Wheels of the CPU-light layout. libtorch_cpu of a CUDA wheel links the CUDA
/// run time and CUPTI, so those two small packages are needed on every machine.
const WHEELS: [&str; 3] = ["torch==2.11.0", "nvidia-cuda-runtime==13.0.*", "nvidia-cuda-cupti==13.0.*"];
const FETCH: &str = include_str!("fetch_wheels.py");
const EXTRACT: &str = include_str!("extract_wheels.py");

/// Makes sure `.libtorch/torch` holds libtorch 2.11 and says in one line which.
pub fn ensure(root: &Path) -> Result<()> {
    let place = root.join(".libtorch/torch");
    if is_libtorch(&place) {
        eprintln!("libtorch: {}", place.display());
        return Ok(());
    }
    if let Some(given) = given_by_user(&place) {
        if !is_libtorch(&given) {
            bail!(
                "LIBTORCH={} is not a libtorch with lib/ and include/; point it at libtorch 2.11 or unset it",
                given.display()
            );
        }
        return link(&given, &place);
    }
    if let Some(python) = of_python() {
        return link(&python, &place);
    }
    fetch(root)?;
    eprintln!("libtorch: {} (CPU, from the published wheels)", place.display());
    Ok(())
}

fn is_libtorch(folder: &Path) -> bool {
    folder.join("lib/libtorch_cpu.so").exists() && folder.join("include").is_dir()
}

/// `LIBTORCH` of the user; the value that `.cargo/config.toml` sets is ours.
fn given_by_user(place: &Path) -> Option<PathBuf> {
    let given = PathBuf::from(std::env::var_os("LIBTORCH")?);
    (given != place).then_some(given)
}

/// The folder of a torch 2.11 that a Python on the PATH has.
fn of_python() -> Option<PathBuf> {
    let program = "import importlib.util, importlib.metadata as m\n\
                   print(m.version('torch')); print(list(importlib.util.find_spec('torch').submodule_search_locations)[0])";
    let output = Command::new("python3").args(["-c", program]).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut lines = text.lines();
    let version = lines.next()?;
    let folder = PathBuf::from(lines.next()?);
    (version.starts_with(VERSION) && is_libtorch(&folder)).then_some(folder)
}

fn link(target: &Path, place: &Path) -> Result<()> {
    let parent = place.parent().context("no parent folder")?;
    fs::create_dir_all(parent)?;
    if place.is_symlink() {
        fs::remove_file(place)?;
    }
    std::os::unix::fs::symlink(target, place)
        .with_context(|| format!("cannot link {} to {}", place.display(), target.display()))?;
    eprintln!("libtorch: {}", target.display());
    Ok(())
}

/// Downloads the wheels and unpacks what is needed; the result appears under its name in one rename. What an
/// interrupted download left in `.libtorch.partial` is used the next time.
fn fetch(root: &Path) -> Result<()> {
    let partial = root.join(".libtorch.partial");
    let wheels = partial.join("wheels");
    fs::create_dir_all(&wheels)?;
    eprintln!("libtorch: not found on this machine; downloading 545 MB of published wheels");
    let output = Command::new("python3")
        .args(["-c", FETCH])
        .arg(&wheels)
        .args(WHEELS)
        .stderr(Stdio::inherit())
        .status()
        .context("cannot start python3: install Python 3 with pip, or set LIBTORCH")?;
    if !output.success() {
        bail!("libtorch 2.11 could not be downloaded: check the network and try again, or set LIBTORCH to its folder");
    }
    let unpacked = partial.join("unpacked");
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked)?;
    }
    let status = Command::new("python3")
        .args(["-c", EXTRACT])
        .arg(&wheels)
        .arg(&unpacked)
        .status()
        .context("cannot start python3")?;
    if !status.success() {
        bail!("the wheels in {} could not be unpacked: remove the folder and try again", wheels.display());
    }
    link_stub(&unpacked)?;
    let place = root.join(".libtorch");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::rename(&unpacked, &place)?;
    fs::remove_dir_all(&partial)?;
    Ok(())
}

/// GNU ld keeps `libtorch.so` as a needed library, and the wheel's own wants
/// libtorch_cuda; an empty library with the same name serves the CPU layout.
fn link_stub(unpacked: &Path) -> Result<()> {
    let lib = unpacked.join("torch/lib");
    let source = unpacked.join("stub.c");
    fs::write(&source, "int locus_libtorch_stub(void) { return 0; }\n")?;
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-Wl,-soname,libtorch.so", "-Wl,--no-as-needed"])
        .args(["-Wl,--unresolved-symbols=ignore-all", "-o"])
        .arg(lib.join("libtorch.so"))
        .arg(&source)
        .arg(format!("-L{}", lib.display()))
        .args(["-ltorch_cpu", "-lc10"])
        .status()
        .context("cannot start cc: install a C++ compiler")?;
    fs::remove_file(&source)?;
    if !status.success() {
        bail!("cc could not link the libtorch.so stub");
    }
    Ok(())
}
