//! The archive that a user unpacks and runs, without Rust, against the libtorch of the Python there: program, engine and
//! plugins, settings, completions, the manual page, and the licenses of all that is inside.

use crate::gpu::{executable, plugins, stripped};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Starts the engine in `lib/` with the libtorch that it finds.
const START: &str = concat!("#!/bin/sh\n", include_str!("torch.sh"), include_str!("start.sh"));
/// What of the repository goes in as it is.
const AS_IT_IS: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "configs",
    "docs",
];
/// The text of a license that is the same whoever gives it.
const APACHE: &str = "LICENSE-APACHE";
const COMPLETIONS: [(&str, &str); 3] = [("bash", "locus.bash"), ("zsh", "_locus"), ("fish", "locus.fish")];

/// Makes `target/dist/locus-VERSION-ARCH-linux.tar.gz` of what was built for `packages`, and prints its path.
pub fn make(root: &Path, target: &Path, packages: &[String]) -> Result<()> {
    let built = target.join("release");
    let name = format!("locus-{}-{}-linux", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let (all, folder) = (target.join("dist"), target.join("dist").join(&name));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    for inner in ["lib", "completions", "man/man1", "licenses"] {
        let inner = folder.join(inner);
        fs::create_dir_all(&inner).with_context(|| format!("cannot create {}", inner.display()))?;
    }
    // the front needs no libtorch; it starts what is called locus-engine beside it
    stripped(&built.join("locus"), &folder)?;
    stripped(&built.join("locus-engine"), &folder.join("lib"))?;
    let start = folder.join("locus-engine");
    write(&start, START)?;
    executable(&start)?;
    for plugin in plugins(root, &built)? {
        stripped(&plugin, &folder.join("lib"))?;
    }
    for (shell, file) in COMPLETIONS {
        write(&folder.join("completions").join(file), &said(&built, &["completions", shell])?)?;
    }
    write(&folder.join("man/man1/locus.1"), &said(&built, &["man"])?)?;
    for name in AS_IT_IS {
        copy(&root.join(name), &folder.join(name))?;
    }
    licenses(root, packages, &folder.join("licenses"))?;
    let archive = all.join(format!("{name}.tar.gz"));
    let draft = all.join(format!(".{name}.part"));
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-C"]).arg(&all);
    tar.arg("-czf").arg(&draft).arg(&name);
    if !tar.status().context("cannot start tar")?.success() {
        bail!("tar could not write {}", draft.display());
    }
    fs::rename(&draft, &archive).with_context(|| format!("cannot write {}", archive.display()))?;
    eprintln!(
        "{} MB, with the folder itself beside it; ./locus in it starts the workbench",
        archive.metadata()?.len() >> 20
    );
    println!("{}", archive.display());
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// What the program prints.
fn said(built: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(built.join("locus")).args(arguments).output().context("cannot start locus")?;
    if !output.status.success() {
        bail!("locus {} failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).context("locus printed no text")
}

/// Copies a file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
        for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {}", from.display()))
}

/// Writes the licenses of all packages that are linked into what ships: `INDEX` names each with its license, and a folder
/// of each holds the texts that came with it.
fn licenses(root: &Path, packages: &[String], folder: &Path) -> Result<()> {
    let sources = sources()?;
    let mut index = String::from("package\tversion\tlicense\trepository\ttexts\n");
    for Linked { name, version, license, repository } in linked(root, packages)? {
        let unpacked = format!("{name}-{version}");
        let place = folder.join(&unpacked);
        let mut texts = Vec::new();
        for (text, file) in sources.get(&unpacked).map(|source| texts_in(source)).transpose()?.unwrap_or_default() {
            texts.push((text, file));
        }
        if texts.is_empty() && license.contains("Apache-2.0") {
            texts.push((APACHE.to_owned(), root.join(APACHE)));
        }
        if license.is_empty() && texts.is_empty() {
            bail!("package {name} {version} does not state its license: it cannot be distributed");
        }
        if !texts.is_empty() {
            fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
        }
        for (text, file) in &texts {
            copy(file, &place.join(text))?;
        }
        let texts: Vec<String> = texts.into_iter().map(|(text, _)| text).collect();
        index.push_str(&format!("{name}\t{version}\t{license}\t{repository}\t{}\n", texts.join(", ")));
    }
    write(&folder.join("INDEX"), &index)
}

/// A package that is linked in.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Linked {
    name: String,
    version: String,
    /// As an SPDX expression.
    license: String,
    repository: String,
}

/// Packages that are linked in, but for those of the workspace.
fn linked(root: &Path, packages: &[String]) -> Result<BTreeSet<Linked>> {
    let mut tree = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    tree.current_dir(root).args(["tree", "--edges=normal", "--prefix=none", "--offline", "--format={p}\t{l}\t{r}"]);
    let output = tree.args(packages).output().context("cannot start cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(package).collect())
}

/// A line of `cargo tree`: `name v1.2.3 (remarks)`, license and repository, separated by tabs. `None` for a package of the
/// workspace, which has a path.
fn package(line: &str) -> Option<Linked> {
    let mut fields = line.trim_end_matches(" (*)").split('\t');
    let (package, license, repository) = (fields.next()?, fields.next()?, fields.next()?);
    let mut words = package.split(' ');
    let (name, version) = (words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned());
    let (license, repository) = (license.to_owned(), repository.to_owned());
    (!package.contains("(/")).then_some(Linked { name, version, license, repository })
}

/// Folders of the packages that cargo has unpacked, by name and version.
fn sources() -> Result<BTreeMap<String, PathBuf>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let registries = home.context("neither CARGO_HOME nor HOME is set")?.join("registry/src");
    let mut found = BTreeMap::new();
    for registry in fs::read_dir(&registries).with_context(|| format!("cannot read {}", registries.display()))? {
        for package in fs::read_dir(registry?.path())? {
            let package = package?;
            found.insert(package.file_name().to_string_lossy().into_owned(), package.path());
        }
    }
    Ok(found)
}

/// The texts of licenses in a package's folder and in the folders in it, each with a name of its own.
fn texts_in(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let is_one = |name: &str| {
        let name = name.to_uppercase();
        ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"].iter().any(|start| name.starts_with(start))
    };
    let entries = |folder: &Path| -> Result<Vec<(String, PathBuf)>> {
        let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let named = |entry: fs::DirEntry| (entry.file_name().to_string_lossy().into_owned(), entry.path());
        Ok(entries.map(|entry| entry.map(named)).collect::<std::io::Result<_>>()?)
    };
    let mut found = Vec::new();
    for (name, path) in entries(folder)? {
        if path.is_dir() {
            let inner = entries(&path)?.into_iter().filter(|(inner, path)| path.is_file() && is_one(inner));
            found.extend(inner.map(|(inner, path)| (format!("{name}-{inner}"), path)));
        } else if is_one(&name) {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{Linked, package};

    #[test]
    fn lines_of_cargo_tree_are_read() {
        let linked = |texts: [&str; 4]| {
            let [name, version, license, repository] = texts.map(str::to_owned);
            Some(Linked { name, version, license, repository })
        };
        let serde = package("serde v1.0.2\tMIT OR Apache-2.0\thttps://serde.rs");
        assert_eq!(serde, linked(["serde", "1.0.2", "MIT OR Apache-2.0", "https://serde.rs"]));
        assert_eq!(package("syn v2.0.1 (proc-macro)\tMIT\t (*)"), linked(["syn", "2.0.1", "MIT", ""]));
        assert_eq!(package("locus v0.1.0 (/somewhere/app)\tMIT\t"), None);
        assert_eq!(package(""), None);
    }
}
