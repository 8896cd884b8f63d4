//! Walls between the packages, as ARCHITECTURE.md draws them, held by reading the sources.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("root")
}

/// All Rust sources below a folder, with their text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("folder").map(|entry| entry.expect("entry").path()) {
            let hidden =
                entry.file_name().is_some_and(|name| name == "target" || name.to_string_lossy().starts_with('.'));
            if entry.is_dir() && !hidden {
                folders.push(entry);
            } else if entry.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&entry).expect("source");
                found.push((entry, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds no source");
    found
}

/// The code of a source: without comments, and without its tests, which come last.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = before_tests.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn assert_free_of(folder: &str, words: &[&str], why: &str) {
    for (file, text) in sources(folder) {
        let code = code(&text);
        for word in words {
            assert!(!code.contains(word), "{} names `{word}`: {why}", file.display());
        }
    }
}

#[test]
fn only_the_workbench_knows_of_terminals() {
    for folder in ["app/src", "app/engine/src", "app/session/src", "app/plugin-host/src", "app/protocol/src", "plugins"]
    {
        assert_free_of(folder, &["ratatui", "crossterm"], "terminal code belongs into app/tui");
    }
    assert_free_of("plugin-api", &["ratatui", "crossterm"], "terminal code belongs into app/tui");
}

#[test]
fn the_workbench_and_the_protocol_know_of_no_tensors() {
    for folder in ["app/tui/src", "app/protocol/src", "app/records/src"] {
        assert_free_of(folder, &["tch::", "locus_engine", "locus_session"], "tensors belong below the protocol");
    }
}

#[test]
fn the_program_knows_no_method_or_objective_by_name() {
    let plugins: Vec<String> = std::fs::read_dir(root().join("plugins"))
        .expect("plugins")
        .map(|entry| format!("\"{}\"", entry.expect("entry").file_name().to_string_lossy()))
        .collect();
    assert!(plugins.len() >= 3, "{plugins:?}");
    let ids: Vec<&str> = plugins.iter().map(String::as_str).collect();
    for folder in [
        "app/src",
        "app/engine/src",
        "app/session/src",
        "app/plugin-host/src",
        "app/tui/src",
        "app/protocol/src",
        "app/records/src",
    ] {
        assert_free_of(folder, &ids, "methods and objectives are plugins");
    }
}

#[test]
fn unsafe_stays_at_the_boundary_and_in_loading() {
    for folder in ["app/src", "app/engine/src", "app/tui/src", "app/protocol/src", "app/demo/src", "plugins"] {
        assert_free_of(
            folder,
            &["unsafe {", "unsafe fn", "unsafe impl"],
            "unsafe belongs to the boundary and to loading",
        );
    }
}

#[test]
fn files_are_rooms() {
    for folder in ["app", "plugin-api", "plugins", "tests", "xtask"] {
        for (file, text) in sources(folder) {
            assert!(text.lines().count() <= 600, "{} is over 600 lines; is it still one idea?", file.display());
        }
    }
}

/// Every writer goes through `app/files`: names that nobody can guess, nothing under its final name that is not whole.
#[test]
fn files_are_written_in_one_place() {
    let writers = [
        "File::create",
        "fs::write(",
        "fs::rename",
        "fs::copy",
        "fs::hard_link",
        "OpenOptions",
        "File::options",
        "temp_dir()",
        "tempfile::",
        "create_new",
    ];
    // appends whole lines under a lock, and makes no other file
    let append = ["app/records/src/operations/journal.rs"];
    // puts a hash into the draft of a file
    let seal = ["app/engine/src/sealed.rs"];
    // where libraries are copied to before they are opened
    let scratch = ["app/plugin-host/src/library.rs"];
    for folder in [
        "app/src",
        "app/engine/src",
        "app/session/src",
        "app/plugin-host/src",
        "app/tui/src",
        "app/demo/src",
        "app/demo/training/src",
        "app/records/src",
        "plugins",
    ] {
        for (file, text) in sources(folder) {
            let place = file.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            let code = code(&text);
            for writer in writers.into_iter().filter(|writer| code.contains(writer)) {
                let options = append.contains(&place.as_str()) || seal.contains(&place.as_str());
                let known = (options && writer == "File::options")
                    || (scratch.contains(&place.as_str()) && writer == "temp_dir()")
                    // what a new crate is made of
                    || place.contains("plugin/new/templates");
                assert!(known, "{place} names `{writer}`: files are written by locus-files");
            }
        }
    }
}

/// A pipe or a device given as a file would be waited for, or read without end.
#[test]
fn files_of_the_user_are_read_in_one_place() {
    let readers = ["fs::read(", "read_to_string(", "File::open"];
    let own = [
        // files of the system
        "app/src/cli/doctor.rs",
        "app/src/cli/interrupt.rs",
        "app/session/src/model/device.rs",
        "app/engine/src/memory.rs",
        // of the program's own folders, or read after they were looked at
        "app/records/src/operations/journal.rs",
        "app/session/src/emitter.rs",
        "app/src/cli/plugin/new/checkout.rs",
        // standard input, bounded
        "app/src/cli/orders/file.rs",
    ];
    for folder in
        ["app/src", "app/engine/src", "app/session/src", "app/plugin-host/src", "app/tui/src", "app/records/src"]
    {
        for (file, text) in sources(folder) {
            let place = file.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            let code = code(&text);
            for reader in readers.into_iter().filter(|reader| code.contains(reader)) {
                assert!(own.contains(&place.as_str()), "{place} names `{reader}`: files are read by locus-files");
            }
        }
    }
}

/// What reaches a terminal has gone through one filter.
#[test]
fn commands_print_in_one_place() {
    for (file, text) in sources("app/src") {
        if file.ends_with("cli/output.rs") {
            continue;
        }
        let code = code(&text);
        for word in ["println!", "print!(", "eprint", "io::stdout", "io::stderr", "dbg!"] {
            assert!(!code.contains(word), "{} names `{word}`: commands print by cli/output.rs", file.display());
        }
    }
}
