//! One folder with all that a machine with a card needs to say what Locus does on it: the program, the plugins, a script.
//! It is linked against no particular libtorch: the script takes that of the machine's own Python.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder may have so many bytes, so that it travels.
const MOST: u64 = 64 << 20;
/// The script, but for where libtorch is found, which stands in a file of its own.
const SCRIPT: &str = include_str!("gpu.sh");
const FINDS_TORCH: &str = include_str!("torch.sh");

/// Makes `target/gpu` and prints the line that runs it.
pub fn make(root: &Path, target: &Path) -> Result<()> {
    let (built, folder) = (target.join("release"), target.join("gpu"));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for program in ["locus", "locus-engine"] {
        stripped(&built.join(program), &folder)?;
    }
    for plugin in plugins(root, &built)? {
        stripped(&plugin, &folder)?;
    }
    let script = folder.join("run");
    fs::write(&script, whole_script()).with_context(|| format!("cannot write {}", script.display()))?;
    executable(&script)?;
    let bytes = fs::read_dir(&folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum::<std::io::Result<u64>>()?;
    if bytes > MOST {
        bail!("{} has {} MB, more than the limit of {} MB", folder.display(), bytes >> 20, MOST >> 20);
    }
    eprintln!("{}: {} MB. On a machine with a GPU and a Python whose torch is 2.11:", folder.display(), bytes >> 20);
    println!(
        "./run                     # in that folder; ./run 300 stops after so many seconds, PYTHON=… names the Python"
    );
    Ok(())
}

/// The script as it is run.
fn whole_script() -> String {
    SCRIPT.replace("# find torch\n", FINDS_TORCH)
}

/// The plugins that ship: what `plugins/` builds.
pub fn plugins(root: &Path, built: &Path) -> Result<Vec<PathBuf>> {
    let folder = root.join("plugins");
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let name = entry?.file_name().to_string_lossy().replace('-', "_");
        let library = built.join(format!("liblocus_{name}.so"));
        // what others share is no plugin
        if library.exists() {
            found.push(library);
        }
    }
    if found.is_empty() {
        bail!("{} contains no plugin", built.display());
    }
    Ok(found)
}

pub fn stripped(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().context("no file name")?;
    let status = Command::new("strip").arg("-o").arg(folder.join(name)).arg(file).status();
    if !status.context("cannot start strip: install binutils")?.success() {
        bail!("strip could not copy {}", file.display());
    }
    Ok(())
}

pub fn executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot mark {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::{executable, whole_script};
    use std::fs;
    use std::process::Command;

    #[test]
    fn the_script_ends_with_a_code_of_its_own_where_time_was_too_short() {
        let folder = std::env::temp_dir().join(format!("locus-xtask-gpu-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let program = folder.join("locus");
        fs::write(&program, "#!/bin/sh\n[ \"$1\" = doctor ] || exit $CODE\n").expect("written");
        executable(&program).expect("executable");
        fs::write(folder.join("run"), whole_script()).expect("written");
        let run = |limit: &str, code: &str| {
            let mut command = Command::new("sh");
            command.args(["./run", limit]).current_dir(&folder).env("CODE", code).env("LIBTORCH", &folder);
            let output = command.output().expect("sh");
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let (code, said) = run("480", "0");
        assert!(code == Some(0) && !said.contains("too short"), "{code:?} {said}");
        assert_eq!(run("480", "1").0, Some(1));
        let (code, said) = run("1", "0");
        assert!(code == Some(3) && said.contains("not begun: locus selftest"), "{code:?} {said}");
        assert!(fs::read_to_string(folder.join("report.txt")).expect("a report").contains("time was too short"));
        fs::remove_dir_all(&folder).expect("removed");
    }
}
