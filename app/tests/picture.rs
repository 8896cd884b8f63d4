//! `locus picture` on a journal of records.

use locus_protocol::{
    Device, Event, Fact, JobKind, ModelReady, Outcome, Probe, TokenText, TraceKind, TraceOrder, TraceStarted,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An empty folder of a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn picture(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_locus"));
    command.arg("picture").args(arguments).current_dir(folder).env("HOME", folder);
    command.env_remove("XDG_STATE_HOME").output().expect("locus runs")
}

fn model(name: &str) -> Event {
    Event::Model(ModelReady {
        name: name.into(),
        family: "gpt2".into(),
        layers: 3,
        hidden: 8,
        inner: 32,
        vocabulary: 100,
        parameters: 5000,
        number_format: "float32".into(),
        fingerprint: String::new(),
        device: Device { name: "cpu".into(), reason: "asked for".into() },
        reproducible: false,
        first_fact: None,
        probe: Probe { prompt: "The".into(), deviation: 0.0, answer: " end".into() },
    })
}

/// A session in which one fact is traced.
fn session(name: &str, marked: &str) -> Vec<Event> {
    let fact = Fact::from_marked(marked, "Paris", "Rome").expect("a fact");
    let tokens = [("The", false), (" France", true), (" is", false)];
    let mut events = vec![
        Event::Hello { schema: 1, version: "0.1.0".into(), reproducible: false },
        model(name),
        Event::Started { job: 1, kind: JobKind::Trace, title: "tracing".into() },
        Event::Trace(TraceStarted {
            job: 1,
            order: TraceOrder::new(fact, TraceKind::Hidden),
            tokens: tokens.map(|(text, subject)| TokenText { text: text.into(), subject }).to_vec(),
            layers: 3,
            answer: " Paris".into(),
            answer_tokens: Vec::new(),
            clean: 0.9,
            corrupted: 0.1,
            noise_level: 0.1,
            edits: 0,
            in_place: Vec::new(),
            changed_answer: None,
            correct: true,
            donors: Vec::new(),
        }),
    ];
    events.extend((0..3).map(|token| Event::TraceRow { job: 1, token, scores: vec![0.15, 0.75, 0.3] }));
    events.push(Event::Finished { job: 1, outcome: Outcome::Done, seconds: 0.2 });
    events
}

fn write_journal(file: &Path, events: &[Event]) {
    let lines = events.iter().map(|event| serde_json::to_string(event).expect("a record") + "\n");
    fs::write(file, lines.collect::<String>()).expect("a journal");
}

#[test]
fn the_last_session_of_a_journal_is_drawn() {
    let folder = folder("last-session");
    let mut events = session("older", "The capital of {Spain} is");
    events.extend(session("some-model", "The capital of {France} is"));
    write_journal(&folder.join("journal.jsonl"), &events);
    let drawn = picture(&folder, &["--journal", "journal.jsonl", "--size", "120x40", "--out", "picture.svg"]);
    assert!(drawn.status.success() && drawn.stdout.is_empty(), "{}", String::from_utf8_lossy(&drawn.stderr));
    let svg = fs::read_to_string(folder.join("picture.svg")).expect("a picture");
    assert!(svg.starts_with("<svg") && svg.contains("width=\"1100\" height=\"740\""), "{svg}");
    // The fact of this session, the greatest effect, and the value in the heat map's cell.
    for text in ["France", "some-model", "+0.650 at layer 1", "65"] {
        assert!(svg.contains(text), "{text} is missing in {svg}");
    }
    assert!(!svg.contains("Spain"), "{svg}");
    // Nothing half-written is left.
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 2);
    // On standard output, after keys: the zoomed pane says so.
    let zoomed = picture(&folder, &["--journal", "journal.jsonl", "--size", "120x40", "--keys", "3 z"]);
    assert!(String::from_utf8_lossy(&zoomed.stdout).contains("3 Layers [zoom]"));
}

#[test]
fn the_built_in_model_has_its_facts_and_the_workbench_its_journal() {
    let folder = folder("built-in");
    let journal = folder.join(".local/state/locus/journal.jsonl");
    fs::create_dir_all(journal.parent().expect("a folder")).expect("a folder");
    write_journal(
        &journal,
        &[Event::Hello { schema: 1, version: "0.1.0".into(), reproducible: false }, model("built-in")],
    );
    let drawn = picture(&folder, &[]);
    let svg = String::from_utf8_lossy(&drawn.stdout);
    assert!(drawn.status.success() && svg.contains("of built-in facts"), "{svg}");
}

#[test]
fn bad_input_is_answered_with_one_sentence() {
    let folder = folder("bad-input");
    let record = serde_json::to_string(&model("some-model")).expect("a record");
    fs::write(folder.join("journal.jsonl"), format!("{record}\n{{\"event\": \"nonsense\"}}\n")).expect("a journal");
    fs::write(folder.join("good.jsonl"), format!("{record}\n")).expect("a journal");
    fs::write(folder.join("empty.jsonl"), "\n").expect("a journal");
    for (arguments, code, parts) in [
        (&["--journal", "journal.jsonl"][..], 1, &["journal.jsonl, line 2:", "nonsense", "--json"][..]),
        (&["--journal", "missing.jsonl"], 1, &["missing.jsonl", "cannot be read"]),
        (&["--journal", "empty.jsonl"], 1, &["empty.jsonl", "no record"]),
        (&["--journal", "good.jsonl", "--size", "0x40"], 2, &["--size", "120x40", "`0x40`"]),
        (&["--journal", "good.jsonl", "--keys", "hyper-x"], 2, &["--keys", "`hyper-x`"]),
        (&["--journal", "good.jsonl", "--facts", "none.json"], 1, &["none.json"]),
        (&["--journal", "good.jsonl", "--out", "no/such/folder.svg"], 1, &["--out", "no/such/folder.svg"]),
    ] {
        let output = picture(&folder, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}
