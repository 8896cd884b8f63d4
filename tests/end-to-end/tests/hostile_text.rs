//! Text of files, models, plugins and flags on its way to the terminal: shown, never obeyed, and not at length.

use locus_end_to_end::{Ended, Home};
use serde_json::{Value, json};
use std::ffi::OsString;

/// What a terminal obeys: titles, clearing, colors, C1 controls, other writing directions, marks without width.
const HOSTILE: &str = "\u{1b}]0;PWN\u{7}\u{1b}[2J\u{9b}31m\u{7f}\u{8}\u{202e}\u{2066}\u{200b}\rX";
/// The same with line breaks of its own: a line that this program never printed.
const FORGED: &str = "\nlocus: all is well\u{1b}[1A";

fn is_obeyed(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Nothing that was printed is obeyed by a terminal, and no line stands there that came from elsewhere.
fn assert_shown(what: &[String], ended: &Ended) {
    for (stream, text) in [("output", &ended.out), ("errors", &ended.err)] {
        // tabs stand between the cells of a table
        let found = text.chars().find(|&character| is_obeyed(character) && (character != '\t' || stream == "errors"));
        assert_eq!(found, None, "{what:?}: {stream}: {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("locus: all is well")), "{what:?}: {stream}: {text}");
        assert!(!text.contains("panicked"), "{what:?}: {text}");
    }
}

/// A record whose texts are hostile, but for a subject that the built-in model can be traced and edited on.
fn record(case: u64, subject: &str, end: &str) -> Value {
    json!({"case_id": case, "requested_rewrite": {"prompt": format!("The capital{end} of {{}} is"),
        "subject": subject, "relation_id": HOSTILE,
        "target_new": {"str": format!("Rome{end}")}, "target_true": {"str": format!("Paris{end}")}},
        "paraphrase_prompts": [format!("France{end} has")], "neighborhood_prompts": [format!("Spain{end}")],
        "generation_prompts": [HOSTILE]})
}

#[test]
fn facts_are_shown_and_not_obeyed() {
    let home = Home::new();
    let hostile = format!("France{HOSTILE}{FORGED}");
    let records = json!([record(1, "France", HOSTILE), record(2, "France", FORGED), record(3, &hostile, HOSTILE)]);
    std::fs::write(home.path("facts.json"), records.to_string()).expect("written");
    let edit = ["edit", "--facts", "facts.json", "--method", "fine-tuning", "--set", "steps=1"];
    let commands: Vec<Vec<&str>> = vec![
        vec!["facts", "--facts", "facts.json"],
        vec!["facts", "--facts", "facts.json", "--json"],
        vec!["trace", "--facts", "facts.json", "--case", "1"],
        vec!["trace", "--facts", "facts.json", "--case", "1", "--json"],
        vec!["trace", "--facts", "facts.json", "--case", "3"],
        [&edit[..], &["--cases", "1-2", "--sequence", "--save", "x.st"]].concat(),
        [&edit[..], &["--case", "1", "--json"]].concat(),
        vec!["eval", "--facts", "facts.json", "--skip-bad", "--fluency"],
        vec!["log"],
        vec!["log", "--json"],
        vec!["show", "1"],
        vec!["show", "2"],
        vec!["replay", "1"],
        vec!["deltas", "show", "x.st"],
        vec!["deltas", "show", "x.st", "--json"],
    ];
    for command in commands {
        let ended = home.run(&command);
        let named: Vec<String> = command.iter().map(ToString::to_string).collect();
        assert_shown(&named, &ended);
        // whether such a subject can be traced, and comes out the same again, is not the matter here
        if !["eval", "replay"].contains(&command[0]) && !command.contains(&"3") {
            assert_eq!(ended.code, Some(0), "{command:?}: {ended:?}");
        }
        if named.contains(&"--json".to_owned()) {
            ended.out.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).expect("a record")));
            assert!(ended.out.contains("\\u001b]0;PWN\\u0007"), "{command:?}: the values are kept");
        } else if ["facts", "show"].contains(&command[0]) {
            assert!(ended.out.contains("\\u{1b}"), "{command:?}: {}", ended.out);
        }
    }
}

#[test]
fn flags_and_names_are_shown_and_not_obeyed() {
    let home = Home::new();
    let name = format!("n{HOSTILE}{FORGED}");
    std::fs::write(home.path(&name), format!("{{\"{HOSTILE}\": \"{FORGED}\"")).expect("written");
    std::fs::write(home.path("orders.jsonl"), json!({"method": name, "case": 1}).to_string()).expect("written");
    std::fs::write(home.path("orders.toml"), format!("[[edit]]\nmethod = \"rome\"\n{:?} = 1\n", "a\u{1b}b"))
        .expect("written");
    let name = name.as_str();
    let commands: Vec<Vec<&str>> = vec![
        vec![name],
        vec!["trace", "--kind", name],
        vec!["trace", "--noise", name],
        vec!["trace", "--device", name],
        vec!["trace", "--facts", name],
        vec!["trace", "--csv", "no/x", "--prompt", name, "--true", name],
        vec!["trace", "--prompt", "The {France} is", "--subject", name],
        vec!["edit", "--method", name],
        vec!["edit", "--method", "rome", "--layers", name],
        vec!["edit", "--method", "rome", "--cases", name],
        vec!["edit", "--method", "rome", "--set", name],
        vec!["edit", "--method", "rome", "--parity", name],
        vec!["edit", "--method", "rome", "--settings-file", name],
        vec!["edit", "--orders", name],
        vec!["edit", "--orders", "orders.jsonl"],
        vec!["edit", "--orders", "orders.toml"],
        vec!["edit", "--method", "rome", "--corpus", name, "--corpus-column", name],
        vec!["eval", "--out", name],
        vec!["eval", "--limit", "1", "--consistency", name],
        vec!["model", "info", "--model", name],
        vec!["plugin", "show", name],
        vec!["plugin", "check", name],
        vec!["deltas", "show", name],
        vec!["trace", "--apply", name],
        vec!["stats", "verify", name],
        vec!["picture", "--journal", name],
        vec!["picture", "--size", name],
        vec!["completions", name],
    ];
    for command in commands {
        let ended = home.run(&command);
        let named: Vec<String> = command.iter().map(ToString::to_string).collect();
        assert!(ended.code != Some(0), "{command:?}: {ended:?}");
        assert_shown(&named, &ended);
    }
}

/// A name that is no UTF-8 is a name.
#[test]
fn names_that_are_no_text() {
    use std::os::unix::ffi::OsStringExt;
    let home = Home::new();
    let name = OsString::from_vec(b"x\xff\x9b2J.json".to_vec());
    let ended = home.run([OsString::from("trace"), OsString::from("--facts"), name]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_shown(&[], &ended);
}

/// Whatever is quoted is cut: a message stays a sentence.
#[test]
fn megabytes_are_not_echoed() {
    let home = Home::new();
    let long = "x".repeat(5_000_000);
    let good = json!({"prompt": "The capital of {} is", "subject": "France", "target_new": {"str": "Rome"},
        "target_true": {"str": "Paris"}});
    let with = |field: &str, value: &Value| {
        let mut rewrite = good.clone();
        rewrite[field] = value.clone();
        json!([{"case_id": 1, "requested_rewrite": rewrite}])
    };
    let flat = json!([{"case_id": 1, "prompt": "The capital is", "subject": long, "target_new": "Rome",
        "ground_truth": "Paris"}]);
    let cases = [
        ("facts.json", flat.to_string(), vec!["trace", "--facts", "facts.json"]),
        ("facts.json", with("prompt", &json!(long)).to_string(), vec!["trace", "--facts", "facts.json"]),
        ("facts.json", format!("[{{\"case_id\": \"{long}\"}}]"), vec!["trace", "--facts", "facts.json"]),
        ("orders.jsonl", json!({"method": long}).to_string(), vec!["edit", "--orders", "orders.jsonl"]),
        ("orders.jsonl", json!({long.as_str(): 1}).to_string(), vec!["edit", "--orders", "orders.jsonl"]),
        ("s.toml", format!("{long} = 1"), vec!["edit", "--method", "rome", "--settings-file", "s.toml"]),
        ("j.jsonl", json!({"event": long}).to_string(), vec!["picture", "--journal", "j.jsonl"]),
    ];
    for (file, text, command) in cases {
        std::fs::write(home.path(file), text).expect("written");
        let ended = home.run(&command);
        assert!(ended.code != Some(0), "{command:?}");
        assert!(ended.err.len() < 4096, "{command:?}: {} bytes", ended.err.len());
        assert_eq!(ended.err.lines().count(), 1, "{command:?}: {}", ended.err);
        assert!(ended.out.len() < 4096, "{command:?}: {} bytes", ended.out.len());
        let json: Vec<&str> = command.iter().copied().chain(["--json"]).collect();
        // the plugins and the model are told as well
        assert!(home.run(&json).out.len() < 65_536, "{command:?} --json");
    }
    // tables are cut as well, records are not
    let [short, long] =
        ["France".to_owned(), "y".repeat(100_000)].map(|text| with("target_new", &json!({"str": text}))[0].take());
    std::fs::write(home.path("facts.json"), json!([short, long]).to_string()).expect("written");
    let shown = home.run(["facts", "--facts", "facts.json"]).well().out;
    assert!(shown.len() < 8192 && shown.contains("characters)"), "{} bytes", shown.len());
    assert!(home.run(["facts", "--facts", "facts.json", "--json"]).well().out.len() > 100_000);
}
