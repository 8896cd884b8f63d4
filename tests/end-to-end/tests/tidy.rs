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

/// The sources of every package in `app`, but for those below some folders: new ones are held without being listed.
fn sources_of_app(except: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = sources("app");
    let is_source = |file: &Path| file.components().any(|part| part.as_os_str() == "src");
    let is_left_out = |file: &Path| except.iter().any(|folder| file.starts_with(root().join(folder)));
    found.retain(|(file, _)| is_source(file) && !is_left_out(file));
    found
}

/// The code of a source: without comments, and without its tests, which come last.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = before_tests.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn assert_free_of(folder: &str, words: &[&str], why: &str) {
    assert_none_has(sources(folder), words, why);
}

fn assert_none_has(sources: Vec<(PathBuf, String)>, words: &[&str], why: &str) {
    for (file, text) in sources {
        let code = code(&text);
        for word in words {
            assert!(!code.contains(word), "{} names `{word}`: {why}", file.display());
        }
    }
}

#[test]
fn only_the_workbench_knows_of_terminals() {
    let sources = sources_of_app(&["app/tui"]);
    assert_none_has(sources, &["ratatui", "crossterm"], "terminal code belongs into app/tui");
    assert_free_of("plugins", &["ratatui", "crossterm"], "terminal code belongs into app/tui");
    assert_free_of("plugin-api", &["ratatui", "crossterm"], "terminal code belongs into app/tui");
}

#[test]
fn the_front_knows_of_no_tensors() {
    for folder in ["app/src", "app/tui/src", "app/link/src", "app/protocol/src", "app/records/src", "app/analysis/src"]
    {
        let mut sources = sources(folder);
        // what a new plugin is made of
        sources.retain(|(file, _)| !file.components().any(|part| part.as_os_str() == "templates"));
        assert_none_has(sources, &["tch::", "locus_engine", "locus_session"], "the front links no libtorch");
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
    assert_none_has(sources_of_app(&["app/benchmark"]), &ids, "methods and objectives are plugins");
}

#[test]
fn unsafe_stays_at_the_boundary_and_in_loading() {
    // the allocator hands every block on; the device opens the half of libtorch that is for GPUs
    let places = ["app/plugin-host", "app/allocator", "app/session/src/model/device.rs", "app/session/build.rs"];
    let words = ["unsafe {", "unsafe fn", "unsafe impl"];
    assert_none_has(sources_of_app(&places), &words, "unsafe belongs to the boundary and to loading");
    assert_free_of("plugins", &words, "unsafe belongs to the boundary and to loading");
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
    // where libraries are copied to before they are opened; where sockets are on a machine without a folder for them
    let scratch = ["app/plugin-host/src/library.rs", "app/link/src/runtime.rs"];
    for (file, text) in sources_of_app(&["app/files", "app/benchmark"]).into_iter().chain(sources("plugins")) {
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

/// A pipe or a device given as a file would be waited for, or read without end.
#[test]
fn files_of_the_user_are_read_in_one_place() {
    let readers = ["fs::read(", "read_to_string(", "File::open"];
    let own = [
        // of the program's own folders, or read after they were looked at
        "app/records/src/operations/journal.rs",
        "app/session/src/emitter.rs",
        "app/src/cli/plugin/new/checkout.rs",
        // standard input, bounded
        "app/src/cli/orders/file.rs",
    ];
    for (file, text) in sources_of_app(&["app/files", "app/benchmark", "app/demo"]) {
        let place = file.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
        let code = code(&text);
        for reader in readers.into_iter().filter(|reader| code.contains(reader)) {
            assert!(own.contains(&place.as_str()), "{place} names `{reader}`: files are read by locus-files");
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

/// libtorch has one generator for a whole process, and the tests of a file run side by side in one: what one of them seeds
/// another uses up, and a test that draws there fails once in a hundred runs.
#[test]
fn tests_draw_no_random_numbers_of_the_process() {
    let draws = ["manual_seed", "randn", "Tensor::rand", "f_rand"];
    let mut packages: Vec<_> = ["app/engine", "app/session", "plugins", "plugin-api"].map(sources).concat();
    packages.retain(|(_, text)| text.contains("#[test]") || text.contains("#[cfg(test)]"));
    packages.extend(sources("app/engine/tests"));
    for (file, text) in packages {
        let named = draws.iter().find(|draw| text.contains(*draw));
        assert!(
            named.is_none(),
            "{} draws by `{named:?}`; `support/numbers.rs` has a generator of its own",
            file.display()
        );
    }
}
