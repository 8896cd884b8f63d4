//! Finds libtorch 2.11 or fetches it, and leaves it in `.libtorch/torch`.
//!
//! Order: `LIBTORCH` where the user set it; the active environment's Python (venv, conda, then `python3` and `python`)
//! whose torch is 2.11, which is the usual GPU node, CUDA included; otherwise the published wheels: with all that CUDA
//! needs where there is an NVIDIA driver, the CPU part elsewhere and with `--cpu`.

use crate::driver::Driver;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const VERSION: &str = "2.11.";
const TORCH: &str = "torch==2.11.0";
/// What the CPU-light layout takes besides. libtorch_cpu of a CUDA wheel links the CUDA run time and CUPTI, so those two
/// small packages are needed on every machine.
const WITH_CPU: [&str; 2] = ["nvidia-cuda-runtime==13.0.*", "nvidia-cuda-cupti==13.0.*"];
const FETCH: &str = include_str!("fetch_wheels.py");
const EXTRACT: &str = include_str!("extract_wheels.py");

/// Which half of libtorch is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// What the machine can run: CUDA where there is a driver.
    Automatic,
    /// The CPU's, whatever the machine has (`--cpu`).
    Cpu,
    /// CUDA's, also where a CPU half is there already (`--cuda`).
    Cuda,
}

impl Half {
    /// What the flags of a task say.
    pub fn of(arguments: impl Iterator<Item = String>) -> Self {
        arguments.fold(Self::Automatic, |half, argument| match argument.as_str() {
            "--cpu" => Self::Cpu,
            "--cuda" => Self::Cuda,
            _ => half,
        })
    }
}

/// Makes sure `.libtorch/torch` holds libtorch 2.11 and says in one line which.
pub fn ensure(root: &Path, half: Half) -> Result<()> {
    let place = root.join(".libtorch/torch");
    let driver = Driver::of_this_machine();
    if let Some(given) = given_by_user(&place) {
        if !is_libtorch(&given) {
            bail!(
                "LIBTORCH={} is not a libtorch with lib/ and include/; point it at libtorch 2.11 or unset it",
                given.display()
            );
        }
        if half == Half::Cuda && !has_cuda(&given) {
            bail!("LIBTORCH={} has no CUDA; unset it, or leave out --cuda", given.display());
        }
        return link(&given, &place);
    }
    if is_libtorch(&place) && (half != Half::Cuda || has_cuda(&place)) {
        eprintln!("libtorch: {}", place.display());
        if driver.is_some() && !has_cuda(&place) && half == Half::Automatic {
            eprintln!(
                "libtorch: it has no CUDA, but this machine has an NVIDIA driver; `cargo xtask setup --cuda` fetches it"
            );
        }
        return Ok(());
    }
    let wants_cuda = half == Half::Cuda || (half == Half::Automatic && driver.is_some());
    if let Some(python) = of_python(wants_cuda) {
        return link(&python, &place);
    }
    if let Some(driver) = driver.filter(|_| wants_cuda) {
        eprintln!("libtorch: {}", driver.says());
    }
    fetch(root, wants_cuda)?;
    let what = if wants_cuda { "CUDA" } else { "CPU" };
    eprintln!("libtorch: {} ({what}, from the published wheels)", place.display());
    Ok(())
}

/// Whether a libtorch can use a card.
fn has_cuda(folder: &Path) -> bool {
    folder.join("lib/libtorch_cuda.so").exists()
}

fn is_libtorch(folder: &Path) -> bool {
    folder.join("lib/libtorch_cpu.so").exists() && folder.join("include").is_dir()
}

/// `LIBTORCH` of the user; the value that `.cargo/config.toml` sets is ours.
fn given_by_user(place: &Path) -> Option<PathBuf> {
    let given = PathBuf::from(std::env::var_os("LIBTORCH")?);
    let is_ours = given == place
        || fs::canonicalize(&given).is_ok_and(|given| fs::canonicalize(place).is_ok_and(|place| given == place));
    (!is_ours).then_some(given)
}

/// Pythons of this shell, the active environment's first.
fn pythons() -> Vec<PathBuf> {
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(std::env::var_os);
    let active = active.map(|folder| PathBuf::from(folder).join("bin/python"));
    active.chain(["python3", "python"].map(PathBuf::from)).collect()
}

/// The folder of a torch 2.11 that a Python of this shell has; one without CUDA is none where CUDA is wanted.
fn of_python(wants_cuda: bool) -> Option<PathBuf> {
    let program = "import importlib.util, importlib.metadata as m\n\
                   print(m.version('torch')); print(list(importlib.util.find_spec('torch').submodule_search_locations)[0])";
    let of_one = |python: PathBuf| {
        let output = Command::new(python).args(["-c", program]).stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let mut lines = text.lines();
        let version = lines.next()?;
        let folder = PathBuf::from(lines.next()?);
        let fits = version.starts_with(VERSION) && is_libtorch(&folder) && (!wants_cuda || has_cuda(&folder));
        fits.then_some(folder)
    };
    pythons().into_iter().find_map(of_one)
}

/// Has `place` lead to `target`, whatever an earlier set-up has left there: a link, or a folder of wheels.
fn link(target: &Path, place: &Path) -> Result<()> {
    let parent = place.parent().context("no parent folder")?;
    fs::create_dir_all(parent)?;
    if place.is_symlink() {
        fs::remove_file(place)?;
    } else if place.is_dir() {
        // what is removed is what set-up has unpacked, and nothing that somebody else's link leads to
        if !parent.ends_with(".libtorch") || parent.is_symlink() {
            bail!("{} is in the way: remove it, and run this again", place.display());
        }
        if fs::canonicalize(target)?.starts_with(fs::canonicalize(place)?) {
            bail!("{} is in {}, which would be replaced by a link to it", target.display(), place.display());
        }
        fs::remove_dir_all(place).with_context(|| format!("cannot remove {}", place.display()))?;
    }
    std::os::unix::fs::symlink(target, place)
        .with_context(|| format!("cannot link {} to {}", place.display(), target.display()))?;
    eprintln!("libtorch: {}", target.display());
    Ok(())
}

/// Downloads the wheels and unpacks what is needed; the result appears under its name in one rename. What an
/// interrupted download left in `.libtorch.partial` is used the next time.
fn fetch(root: &Path, cuda: bool) -> Result<()> {
    let partial = root.join(".libtorch.partial");
    let wheels = partial.join("wheels");
    fs::create_dir_all(&wheels)?;
    if cuda {
        eprintln!("libtorch: no torch 2.11 with CUDA on this machine; downloading it (`--cpu` skips this)");
    } else {
        eprintln!("libtorch: not found on this machine; downloading 545 MB of published wheels");
    }
    // of torch itself its metadata says what it needs for CUDA
    let wanted: Vec<&str> = if cuda { vec![TORCH, "cuda"] } else { [TORCH].into_iter().chain(WITH_CPU).collect() };
    let output = Command::new("python3")
        .args(["-c", FETCH])
        .arg(&wheels)
        .args(wanted)
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
        .arg(if cuda { "cuda" } else { "cpu" })
        .status()
        .context("cannot start python3")?;
    if !status.success() {
        bail!("the wheels in {} could not be unpacked: remove the folder and try again", wheels.display());
    }
    if !cuda {
        link_stub(&unpacked)?;
    }
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

#[cfg(test)]
mod tests {
    use super::{FETCH, Half, link};
    use std::fs;
    use std::process::Command;

    #[test]
    fn a_link_takes_the_place_of_what_set_up_has_unpacked_and_of_nothing_else() {
        let folder = std::env::temp_dir().join(format!("locus-xtask-link-{}", std::process::id()));
        let (given, place) = (folder.join("python/torch"), folder.join(".libtorch/torch"));
        for made in [&given, &place.join("lib"), &folder.join("elsewhere/torch")] {
            fs::create_dir_all(made).expect("a folder");
        }
        // a folder of wheels, then the link itself
        for _ in 0..2 {
            link(&given, &place).expect("linked");
            assert_eq!(fs::read_link(&place).expect("a link"), given);
        }
        let other = folder.join("elsewhere/torch");
        link(&given, &other).expect_err("a folder that set-up has not made");
        fs::remove_dir_all(folder.join(".libtorch")).expect("removed");
        std::os::unix::fs::symlink(folder.join("elsewhere"), folder.join(".libtorch")).expect("a link");
        link(&given, &place).expect_err("a folder elsewhere");
        assert!(other.is_dir() && !other.is_symlink());
        fs::remove_dir_all(&folder).expect("removed");
    }

    /// What a program says that has the functions of the fetching script.
    fn says(program: &str) -> Vec<String> {
        let script = format!("__name__ = 'tried'\n{FETCH}\n{program}");
        let output = Command::new("python3").args(["-c", &script]).output().expect("python3");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_a_card_needs_is_what_the_metadata_asks_for() {
        // of torch 2.11.0 and of the toolkit that it names, one library that other systems take and one of an extra among them
        let program = r#"
torch = """Requires-Dist: filelock
Requires-Dist: cuda-toolkit[cublas,cudart, nvtx]==13.0.2; platform_system == "Linux"
Requires-Dist: cuda-bindings<14,>=13.0.3; platform_system == "Linux"
Requires-Dist: nvidia-cudnn-cu13==9.19.0.56; platform_system == "Linux"
Requires-Dist: triton==3.6.0; platform_system == "Linux"
Requires-Dist: optree>=0.13.0; extra == "optree"
"""
toolkit = """Requires-Dist: nvidia-cublas==13.1.0.3.*; (sys_platform == 'linux' or sys_platform == 'win32') and extra == 'all'
Requires-Dist: nvidia-cublas==13.1.0.3.*; (sys_platform == 'linux' or sys_platform == 'win32') and extra == 'cublas'
Requires-Dist: nvidia-cuda-runtime==13.0.96.*; (sys_platform == 'linux') and extra == 'cudart'
Requires-Dist: nvidia-cufft==12.0.0.61.*; (sys_platform == 'linux') and extra == 'cufft'
Requires-Dist: nvidia-nvtx==13.0.85.*; (sys_platform == 'linux') and extra == 'nvtx'
"""
found = needed(torch)
for name, extras, version in found + needed(toolkit, found[0][1]):
    print(name, version)
try:
    needed("Requires-Dist: nvidia-nccl-cu13>=2.28")
except SystemExit as error:
    print(error)
"#;
        assert_eq!(
            says(program),
            [
                "cuda-toolkit 13.0.2",
                "nvidia-cudnn-cu13 9.19.0.56",
                "nvidia-cublas 13.1.0.3.*",
                "nvidia-cuda-runtime 13.0.96.*",
                "nvidia-nvtx 13.0.85.*",
                "torch's metadata asks for nvidia-nccl-cu13 >=2.28, which is not one version; set LIBTORCH",
            ]
        );
    }

    #[test]
    fn flags_choose_the_half_of_libtorch() {
        let of = |text: &str| Half::of(text.split_whitespace().map(str::to_owned));
        assert_eq!([of(""), of("--case 3 --cpu"), of("--cuda")], [Half::Automatic, Half::Cpu, Half::Cuda]);
    }
}
