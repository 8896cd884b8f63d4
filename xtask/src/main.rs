//! `cargo xtask`: sets up libtorch, then builds, tests or checks the workspace.
//!
//! It depends on no tensor library, so that it compiles in seconds on a bare machine.

mod bench_python;
mod dist;
mod driver;
mod golden;
mod gpu;
mod libtorch;
mod python;
mod question;
mod slurm;
mod transformers;

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

const USAGE: &str = "usage: cargo xtask demo | tour | test | torture | setup [--cpu | --cuda] | build | clippy | bench | bench-python | bench-published CLONE... | dist | gpu | slurm | report | question | transformers | models | tokenizers";

fn main() -> Result<()> {
    let task = std::env::args().nth(1).unwrap_or_default();
    let root = workspace_root()?;
    match task.as_str() {
        "setup" => libtorch::ensure(&root, half()),
        "build" => cargo(&root, BUILD),
        // plugins and program first: the end-to-end tests run them as a user does
        "test" => cargo(&root, BUILD)
            .and_then(|()| cargo(&root, &["test", "--workspace", "--release", "--", "--show-output"]))
            .and_then(|()| golden::compare_with_other_instructions(&root)),
        "demo" => demo(&root),
        "tour" => cargo(&root, BUILD)
            .and_then(|()| run(Command::new(target_folder(&root).join("release/tour")).arg(root.join("docs")))),
        "bench" => cargo(&root, BUILD)
            .and_then(|()| run(Command::new(target_folder(&root).join("release/locus-benchmark")).args(more()))),
        "dist" => dist(&root),
        "bench-python" => {
            cargo(&root, BUILD).and_then(|()| bench_python::libraries(&root, &target_folder(&root), more()))
        }
        "bench-published" => {
            cargo(&root, BUILD).and_then(|()| bench_python::published(&root, &target_folder(&root), more()))
        }
        "gpu" => cargo(&root, BUILD).and_then(|()| gpu::make(&root, &target_folder(&root))),
        "torture" => cargo(&root, BUILD)
            .and_then(|()| run(Command::new(target_folder(&root).join("release/locus-torture")).args(more()))),
        "slurm" => cargo(&root, BUILD).and_then(|()| slurm::check(&root)),
        // needs no libtorch
        "report" => run(Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
            .current_dir(&root)
            .args(["test", "--release", "--package", "locus-analysis", "--test", "looks", "--", "--ignored"])),
        "question" => cargo(&root, BUILD)
            .and_then(|()| question::write(&root, &target_folder(&root).join("release/locus"), more())),
        "transformers" => cargo(&root, BUILD)
            .and_then(|()| cargo(&root, &["build", "--workspace", "--release", "--example", "logits"]))
            .and_then(|()| transformers::check(&root, &target_folder(&root))),
        "tokenizers" => cargo(&root, &["build", "--workspace", "--release", "--example", "tokens"])
            .and_then(|()| transformers::tokenizers(&root, &target_folder(&root), more())),
        "models" => cargo(&root, &["build", "--workspace", "--release", "--example", "logits"])
            .and_then(|()| transformers::models(&root, &target_folder(&root))),
        "clippy" => cargo(&root, &["clippy", "--workspace", "--all-targets", "--release", "--", "-D", "warnings"])
            .and_then(|()| cargo_with(&root, DOCUMENTATION, &[("RUSTDOCFLAGS", "-D warnings")])),
        "" => bail!(USAGE),
        other => bail!("unknown task `{other}`; {USAGE}"),
    }
}

const BUILD: &[&str] = &["build", "--workspace", "--release"];
/// Links in comments that lead nowhere are found where the documentation is made.
const DOCUMENTATION: &[&str] = &["doc", "--workspace", "--no-deps", "--release"];

/// What stands behind the task, for the program that it starts; a `--` may stand between. What is said of libtorch is the
/// task's own.
fn more() -> impl Iterator<Item = String> {
    let own = |text: &String| text == "--cpu" || text == "--cuda";
    let rest = std::env::args().skip(2).filter(move |text| !own(text));
    rest.enumerate().filter(|(place, text)| *place > 0 || text != "--").map(|(_, text)| text)
}

/// Which half of libtorch the flags ask for.
fn half() -> libtorch::Half {
    libtorch::Half::of(std::env::args().skip(2))
}

/// Opens the workbench on the built-in model; what is said meanwhile goes to standard error. Builds what that needs and
/// nothing of the tests.
fn demo(root: &Path) -> Result<()> {
    build(root, &shipped(root)?)?;
    run(Command::new(target_folder(root).join("release/locus")).arg("demo").args(more()))
}

/// Writes the archive that is handed on; with `--as-built`, of what there is.
fn dist(root: &Path) -> Result<()> {
    let packages = shipped(root)?;
    match more().collect::<Vec<_>>().as_slice() {
        [] => build(root, &packages)?,
        [flag] if flag == "--as-built" => {}
        other => bail!("dist takes --as-built or nothing, not `{}`", other.join(" ")),
    }
    dist::make(root, &target_folder(root), &packages)
}

fn build(root: &Path, packages: &[String]) -> Result<()> {
    let arguments: Vec<&str> = ["build", "--release"].into_iter().chain(packages.iter().map(String::as_str)).collect();
    cargo(root, &arguments)
}

/// The packages that a user runs, as cargo takes them: the program, its engine, and every plugin.
fn shipped(root: &Path) -> Result<Vec<String>> {
    let mut packages = vec!["--package=locus".to_owned(), "--package=locus-server".to_owned()];
    let folder = root.join("plugins");
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let manifest = std::fs::read_to_string(entry.path().join("Cargo.toml")).unwrap_or_default();
        if manifest.contains("cdylib") {
            packages.push(format!("--package=locus-{}", entry.file_name().to_string_lossy()));
        }
    }
    packages.sort();
    Ok(packages)
}

/// Runs a program that was built and ends as it ended.
fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    std::process::exit(status.code().unwrap_or(1));
}

/// The folder that holds the workspace's `Cargo.toml`.
fn workspace_root() -> Result<PathBuf> {
    let manifest =
        std::env::var("CARGO_MANIFEST_DIR").context("CARGO_MANIFEST_DIR is not set: run this as `cargo xtask`")?;
    Path::new(&manifest).parent().map(Path::to_path_buf).context("xtask has no parent folder")
}

/// Where cargo puts what it builds.
fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Runs cargo in the workspace once libtorch is in place. The release profile
/// is used for everything, so that torch-sys compiles its C++ shim once.
fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    cargo_with(root, arguments, &[])
}

/// The same with some more variables.
fn cargo_with(root: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    libtorch::ensure(root, half())?;
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root).envs(variables.iter().copied());
    let status = command.status().context("cannot start cargo")?;
    if !status.success() {
        bail!("cargo {} failed", arguments.join(" "));
    }
    Ok(())
}
