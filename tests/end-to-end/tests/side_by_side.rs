//! `locus compare`: the numbers of the pane Compare without the screen.

use locus_end_to_end::{Home, PseudoTerminal};
use locus_protocol::Event;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const USAGE: i32 = 2;

/// A table with tabs by the names of its rows.
fn rows(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let cells = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let rows: Vec<Vec<&str>> = cells.collect();
    let columns = rows[0].len();
    assert!(rows.iter().all(|row| row.len() == columns), "{text}");
    rows.into_iter().map(|row| (row[0], row)).collect()
}

#[test]
fn every_method_stands_beside_the_others_and_nothing_is_put_in_place() {
    let home = Home::new();
    let ended = home.run(["compare", "The capital of {France} is", "Rome"]).well();
    assert!(ended.err.contains("the model says “Paris”"), "{ended:?}");
    let table = rows(&ended.out);
    assert_eq!(table["name"][2..], ["A rome", "B fine-tuning", "C memit"]);
    for name in ["verdict", "says", "rewrite score", "largest ‖ΔW‖/‖W‖", "seconds", "steps taken", "learning_rate"]
    {
        assert!(table[name][2..].iter().all(|cell| !cell.is_empty()), "{name}: {}", ended.out);
    }
    assert!(table["verdict"][2].starts_with("took: p(new)"), "{}", ended.out);
    assert_eq!(table.keys().filter(|name| name.starts_with("p(new) at ")).count(), 12, "{}", ended.out);
    assert!(!table.contains_key("objective"), "it is the same: {}", ended.out);

    // the same numbers as the edit itself
    let edit = home.run(["edit", "The capital of {France} is", "Rome", "--json"]).well().records();
    let after = &edit.edits()[0].applied.clone().expect("applied").scores.after.rewrite[0];
    assert_eq!(table["mean p(new) rewrite"][2], format!("{:.3}", after.new));
    let log = home.run(["log"]).well().out;
    assert_eq!(log.lines().count(), 2, "only the edit was recorded: {log}");
}

#[test]
fn variants_are_those_of_the_flags() {
    let home = Home::new();
    let compare = |arguments: &[&str]| home.run([&["compare", "--case", "3", "--method", "rome"], arguments].concat());
    let layers = compare(&["--layers", "2", "--layers", "5", "--number", "weights"]).well().out;
    let layers = rows(&layers);
    assert_eq!(layers["name"][2..], ["A rome", "B rome"]);
    assert_eq!(layers["layers"][2..], ["2", "5"]);
    let moved = |place: usize| -> Vec<&str> {
        let at = layers.iter().filter(|(name, row)| name.contains(" at ") && !row[place].is_empty());
        at.map(|(name, _)| *name).collect()
    };
    assert_eq!((moved(2), moved(3)), (vec!["‖ΔW‖/‖W‖ at 2"], vec!["‖ΔW‖/‖W‖ at 5"]));
    let objectives = ["--objective", "error-injection", "--objective", "fact-forcing", "--set", "steps=2"];
    let objectives = compare(&objectives).well().out;
    assert_eq!(rows(&objectives)["objective"][2..], ["error-injection", "fact-forcing"]);
    assert_eq!(rows(&objectives)["steps taken"][2..], ["2", "2"]);

    let many: Vec<String> = (0..5).flat_map(|layer| ["--layers".to_owned(), layer.to_string()]).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(compare(&many).sentence(USAGE).contains("make 5 variants, but at most 4 can be compared"));
    assert!(compare(&["--set", "stepz=3"]).sentence(USAGE).contains("none of rome has a hyperparameter `stepz`"));
    assert!(compare(&["--set", "steps"]).sentence(USAGE).contains("NAME=VALUE"));
    assert!(compare(&["--method", "rom"]).sentence(3).contains("there is no method `rom`"));
    assert!(compare(&["--objective", "x"]).sentence(3).contains("there is no objective `x`"));
    assert!(compare(&["--export", "x.doc"]).sentence(USAGE).contains("must end with .csv, .json, .md or .tex"));
    assert!(compare(&["--csv", "no/x.csv"]).sentence(USAGE).contains("--csv no/x.csv"));
}

#[test]
fn records_and_files_hold_all_of_it() {
    let home = Home::new();
    let compare = ["compare", "--case", "3", "--method", "rome", "--method", "memit"];
    let records = home.run([&compare[..], &["--json", "--csv", "compare.csv"]].concat()).well().records();
    let tried = records.events.iter().filter_map(|event| match event {
        Event::Tried(tried) => Some(tried.clone()),
        _ => None,
    });
    let tried: Vec<_> = tried.collect();
    assert_eq!(tried.len(), 2);
    assert!(tried.iter().all(|tried| tried.on_top_of.is_empty()), "measured from the unedited model");
    let mut read = csv::Reader::from_path(home.path("compare.csv")).expect("a table");
    let columns: Vec<String> = read.headers().expect("a head").iter().map(str::to_owned).collect();
    assert_eq!(columns[5..], ["A", "B", "B_minus_A"]);
    let lines: Vec<csv::StringRecord> = read.records().collect::<Result<_, _>>().expect("rows");
    let row = lines.iter().find(|row| &row[0] == "scores" && &row[1] == "rewrite").expect("the rewrite score");
    for (place, tried) in tried.iter().enumerate() {
        let number: f64 = row[5 + place].parse().expect("a number");
        assert_eq!(number, tried.would.numbers["rewrite_score"]);
    }
    let _ = home.run([&compare[..], &["--export", "compare.json"]].concat()).well();
    let json = std::fs::read_to_string(home.path("compare.json")).expect("written");
    let json: Vec<Value> = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json.len(), lines.len());
    let _ = home.run([&compare[..], &["--export", "compare.md"]].concat()).well();
    let text = std::fs::read_to_string(home.path("compare.md")).expect("written");
    assert!(text.starts_with("Variants measured from the unedited model\n\n| part | name |"), "{text}");
}

#[test]
fn a_terminal_shows_aligned_columns_and_a_pipe_gets_tabs() {
    let home = Home::new();
    let on_screen = |arguments: &[&str]| {
        let mut terminal = PseudoTerminal::start(&home, (60, 120), arguments, &[]);
        let _ = terminal.end(Duration::from_secs(60));
        terminal.screen()
    };
    let compared = on_screen(&["compare", "--case", "3", "--method", "rome", "--method", "memit"]);
    assert!(compared.contains("A rome: "), "{compared}");
    assert!(compared.contains("by layer") && compared.contains("p(new) at 11"), "{compared}");
    let facts = on_screen(&["facts", "france"]);
    let head = facts.lines().find(|line| line.contains("case")).expect(&facts);
    assert!(head.contains("prompt") && !head.contains('\t'), "{facts}");
    assert!(facts.contains("facts;"), "{facts}");

    for (arguments, head) in [
        (&["facts", "france"][..], "case\tprompt\ttrue\tnew"),
        (&["plugin", "list"], "kind\tid\tversion\ttitle\tfollows\tfile"),
        (&["stats"], "model\tcorpus\tits name\ttokens\tlayers\tsums in\tbytes\tstate"),
    ] {
        let ended = home.run(arguments).well();
        let lines: Vec<&str> = ended.out.lines().collect();
        assert_eq!(lines[0], head);
        let columns = head.split('\t').count();
        assert!(lines.len() > 1 && lines.iter().all(|line| line.split('\t').count() == columns), "{}", ended.out);
    }
    let edited = home.run(["edit", "--method", "rome", "--case", "3"]).well().out;
    assert!(edited.contains("\nprompts\tp("), "{edited}");
    let log = home.run(["log"]).well().out;
    assert!(log.starts_with("number\twhen\tmodel\twhat\tverdict\tnow\t"), "{log}");
}
