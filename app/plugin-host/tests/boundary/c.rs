//! Compiles the plugins that are written in C.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles `source` of the fixtures to a library in `folder`.
pub fn compile(source: &str, arguments: &[&str], folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let library = folder.join(format!("lib{}.so", source.trim_end_matches(".c").replace('_', "-")));
    let mut command = Command::new("cc");
    command.args(["-std=c99", "-pedantic-errors", "-O1", "-shared", "-fPIC", "-pthread"]).args(arguments);
    command.arg("-I").arg(root.join("plugin-api/include"));
    command.arg(root.join("tests/fixtures/c-plugin").join(source)).arg("-o").arg(&library);
    let output = command.output().expect("a C compiler called cc");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}
