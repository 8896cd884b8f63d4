//! docs/plugins.md says what is so.

use locus_plugin_host::LoadError;
use locus_protocol::PluginKind;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn document() -> String {
    std::fs::read_to_string(root().join("docs/plugins.md")).expect("docs/plugins.md")
}

/// The text between the first line that is `from` and the next that is `to`.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("\n{from}\n")).unwrap_or_else(|| panic!("no line {from}"));
    let (inside, _) = rest.split_once(&format!("\n{to}")).unwrap_or_else(|| panic!("no line {to}"));
    inside
}

#[test]
fn the_complete_plugin_is_the_one_that_the_other_tests_run() {
    let document = document();
    let shown = between(&document, "```rust", "```");
    let source = std::fs::read_to_string(root().join("tests/fixtures/nudge/src/lib.rs")).expect("the source");
    assert_eq!(shown.trim_end(), source.trim_end(), "copy tests/fixtures/nudge/src/lib.rs to docs/plugins.md");
    assert!(source.lines().count() <= 40, "the complete plugin is to have at most 40 lines");
}

#[test]
fn the_manifest_is_one() {
    let document = document();
    let manifest = between(&document, "```toml", "```");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    assert_eq!(manifest["lib"]["crate-type"], toml::Value::Array(vec!["cdylib".into()]));
    assert!(manifest["dependencies"].get("locus-plugin").is_some());
}

/// The names of the public things that a source takes into its package.
fn imported(source: &str) -> BTreeSet<String> {
    let statements = source.split("pub use ").skip(1).filter_map(|rest| rest.split_once(';')).map(|(names, _)| names);
    let names = statements.flat_map(|names| match names.split_once('{') {
        Some((_, list)) => list.trim_end_matches('}').split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>(),
        None => vec![names.rsplit("::").next().unwrap_or(names).trim().to_owned()],
    });
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn everything_an_author_imports_is_listed_and_nothing_else() {
    let source = std::fs::read_to_string(root().join("plugin-api/src/lib.rs")).expect("the package");
    // what macros expand to is nobody's business
    let (public, _) = source.split_once("pub mod schema").expect("the module of the macros");
    let mut exported = imported(public);
    exported.extend(["parameters!", "export_plugin!"].map(str::to_owned));
    let document = document();
    let table = between(&document, "## What an author imports", "## What goes wrong");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
    let listed: BTreeSet<String> =
        rows.flat_map(|(names, _)| names.split(", ")).map(|name| name.trim_matches('`').to_owned()).collect();
    assert_eq!(listed, exported);
}

#[test]
fn the_messages_at_loading_are_the_real_ones() {
    let document = document();
    let file = PathBuf::from("FILE");
    let text = |text: &str| text.to_owned();
    let errors = [
        LoadError::Unreadable { file: file.clone(), reason: text("No such file or directory") },
        LoadError::NotALibrary { file: file.clone(), reason: text("it is truncated or damaged…") },
        LoadError::NoEntry { file: file.clone(), reason: text("it has no section .locus_plugin") },
        LoadError::DamagedStamp { file: file.clone(), reason: text("…") },
        LoadError::Untrusted { place: file.clone(), reason: text("everyone can write to it") },
        LoadError::Interface { file: file.clone(), has: text("1.0"), needs: text("2.0") },
        LoadError::Target {
            file: file.clone(),
            has: text("aarch64-unknown-linux-gnu"),
            needs: text("x86_64-unknown-linux-gnu"),
        },
        LoadError::Libtorch { file: file.clone(), has: text("2.10.0"), needs: text("2.11.0") },
        LoadError::Open { file: file.clone(), reason: text("undefined symbol…") },
        LoadError::StartUp { file: file.clone(), reason: text("it needs 64 GB of memory") },
        LoadError::Table { file: file.clone(), reason: text("method 0: a function is missing") },
        LoadError::Declaration { file: file.clone(), reason: text("…") },
        LoadError::Duplicate { file, other: "OTHER".into(), kind: PluginKind::Method, id: text("rome") },
    ];
    let listed: Vec<&str> = between(&document, "## Checks at loading", "A newer *minor*")
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "))
        .map(|(_, message)| message)
        .skip(2)
        .collect();
    assert_eq!(listed, errors.map(|error| error.to_string()));
}
