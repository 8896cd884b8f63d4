//! Every file that is no plugin we can use is refused with one sentence that says why.

use crate::c::compile;
use crate::support::library;
use locus_plugin_host::{LoadError, Registry, SearchPaths, inspect, load};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("folder")
}

/// A copy of a good plugin with other bytes.
fn patched(folder: &Path, patch: impl FnOnce(&mut Vec<u8>, usize)) -> PathBuf {
    let mut bytes = std::fs::read(library("locus-error-injection")).expect("the good plugin");
    let stamp = find(&bytes, b"LOCUSPLG").expect("the stamp");
    assert_eq!(find(&bytes[stamp + 8..], b"LOCUSPLG"), None);
    patch(&mut bytes, stamp);
    let file = folder.join("libpatched.so");
    std::fs::write(&file, bytes).expect("written");
    file
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The sentence with which `file` is refused, without the file's name.
fn refusal(file: &Path) -> String {
    let Err(error) = load(file) else { panic!("{} was loaded", file.display()) };
    let text = error.to_string();
    assert!(text.contains(&file.display().to_string()), "{text}");
    assert!(!text.contains('\n'), "{text}");
    assert!(!text.contains(".locus-plugin-"), "the private copy is nobody's business: {text}");
    text.replace(&file.display().to_string(), "FILE")
}

#[test]
fn a_missing_file() {
    let text = refusal(Path::new("no/such/plugin.so"));
    assert_eq!(text, "cannot read the plugin FILE: No such file or directory (os error 2); check the path");
}

#[test]
fn a_folder() {
    let folder = folder();
    assert_eq!(refusal(folder.path()), "cannot read the plugin FILE: it is a folder, not a file; check the path");
}

#[test]
fn a_text_file_and_an_empty_one() {
    let folder = folder();
    for text in ["#!/bin/sh\n", "", "\x7fELF"] {
        let file = folder.path().join("libtext.so");
        std::fs::write(&file, text).expect("written");
        let text = refusal(&file);
        assert!(text.starts_with("FILE is not a shared library for this machine (it "), "{text}");
    }
}

#[test]
fn a_library_that_is_cut_short_at_any_place() {
    let folder = folder();
    let whole = std::fs::read(library("locus-error-injection")).expect("the good plugin").len();
    for length in [40, 64, 1000, whole / 4, whole / 2, whole - 4000, whole - 1] {
        let file = patched(folder.path(), |bytes, _| bytes.truncate(length));
        let text = refusal(&file);
        assert!(text.contains("is not a shared library for this machine (it is truncated or damaged"), "{text}");
    }
}

#[test]
fn a_library_for_another_processor() {
    let folder = folder();
    let file = patched(folder.path(), |bytes, _| bytes[18] = 0xf3);
    assert!(refusal(&file).contains("(it is for another processor architecture); build the plugin with"));
}

#[test]
fn an_object_file() {
    let folder = folder();
    let file = patched(folder.path(), |bytes, _| bytes[16] = 1);
    assert!(refusal(&file).contains("(it is an executable or an object file)"));
}

#[test]
fn a_library_without_a_stamp() {
    let folder = folder();
    let text = refusal(&compile("broken.c", &["-DNO_STAMP"], folder.path()));
    assert_eq!(
        text,
        "FILE is a shared library but exports no plugin (it has no section .locus_plugin); add \
         `locus_plugin::export_plugin!` to it"
    );
}

#[test]
fn a_stamp_without_an_entry_function() {
    let folder = folder();
    let file = patched(folder.path(), |bytes, _| {
        while let Some(at) = find(bytes, b"locus_plugin_entry_v2") {
            bytes[at] = b'x';
        }
    });
    assert!(refusal(&file).contains("(it has a stamp but no function locus_plugin_entry_v2)"));
}

#[test]
fn a_damaged_stamp() {
    let folder = folder();
    let file = patched(folder.path(), |bytes, stamp| bytes[stamp] = b'X');
    assert!(refusal(&file).contains("FILE has a damaged stamp (it does not begin with LOCUSPLG); rebuild the plugin"));
    for size in [31_u32, 257, u32::MAX] {
        let file = patched(folder.path(), |bytes, stamp| {
            bytes[stamp + 8..stamp + 12].copy_from_slice(&size.to_le_bytes());
        });
        assert!(refusal(&file).contains(&format!("(it declares {size} bytes, but there are 256)")));
    }
}

#[test]
fn another_interface() {
    let folder = folder();
    let file = patched(folder.path(), |bytes, stamp| bytes[stamp + 12] = 1);
    assert_eq!(
        refusal(&file),
        "FILE was built for plugin interface 1.0, but this program uses 2.0; rebuild the plugin with the locus-plugin \
         package of this program"
    );
}

#[test]
fn a_newer_minor_version_is_no_reason() {
    let folder = folder();
    let file = patched(folder.path(), |bytes, stamp| bytes[stamp + 14] = 9);
    assert_eq!(load(&file).expect("loads")[0].ready.interface, "2.9");
}

#[test]
fn another_target() {
    let folder = folder();
    let file = patched(folder.path(), |bytes, stamp| bytes[stamp + 32..stamp + 38].copy_from_slice(b"riscv6"));
    let text = refusal(&file);
    assert!(text.starts_with("FILE was built for riscv6-unknown-linux-gnu, but this program runs on "), "{text}");
}

#[test]
fn another_libtorch() {
    let folder = folder();
    let file = patched(folder.path(), |bytes, stamp| bytes[stamp + 24 + 6] = 10);
    assert_eq!(
        refusal(&file),
        "FILE was built with libtorch 2.10.0, but this program uses libtorch 2.11.0; rebuild the plugin with that libtorch"
    );
}

#[test]
fn the_first_fault_is_the_one_that_is_told() {
    let folder = folder();
    let file = patched(folder.path(), |bytes, stamp| {
        (bytes[stamp + 12], bytes[stamp + 32], bytes[stamp + 30]) = (1, b'y', 1);
    });
    assert!(matches!(load(&file), Err(LoadError::Interface { .. })));
    let file = patched(folder.path(), |bytes, stamp| (bytes[stamp + 32], bytes[stamp + 30]) = (b'y', 1));
    assert!(matches!(load(&file), Err(LoadError::Target { .. })));
}

#[test]
fn a_library_that_the_system_does_not_load() {
    let folder = folder();
    let text = refusal(&compile("broken.c", &["-DUNDEFINED_FUNCTION"], folder.path()));
    assert!(
        text.starts_with("the dynamic linker cannot load FILE: undefined symbol: a_function_that_nobody_defines"),
        "{text}"
    );
}

#[test]
fn a_start_up_that_fails() {
    let folder = folder();
    let text = refusal(&compile("broken.c", &["-DFAILS_TO_START"], folder.path()));
    assert_eq!(text, "FILE failed to start: it needs 64 GB of memory; ask the plugin's author");
    let text = refusal(&compile("broken.c", &["-DFAILS_WITHOUT_A_WORD"], folder.path()));
    assert!(text.contains("it failed without a message (status 77)"), "{text}");
}

#[test]
fn unusable_tables() {
    let folder = folder();
    for (definition, reason) in [
        ("-DNO_TABLE", "the plugin's table is null"),
        ("-DSHORT_TABLE", "method 0: its table has 16 bytes instead of 24"),
        ("-DMISSING_FUNCTION", "method 0: a function is missing"),
        ("-DMETHOD_COUNT=0", "it contains neither a method nor an objective"),
        ("-DMETHOD_COUNT=65", "it declares 65 methods, but at most 64 are allowed"),
    ] {
        let text = refusal(&compile("broken.c", &[definition], folder.path()));
        assert_eq!(text, format!("FILE has an unusable plugin table ({reason}); rebuild the plugin"));
    }
}

#[test]
fn bad_declarations() {
    let folder = folder();
    let field = r#"{\"name\": \"n\", \"help\": \"h\", \"default\": 9, \"type\": \"integer\", \"min\": 0, \"max\": 5}"#;
    let bad_default = format!(r#"-DDESCRIPTION="{{\"id\": \"a\", \"title\": \"A\", \"hyperparameters\": [{field}]}}""#);
    for (definition, reason) in [
        ("-DUNDESCRIBED", "it cannot be described: nobody knows what this is"),
        (r#"-DDESCRIPTION="{""#, "it cannot be described: unreadable answer: EOF while parsing"),
        (r#"-DDESCRIPTION="{\"title\": \"A\"}""#, "it cannot be described: unreadable answer: missing field `id`"),
        (
            r#"-DDESCRIPTION="{\"id\": \"No ise\", \"title\": \"A\"}""#,
            "the id `No ise` must consist of at most 64 lower-case letters",
        ),
        (r#"-DDESCRIPTION="{\"id\": \"a\", \"title\": \"\"}""#, "`a` has no title"),
        (bad_default.as_str(), "`a`: the default of a hyperparameter does not match its declaration: `n` must be"),
        ("-DMETHOD_COUNT=2", "it contains the method `broken` twice"),
    ] {
        let text = refusal(&compile("broken.c", &[definition], folder.path()));
        assert!(text.starts_with(&format!("FILE has an invalid declaration: {reason}")), "{text}");
        assert!(text.ends_with("; ask the plugin's author"), "{text}");
    }
}

#[test]
fn an_id_that_is_taken() {
    let folder = folder();
    // Another build of the same plugin: another compiler's name in the stamp.
    let other = patched(folder.path(), |bytes, stamp| bytes[stamp + 96] = b'R');
    let mut registry = Registry::default();
    let good = library("locus-error-injection");
    registry.add(&good).expect("loads");
    let error = registry.add(&other).expect_err("taken").to_string();
    let (good, other) = (good.display(), other.display());
    assert_eq!(error, format!("{other} and {good} both contain the objective `error-injection`; remove one of them"));
    assert_eq!(registry.plugins().len(), 1);
}

#[test]
fn nothing_of_a_file_runs_when_it_is_inspected() {
    let folder = folder();
    let stamp = inspect(&compile("broken.c", &["-DUNDEFINED_FUNCTION"], folder.path())).expect("a stamp");
    assert_eq!((stamp.plugin.as_str(), stamp.libtorch, stamp.interface), ("broken 0.1.0", None, (2, 0)));
    assert!(stamp.compiler.starts_with("C "), "{stamp:?}");
    stamp.check().expect("it fits");
    let stamp = inspect(&library("locus-hostile")).expect("a stamp");
    assert!(stamp.by_name_only && stamp.compiler.starts_with("rustc "), "{stamp:?}");
    assert_eq!(stamp.libtorch.map(|version| version >> 48), Some(0x020b));
}

#[test]
fn in_folders_only_plugins_are_spoken_of() {
    let (first, second) = (folder(), folder());
    compile("broken.c", &["-DNO_STAMP"], first.path());
    std::fs::write(first.path().join("libtext.so"), "text").expect("written");
    std::fs::copy(library("locus-hostile"), first.path().join("libhostile.so")).expect("copied");
    std::fs::copy(library("locus-error-injection"), first.path().join("libgood.so")).expect("copied");
    let again = second.path().join("libgood.so");
    std::fs::hard_link(first.path().join("libgood.so"), again).expect("linked");
    let bad = patched(second.path(), |bytes, stamp| bytes[stamp + 12] = 1);

    let paths = SearchPaths {
        folders: vec![first.path().to_owned(), second.path().to_owned()],
        files: vec![PathBuf::from("no/such/plugin.so"), library("nudge")],
        ..SearchPaths::default()
    };
    let mut registry = Registry::new(paths);
    for _ in 0..2 {
        let (ready, refused) = registry.scan();
        let ids: Vec<&str> = ready.iter().map(|plugin| plugin.id.as_str()).collect();
        assert_eq!(ids, ["error-injection", "nudge"]);
        let files: Vec<&Path> = refused.iter().map(|refused| refused.file.as_path()).collect();
        assert_eq!(files, [bad.as_path(), Path::new("no/such/plugin.so")]);
        assert!(refused[0].reason.contains("plugin interface 1.0"), "{refused:?}");
    }
    assert_eq!(registry.method("nudge").expect("there").description().info.title, "Nudge one layer");
    let Err(error) = registry.method("nudgee") else { panic!("there is no such method") };
    assert_eq!(error.to_string(), "there is no method `nudgee`; available: nudge");
    registry.objective("error-injection").expect("there");
    let Err(error) = Registry::default().objective("x") else { panic!("there is no such objective") };
    assert!(error.to_string().starts_with("there is no objective `x`; none was found in "), "{error}");
}
