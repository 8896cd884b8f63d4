//! Killing the workbench while it compares: the journals read, and what was in place comes back bit by bit.

use locus_end_to_end::{Home, PseudoTerminal, operations};
use locus_protocol::Event;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

/// All records of the event journal. Only the line that a kill cut off may be none.
fn events(home: &Home) -> Vec<Event> {
    let text = std::fs::read_to_string(home.path("state/locus/journal.jsonl")).expect("the journal");
    let lines: Vec<&str> = text.lines().collect();
    let read = |line: &&str| serde_json::from_str::<Event>(line);
    let bad = lines.iter().filter(|line| read(line).is_err()).count();
    let kills = text.matches(r#"{"event":"hello""#).count();
    assert!(bad < kills.max(1), "{bad} lines are no records after {kills} starts");
    lines.iter().filter_map(|line| read(line).ok()).collect()
}

/// Starts the workbench with edits in place, has it compare, kills it, and looks at what is left. More moments are the
/// campaign `kills` of `locus-torture`.
#[test]
fn a_kill_while_variants_run_leaves_what_was_in_place() {
    let home = Home::new();
    let quick = ["--method", "fine-tuning", "--set", "steps=2", "--layers", "2"];
    for case in ["0", "100"] {
        let _ = home.run(["edit", "--case", case].into_iter().chain(quick)).well();
    }
    for number in ["1", "2"] {
        let _ = home.run(["redo", number]).well();
    }
    let mut tried = 0;
    // hashes of the weights by the edits in place
    let mut bits = BTreeMap::new();
    for moment in [40, 700, 3000] {
        let before = operations(&home).last().expect("operations").clone();
        let mut terminal = PseudoTerminal::start(&home, (40, 120), &["demo"], &[]);
        terminal.until("the edits of earlier sessions", |screen| screen.contains("in place"));
        terminal.until_shown("next token");
        let back = events(&home).into_iter().rev().find_map(|event| match event {
            Event::Edits { applied, weights, .. } => Some((applied, weights)),
            _ => None,
        });
        let (applied, weights) = back.expect("the edits that came back");
        let numbers: Vec<u64> = applied.iter().map(|edit| edit.number).collect();
        assert_eq!(numbers, before.in_place, "{moment}");
        assert!(!weights.is_empty());
        // what a command takes back or puts on is written down without a model, and so without hashes
        if !before.weights.is_empty() {
            assert_eq!(weights, before.weights, "{moment}: other bits");
        }
        let known = bits.entry(numbers).or_insert_with(|| weights.clone());
        assert_eq!(*known, weights, "{moment}: other bits");
        terminal.press("C");
        terminal.press("r");
        sleep(Duration::from_millis(moment));
        // the variant under the cursor, if it has been measured by then
        terminal.press("p");
        sleep(Duration::from_millis(moment % 97));
        terminal.signal(Signal::KILL);
        terminal.end(Duration::from_secs(10));
        tried += events(&home).iter().filter(|event| matches!(event, Event::Tried(_))).count();
        let numbers: Vec<u64> = operations(&home).iter().map(|operation| operation.number).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{moment}");
    }
    assert!(tried > 0, "no variant was ever measured");
}
