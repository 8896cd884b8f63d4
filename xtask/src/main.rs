//! `cargo xtask`: sets up libtorch, then builds, tests or checks the workspace.
//!
//! It depends on no tensor library, so that it compiles in seconds on a bare machine.

mod libtorch;

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

const USAGE: &str = "usage: cargo xtask setup | build | test | clippy";

fn main() -> Result<()> {
    let task = std::env::args().nth(1).unwrap_or_default();
    let root = workspace_root()?;
    match task.as_str() {
        "setup" => libtorch::ensure(&root),
        "build" => cargo(&root, &["build", "--workspace", "--release"]),
        "test" => cargo(&root, &["test", "--workspace", "--release"]),
        "clippy" => cargo(&root, &["clippy", "--workspace", "--all-targets", "--release", "--", "-D", "warnings"]),
        "" => bail!(USAGE),
        other => bail!("unknown task `{other}`; {USAGE}"),
    }
}

/// The folder that holds the workspace's `Cargo.toml`.
fn workspace_root() -> Result<PathBuf> {
    let manifest = std::env::var("CARGO_MANIFEST_DIR")
        .context("CARGO_MANIFEST_DIR is not set: start this through `cargo xtask`")?;
    Path::new(&manifest).parent().map(Path::to_path_buf).context("xtask has no parent folder")
}

/// Runs cargo in the workspace once libtorch is in place. The release profile
/// is used for everything, so that torch-sys compiles its C++ shim once.
fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    libtorch::ensure(root)?;
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = Command::new(program).args(arguments).current_dir(root).status().context("cannot start cargo")?;
    if !status.success() {
        bail!("cargo {} failed", arguments.join(" "));
    }
    Ok(())
}
