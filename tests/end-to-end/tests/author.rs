//! A plugin's way from nothing: its crate is written, built, checked, and edits.

use locus_end_to_end::{Home, build, files, plugin, test};
use locus_protocol::{Event, PluginKind, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const USAGE: i32 = 2;
const PLUGIN: i32 = 3;

/// By plugin: each check, how it went, and what was said.
type Found = BTreeMap<String, Vec<(String, Verdict, String)>>;

/// The exit code, and what each check of each plugin of a file found.
fn checked(home: &Home, file: &Path, edits: &str) -> (Option<i32>, Found) {
    let file = file.display().to_string();
    let ended = home.run(["plugin", "check", &file, "--json", "--edits", edits]);
    let mut found = Found::new();
    for event in ended.records().events {
        if let Event::PluginChecked(checked) = event {
            found.entry(checked.id).or_default().push((checked.check, checked.verdict, checked.text));
        }
    }
    (ended.code, found)
}

/// Demands that nothing was found wrong with the only plugin of a file, and says what was looked at.
fn well(home: &Home, file: &Path, edits: &str) -> BTreeSet<String> {
    let (code, found) = checked(home, file, edits);
    let (id, checks) = found.first_key_value().expect("a plugin");
    assert!(code == Some(0) && found.len() == 1, "{found:?}");
    assert!(checks.iter().all(|(_, verdict, text)| *verdict == Verdict::Ok && !text.is_empty()), "{id}: {checks:?}");
    checks.iter().map(|(check, ..)| check.clone()).collect()
}

const OF_METHODS: [&str; 13] = [
    "declaration",
    "settings",
    "edits",
    "reports its steps",
    "leaves nothing behind",
    "leaves the weights alone",
    "cancels within a step",
    "errors, not panics: requests",
    "errors, not panics: settings",
    "touches only its layers",
    "same seed, same edit",
    "undo restores",
    "memory",
];

fn assert_all_of_a_method(checks: &BTreeSet<String>) {
    let missing: Vec<_> = OF_METHODS.iter().filter(|check| !checks.contains(**check)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_new_method_in_rust_builds_passes_every_check_and_edits() {
    let home = Home::new();
    let told = home.run(["plugin", "new", "my-own"]).well().out;
    for said in ["cargo build --release", "locus plugin check target/release/libmy_own.so", "--method my-own"] {
        assert!(told.contains(said), "{told}");
    }
    build(&home.path("my-own"), "cargo");
    let library = home.path("my-own/target/release/libmy_own.so");
    assert_all_of_a_method(&well(&home, &library, "4"));
    let library = library.display().to_string();
    let edit = ["edit", "--plugin", &library, "--method", "my-own", "--case", "0", "--json"];
    let applied = home.run(edit).well().records().edits()[0].applied.clone().expect("applied");
    let rewrite = |scores: &locus_protocol::Scores| scores.rewrite[0].clone();
    let (before, after) = (rewrite(&applied.scores.before), rewrite(&applied.scores.after));
    assert!(before.new < 0.01 && after.new > 0.5, "{before:?} {after:?}");
    test(&home.path("my-own"));
    // a change of the source is in the next build
    let source = home.path("my-own/src/lib.rs");
    let text = std::fs::read_to_string(&source).expect("the source");
    std::fs::write(&source, text.replace("steps: i64 = 20,", "steps: i64 = 7,")).expect("written");
    build(&home.path("my-own"), "cargo");
    let edits = home.run(edit).well().records().edits();
    assert_eq!(edits[0].losses.len(), 7);

    // the same folder with an objective: what is compiled serves both
    let _ = home.run(["plugin", "new", "my-aim", "--kind", "objective"]).well();
    build(&home.path("my-aim"), "cargo");
    test(&home.path("my-aim"));
    let aim = home.path("my-aim/target/release/libmy_aim.so");
    let checks = well(&home, &aim, "4");
    for check in
        ["goal", "loss", "gradient", "direction", "one loss a fact", "same input, same loss", "with rome", "with memit"]
    {
        assert!(checks.contains(check), "{check} in {checks:?}");
    }
    let aim = aim.display().to_string();
    let edit =
        ["edit", "--plugin", &aim, "--plugin", &library, "--method", "my-own", "--objective", "my-aim", "--json"];
    let losses = home.run(edit).well().records().edits()[0].losses.clone();
    assert!(losses[0] > 1.0 && losses.last() < losses.first(), "{losses:?}");
    // what is called so already is not written again
    let said = home.run(["plugin", "new", "my-own", "--into", "my-aim", "--plugin", &library]).sentence(USAGE);
    assert!(said.contains("already contains a plugin `my-own`"), "{said}");
}

#[test]
fn a_new_method_in_c_builds_passes_every_check_and_edits() {
    let home = Home::new();
    let _ = home.run(["plugin", "new", "my-search", "--language", "c"]).well();
    build(&home.path("my-search"), "make");
    let library = home.path("my-search/libmy_search.so");
    assert_all_of_a_method(&well(&home, &library, "4"));
    let library = library.display().to_string();
    let edit = ["edit", "--plugin", &library, "--method", "my-search", "--case", "0", "--json"];
    let edits = home.run(edit).well().records().edits();
    let losses = &edits[0].losses;
    assert!(losses.last().expect("steps") < &(losses[0] / 2.0), "{losses:?}");
    let applied = edits[0].applied.clone().expect("applied");
    assert!(applied.scores.after.rewrite[0].new > 10.0 * applied.scores.before.rewrite[0].new, "{:?}", applied.scores);
}

#[test]
fn what_cannot_be_written_is_told_and_nothing_is_left() {
    let home = Home::new();
    std::fs::create_dir(home.path("there")).expect("a folder");
    let before = files(&home.path(""));
    for (arguments, said) in [
        (&["plugin", "new", "there"][..], "there already exists; choose another name"),
        (&["plugin", "new", "My-Method"], "lowercase letters"),
        (&["plugin", "new", "serde"], "a package that plugins are built with"),
        (&["plugin", "new", "rome"], "already contains a plugin `rome`"),
        (&["plugin", "new", "x", "--into", "nowhere"], "there is no such folder"),
        (&["plugin", "new", "x", "--api", "there"], "there is no plugin interface"),
        (&["plugin", "new", "x", "--kind", "objective", "--language", "c"], "write it in Rust"),
    ] {
        let sentence = home.run(arguments).sentence(USAGE);
        assert!(sentence.contains(said), "{sentence}");
    }
    assert_eq!(files(&home.path("")), before);
    let left = std::fs::read_dir(home.path(""))
        .expect("the home")
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(".locus-"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_new_crate_is_compiled_as_the_program_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = |path: PathBuf| -> toml::Table {
        std::fs::read_to_string(&path).expect("a manifest").parse().unwrap_or_else(|error| panic!("{error}"))
    };
    let mut ours = table(root.join("Cargo.toml"))["profile"]["release"].clone();
    // packages that are compiled otherwise are none that a plugin has
    let others = ours.as_table_mut().and_then(|ours| ours.remove("package")).expect("some packages");
    for shared in ["tch", "torch-sys", "locus-plugin", "locus-plugin-abi", "locus-plugin-data"] {
        assert!(others.get(shared).is_none(), "{shared} is compiled as the program has it");
    }
    for kind in ["method", "objective"] {
        let template = table(root.join("app/src/cli/plugin/new/templates").join(kind).join("Cargo.toml"));
        assert_eq!(
            template["profile"]["release"], ours,
            "with another profile libtorch's bindings compile anew: {kind}"
        );
    }
}

/// Files of the plugins of a kind that the program finds beside it.
fn shipped(home: &Home, kind: PluginKind) -> Vec<PathBuf> {
    let listed = home.run(["plugin", "list", "--json"]).well().records().events;
    let files = listed.into_iter().filter_map(|event| match event {
        Event::Plugin(plugin) if plugin.kind == kind => Some(plugin.file),
        _ => None,
    });
    files.collect()
}

#[test]
fn the_shipped_methods_pass_every_check() {
    let home = Home::new();
    let methods = shipped(&home, PluginKind::Method);
    assert!(methods.len() > 2, "{methods:?}");
    for file in methods {
        assert_all_of_a_method(&well(&home, &file, "4"));
    }
}

#[test]
fn the_shipped_objectives_pass_every_check() {
    let home = Home::new();
    let objectives = shipped(&home, PluginKind::Objective);
    assert!(objectives.len() > 4, "{objectives:?}");
    for file in objectives {
        let checks = well(&home, &file, "4");
        assert!(checks.contains("gradient") && checks.contains("with fine-tuning"), "{checks:?}");
    }
}

#[test]
fn every_crate_of_the_plugins_folder_is_found_by_the_program() {
    let home = Home::new();
    let listed: BTreeSet<PathBuf> =
        [PluginKind::Method, PluginKind::Objective].iter().flat_map(|kind| shipped(&home, *kind)).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    for entry in std::fs::read_dir(folder).expect("plugins").flatten() {
        let text = std::fs::read_to_string(entry.path().join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = text.parse().expect("a manifest");
        if manifest.get("lib").and_then(|lib| lib.get("crate-type")).is_some() {
            let name = manifest["package"]["name"].as_str().expect("a name");
            assert!(listed.contains(&plugin(name)), "{name} is not among {listed:?}");
        }
    }
}

/// What each plugin of the hostile library does wrong, by the check that has to find it.
const CRIMES: [(&str, &str); 21] = [
    ("panics", "edits"),
    ("panics-with-a-bomb", "edits"),
    ("raises-libtorch-exception", "edits"),
    ("panics-in-libtorch", "edits"),
    ("returns-nan", "edits"),
    ("wrong-shape", "edits"),
    ("unknown-parameter", "edits"),
    ("returns-no-tensor", "edits"),
    ("reports-wrong-layer", "reports its steps"),
    ("changes-another-layer", "touches only its layers"),
    ("never-reports", "reports its steps"),
    ("skips-steps", "reports its steps"),
    ("ignores-cancellation", "cancels within a step"),
    ("swallows-errors", "reports its steps"),
    ("leaves-gradient-mode-off", "leaves nothing behind"),
    ("differs-every-time", "same seed, same edit"),
    ("writes-into-weights", "leaves the weights alone"),
    ("leaks", "memory"),
    ("cuts-gradient", "gradient"),
    ("forgets-direction", "direction"),
    ("leaves-threads", "leaves nothing behind"),
];

#[test]
fn every_crime_fails_the_check_that_looks_for_it() {
    let home = Home::new();
    let (code, found) = checked(&home, &plugin("locus-hostile"), "40");
    assert_eq!(code, Some(PLUGIN));
    let failed = |id: &str| -> Vec<&str> {
        let failed = found[id].iter().filter(|(_, verdict, _)| *verdict == Verdict::Failed);
        failed.map(|(check, ..)| check.as_str()).collect()
    };
    for (id, check) in CRIMES {
        assert!(failed(id).contains(&check), "{id} fails {:?}", found[id]);
    }
    assert!(failed("panics-in-objective").contains(&"loss"), "{:?}", found["panics-in-objective"]);
    // of those whose edit works, nothing else is said
    for id in [
        "changes-another-layer",
        "never-reports",
        "skips-steps",
        "ignores-cancellation",
        "writes-into-weights",
        "leaks",
    ] {
        assert_eq!(failed(id).len(), 1, "{id}: {:?}", found[id]);
    }
    assert_eq!(failed("obeys"), Vec::<&str>::new(), "{:?}", found["obeys"]);
}

#[test]
fn a_report_is_for_people() {
    let home = Home::new();
    let nudge = plugin("nudge").display().to_string();
    let ended = home.run(["plugin", "check", &nudge, "--edits", "4"]).well();
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(lines[0].starts_with("method `nudge` 0.1.0"), "{lines:?}");
    assert!(lines.len() > OF_METHODS.len() && lines[1..].iter().all(|line| line.starts_with("  ok ")), "{lines:?}");
    let hostile = plugin("locus-hostile").display().to_string();
    let ended = home.run(["plugin", "check", &hostile, "--edits", "4"]);
    assert_eq!(ended.code, Some(PLUGIN));
    assert!(ended.out.contains("  FAILED   leaves the weights alone: it wrote into `transformer.h."), "{}", ended.out);
    let last = ended.err.lines().last().expect("a sentence");
    assert!(last.starts_with("locus: ") && last.ends_with(" checks failed"), "{}", ended.err);
}

/// docs/plugins.md.
fn document() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join("docs/plugins.md")).expect("docs/plugins.md")
}

#[test]
fn the_tutorial_leads_to_a_method_that_passes_every_check() {
    let document = document();
    let snippets = |fence: &str| -> Vec<String> {
        let fence = format!("```rust {fence}\n");
        let parts = document.split(&fence).skip(1);
        parts.filter_map(|part| part.split_once("```")).map(|(code, _)| code.to_owned()).collect()
    };
    let (before, after) = (snippets("before"), snippets("after"));
    assert!(before.len() == 2 && after.len() == 2, "{before:?} {after:?}");
    let home = Home::new();
    let _ = home.run(["plugin", "new", "my-method"]).well();
    let source = home.path("my-method/src/lib.rs");
    let mut text = std::fs::read_to_string(&source).expect("the source");
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(text.matches(before.as_str()).count(), 1, "the template has another text than\n{before}");
        text = text.replace(before, after);
    }
    std::fs::write(&source, text).expect("written");
    build(&home.path("my-method"), "cargo");
    assert_all_of_a_method(&well(&home, &home.path("my-method/target/release/libmy_method.so"), "4"));
}

#[test]
fn every_check_is_in_the_manual() {
    let document = document();
    let (_, rest) = document.split_once("## What is checked on the model").expect("the section");
    let (of_methods, rest) = rest.split_once("Of an objective:").expect("the second table");
    let (of_objectives, _) = rest.split_once("\n## ").expect("the next section");
    let names = |table: &str| -> Vec<String> {
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
        rows.flat_map(|(names, _)| names.split(", `")).map(|name| name.trim_matches('`').to_owned()).collect()
    };
    assert_eq!(names(of_methods), OF_METHODS);
    let home = Home::new();
    let mut checks = well(&home, &plugin("locus-error-injection"), "4");
    checks.retain(|check| !check.starts_with("with "));
    let listed: BTreeSet<String> = names(of_objectives).into_iter().filter(|name| name != "with METHOD").collect();
    assert_eq!(listed, checks);
}
