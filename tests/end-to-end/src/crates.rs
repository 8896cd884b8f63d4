//! Crates of plugins, built as their authors build them.

use std::path::Path;
use std::process::Command;

/// The variables by which cargo and rustup find what is theirs, wherever the home is.
#[must_use]
pub fn toolchain() -> Vec<(&'static str, String)> {
    let home = std::env::var("HOME").unwrap_or_default();
    let own = |name: &str, folder: &str| std::env::var(name).unwrap_or_else(|_| format!("{home}/{folder}"));
    vec![
        ("CARGO_HOME", own("CARGO_HOME", ".cargo")),
        ("RUSTUP_HOME", own("RUSTUP_HOME", ".rustup")),
        // everything is compiled with the versions that are here already
        ("CARGO_NET_OFFLINE", "true".to_owned()),
    ]
}

/// Builds the crate in `folder` with `cargo` or `make`, and with nothing that the tests themselves are built with.
///
/// # Panics
/// It does not build.
pub fn build(folder: &Path, program: &str) {
    let mut command = Command::new(program);
    command.args(if program == "cargo" { &["build", "--release"][..] } else { &[] }).current_dir(folder).env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path))).envs(toolchain());
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
