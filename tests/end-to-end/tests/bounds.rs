//! Counts and files without end: said in a sentence before anything is computed for them, and never waited for.

use locus_end_to_end::Home;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::File;

#[test]
fn what_is_no_file_is_neither_waited_for_nor_read_without_end() {
    let home = Home::new();
    mknodat(CWD, home.path("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
    std::fs::create_dir(home.path("folder")).expect("a folder");
    File::create(home.path("hole.json")).and_then(|file| file.set_len(1 << 40)).expect("a file with a hole");
    let commands: Vec<Vec<&str>> = vec![
        vec!["trace", "--facts"],
        vec!["edit", "--method", "rome", "--corpus"],
        vec!["edit", "--orders"],
        vec!["edit", "--method", "rome", "--settings-file"],
        vec!["trace", "--noise-file"],
        vec!["trace", "--apply"],
        vec!["deltas", "show"],
        vec!["stats", "verify"],
        vec!["stats", "import", "--layer", "1"],
        vec!["picture", "--journal"],
        vec!["plugin", "check"],
        vec!["plugin", "list", "--plugin"],
    ];
    for command in commands {
        let places = if command == ["trace", "--facts"] { &["pipe", "folder", "/dev/zero"][..] } else { &["pipe"] };
        for &place in places {
            let whole: Vec<&str> = command.iter().copied().chain([place]).collect();
            let ended = home.run(&whole);
            assert!(matches!(ended.code, Some(1..=3)), "{whole:?}: {ended:?}");
            assert_eq!(ended.err.lines().count(), 1, "{whole:?}: {}", ended.err);
            let named = ["it is a pipe", "it is a folder", "it is a device", "is no file"];
            let is_said = named.iter().any(|named| ended.err.contains(named));
            assert!(is_said, "{whole:?}: {}", ended.err);
        }
    }
    let ended = home.run(["facts", "--journal", "pipe"]).sentence(1);
    assert!(ended.contains("pipe: the journal cannot be written: nobody reads from that pipe"), "{ended}");
    for command in [&["trace", "--facts"][..], &["edit", "--orders"], &["edit", "--method", "rome", "--settings-file"]]
    {
        let ended = home.run(command.iter().copied().chain(["hole.json"])).err;
        assert!(ended.contains("1.0 TiB, but at most"), "{command:?}: {ended}");
    }
}

fn record(case: u64) -> serde_json::Value {
    serde_json::json!({"case_id": case, "requested_rewrite": {"prompt": "The capital of {} is", "subject": "France",
        "target_new": {"str": "Rome"}, "target_true": {"str": format!("Paris{}", "s".repeat(case as usize))}}})
}

#[test]
fn counts_are_bounded() {
    let home = Home::new();
    let edit = |more: &[&'static str]| [&["edit", "--method", "fine-tuning", "--case", "0"], more].concat();
    let trace = |more: &[&'static str]| [&["trace", "--case", "0"], more].concat();
    for (arguments, named) in [
        (trace(&["--samples", "99999999999"]), "--samples"),
        (trace(&["--samples", "18446744073709551615"]), "--samples"),
        (trace(&["--kind", "mlp", "--window", "18446744073709551615"]), "--window"),
        (trace(&["--noise", "s1e308"]), "--noise"),
        (trace(&["--threads", "2147483647"]), "--threads"),
        (edit(&["--layers", "0-99999999999"]), "--layers"),
        (edit(&["--layers", "0-18446744073709551615"]), "--layers"),
        (edit(&["--set", "steps=99999999999"]), "steps"),
        (vec!["picture", "--size", "65535x65535"], "--size"),
        (vec!["eval", "--limit", "1", "--said-tokens", "18446744073709551615"], "--said-tokens"),
        (vec!["plugin", "check", "x.so", "--edits", "18446744073709551615"], "--edits"),
        (vec!["stats", "export", "x", "--sample-size", "18446744073709551615"], "--sample-size"),
        (vec!["trace", "--all", "--limit", "0"], "--limit"),
    ] {
        let ended = home.run(&arguments);
        assert!(matches!(ended.code, Some(1 | 2)), "{arguments:?}: {ended:?}");
        assert_eq!(ended.err.lines().count(), 1, "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(named), "{arguments:?}: {}", ended.err);
    }
    // what is more than there is is all there is
    let some = ["--facts", "some.json", "--cases", "0-18446744073709551615", "--together", "--json"];
    let records: Vec<_> = (0..2).map(record).collect();
    std::fs::write(home.path("some.json"), serde_json::json!(records).to_string()).expect("written");
    let edited = home.run(["edit", "--method", "fine-tuning", "--set", "steps=1"].into_iter().chain(some)).well();
    assert_eq!(edited.records().edits()[0].started.order.more.len(), 1);
}

/// Brackets in brackets in brackets: refused, not followed down.
#[test]
fn nesting_is_bounded() {
    let home = Home::new();
    let deep = "[".repeat(200_000);
    for (file, text, command) in [
        ("facts.json", deep.clone(), vec!["trace", "--facts", "facts.json"]),
        ("o.jsonl", format!("{{\"a\":{deep}"), vec!["edit", "--orders", "o.jsonl"]),
        ("o.toml", format!("a = {deep}"), vec!["edit", "--orders", "o.toml"]),
        ("c.jsonl", format!("{{\"text\":{deep}"), vec!["edit", "--method", "rome", "--corpus", "c.jsonl"]),
        ("j.jsonl", format!("{{\"event\":{deep}"), vec!["picture", "--journal", "j.jsonl"]),
    ] {
        std::fs::write(home.path(file), text).expect("written");
        let ended = home.run(&command);
        assert!(matches!(ended.code, Some(1 | 2)), "{command:?}: {ended:?}");
        // what is going to be collected is said first
        assert!(ended.err.lines().count() <= 2 && ended.err.len() < 4096, "{command:?}: {}", ended.err);
        assert!(!ended.err.contains("panicked"), "{command:?}: {}", ended.err);
    }
}
