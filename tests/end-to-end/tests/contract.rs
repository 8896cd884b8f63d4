//! The plugin contract stands apart: nothing in it depends on the program, and its plain data needs no libtorch. Held by
//! what cargo says of the packages.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package of the workspace: its folder below the root, and the names of all that it depends on, tests included.
struct Package {
    folder: PathBuf,
    depends_on: BTreeSet<String>,
}

/// The packages of the workspace by name.
fn packages() -> BTreeMap<String, Package> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the root");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(cargo).args(arguments).current_dir(&root).output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let package = |package: &Value| {
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let folder = manifest.parent().and_then(|folder| folder.strip_prefix(&root).ok()).expect("below the root");
        let dependencies = package["dependencies"].as_array().expect("a list").iter();
        let depends_on = dependencies.map(|dependency| text(&dependency["name"])).collect();
        (text(&package["name"]), Package { folder: folder.to_owned(), depends_on })
    };
    metadata["packages"].as_array().expect("packages").iter().map(package).collect()
}

/// All that a package depends on, and what that depends on where it is of the workspace.
fn reached(packages: &BTreeMap<String, Package>, name: &str) -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), vec![name.to_owned()]);
    while let Some(name) = open.pop() {
        for next in packages.get(&name).into_iter().flat_map(|package| &package.depends_on) {
            if found.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    found
}

#[test]
fn nothing_of_the_contract_and_no_plugin_depends_on_the_program() {
    let packages = packages();
    let in_folder =
        |folder: &'static str| packages.iter().filter(move |(_, package)| package.folder.starts_with(folder));
    let program: BTreeSet<&String> = in_folder("app").map(|(name, _)| name).collect();
    assert!(program.len() > 8 && in_folder("plugin-api").count() > 2 && in_folder("plugins").count() > 6);
    for (name, _) in in_folder("plugin-api").chain(in_folder("plugins")).chain(in_folder("tests/fixtures")) {
        let of_the_program: Vec<String> =
            reached(&packages, name).into_iter().filter(|other| program.contains(other)).collect();
        assert!(of_the_program.is_empty(), "{name} depends on {of_the_program:?}, which the program alone may use");
    }
}

#[test]
fn the_records_and_the_data_of_the_contract_need_no_libtorch() {
    let packages = packages();
    for name in ["locus-plugin-data", "locus-protocol"] {
        let reached = reached(&packages, name);
        let tensors: Vec<&str> =
            ["tch", "torch-sys"].into_iter().filter(|tensors| reached.contains(*tensors)).collect();
        assert!(packages.contains_key(name) && tensors.is_empty(), "{name} reaches {tensors:?}");
    }
}
