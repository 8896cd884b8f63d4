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
    run(folder, program, if program == "cargo" { &["build", "--release"] } else { &[] });
}

/// Runs the tests of the crate in `folder`, which run without the program.
///
/// # Panics
/// One fails.
pub fn test(folder: &Path) {
    run(folder, "cargo", &["test", "--release"]);
}

fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path))).envs(toolchain());
    let output = command.output().expect("it starts");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}", said.concat());
}
