//! The demo and test commands of the README compile no package twice: what the demo builds has the features that the
//! tests ask for.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Packages with their features, as cargo would build them for the program: what macros and build scripts use is built
/// by itself.
fn features(chosen: &[String], edges: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = ["tree", "--offline", "--locked", "--prefix", "none", "--format", "{p}|{f}", "--edges", edges];
    let output = Command::new(env!("CARGO")).args(tree).args(chosen).current_dir(root).output().expect("cargo");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = text.lines().map(|line| line.trim_end_matches(" (*)")).filter_map(|line| line.split_once('|'));
    lines.map(|(package, features)| (package.replace(" (proc-macro)", ""), features.to_owned())).collect()
}

#[test]
fn what_the_demo_builds_the_tests_do_not_build_again() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").read_dir().expect("plugins");
    let manifests = plugins.map(|entry| entry.expect("an entry").path().join("Cargo.toml"));
    let is_plugin = |manifest: &Path| std::fs::read_to_string(manifest).expect("a manifest").contains("cdylib");
    let names = manifests.filter(|manifest| is_plugin(manifest)).map(|manifest| {
        let folder = manifest.parent().and_then(Path::file_name).expect("a folder");
        format!("locus-{}", folder.to_string_lossy())
    });
    let chosen = ["locus".to_owned(), "locus-server".to_owned()].into_iter().chain(names);
    let demo: Vec<String> = chosen.map(|name| format!("--package={name}")).collect();
    let built = features(&demo, "no-dev,no-build,no-proc-macro");
    assert!(built.len() > 100, "{built:?}");
    let all = ["--workspace".to_owned()];
    for edges in ["no-dev,no-build,no-proc-macro", "no-build,no-proc-macro"] {
        let tested = features(&all, edges);
        let other: Vec<_> =
            built.iter().filter(|(name, features)| tested.get(*name).is_some_and(|all| all != *features)).collect();
        assert!(
            other.is_empty(),
            "compiled twice: {other:?}; name the features that are missing there in app/files/Cargo.toml"
        );
    }
}
