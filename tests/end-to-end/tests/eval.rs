//! `locus eval`: numbers of many facts, a file that a kill cannot spoil, and what it says to bad input.

use locus_end_to_end::{Home, facts, send};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

const OUT: &str = "eval.jsonl";

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).expect("the file");
    text.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect()
}

fn arguments(more: &[&'static str]) -> Vec<&'static str> {
    let some =
        ["eval", "--method", "rome", "--objective", "error-injection", "--limit", "6", "--essence", "--out", OUT];
    some.into_iter().chain(more.iter().copied()).collect()
}

/// Killed at moments spread over a whole run, and started again each time: the same file, the same summary.
#[test]
fn a_run_that_is_killed_goes_on_to_the_same_file_and_summary() {
    for more in [&["--batch", "1"][..], &["--batch", "2"]] {
        let undisturbed = Home::new();
        let summary = undisturbed.run(arguments(more)).well().out;
        let expected = std::fs::read(undisturbed.path(OUT)).expect("the file");
        assert_eq!(lines(&undisturbed.path(OUT)).len(), 7, "a head and six facts");

        let disturbed = Home::new();
        let mut sizes = BTreeSet::new();
        for part in 1..=6 {
            let mut command = disturbed.command(arguments(more));
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program");
            // as far as the file tells, however fast the machine is, and a little further into the next fact
            let written = || std::fs::metadata(disturbed.path(OUT)).map_or(0, |file| file.len());
            let enough = expected.len() as u64 * part / 8;
            while written() < enough && child.try_wait().expect("the child").is_none() {
                thread::sleep(Duration::from_millis(2));
            }
            thread::sleep(Duration::from_millis(37 * part % 60));
            if child.try_wait().expect("the child").is_none() {
                send(Signal::KILL, child.id());
            }
            child.wait().expect("the end");
            let Ok(text) = std::fs::read(disturbed.path(OUT)) else { continue };
            sizes.insert(text.len());
            // what a kill in the middle of a write leaves
            if part == 4 && text.len() > 1000 && text.len() < expected.len() {
                std::fs::write(disturbed.path(OUT), &text[..text.len() - 100]).expect("torn");
            }
        }
        let again = disturbed.run(arguments(more)).well().out;
        assert_eq!(std::fs::read(disturbed.path(OUT)).expect("the file"), expected, "{more:?}");
        assert_eq!(again, summary, "{more:?}");
        assert!(sizes.len() > 1, "every kill left the same: {sizes:?}");
        // nothing is left to do, and nothing is written
        let third = disturbed.run(arguments(more)).well().out;
        assert_eq!((third, std::fs::read(disturbed.path(OUT)).expect("the file")), (summary, expected));
    }
}

#[test]
fn measures_are_told_as_records_table_and_spreadsheet() {
    let home = Home::new();
    let edited = ["--method", "rome", "--objective", "error-injection", "--limit", "4", "--csv", "eval.csv", "--json"];
    let told = home.run(["eval"].into_iter().chain(edited)).well();
    let values: Vec<Value> = told.out.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    let of = |event: &str| values.iter().filter(|value| value["event"] == event).cloned().collect::<Vec<Value>>();
    let (evaluated, summary) = (of("evaluated"), of("summary"));
    assert_eq!((evaluated.len(), summary.len(), summary[0]["facts"].as_u64()), (4, 1, Some(4)));
    // each on the unedited model: what it says before is the same in whatever order
    for one in &evaluated {
        let numbers = &one["numbers"];
        let number = |name: &str| numbers[name].as_f64().unwrap_or_else(|| panic!("no {name} in {numbers}"));
        assert!(number("after.rewrite_probability") > number("before.rewrite_probability"), "{numbers}");
        let (before, after) = (number("before.rewrite_probability"), number("after.rewrite_probability"));
        assert!((number("rewrite_score") - (after - before) / (1.0 - before)).abs() < 1e-9);
        let said = &one["said"][0];
        assert_ne!(said["before"], said["after"], "{said}");
        let truth = one["fact"]["target_true"].as_str().expect("text");
        assert!(said["before"].as_str().expect("text").contains(truth), "{said} {truth}");
    }
    let mean = |name: &str| summary[0]["means"][name]["mean"].as_f64().expect("mean");
    let by_hand =
        evaluated.iter().map(|one| one["numbers"]["rewrite_score"].as_f64().expect("score")).sum::<f64>() / 4.0;
    assert!((mean("rewrite_score") - by_hand).abs() < 1e-12);
    assert!(summary[0]["means"]["after.rewrite_success"]["wilson"].is_array(), "{}", summary[0]);
    let csv = std::fs::read_to_string(home.path("eval.csv")).expect("csv");
    assert_eq!(csv.lines().count(), 5, "{csv}");

    let plain = home.run(["eval", "--limit", "3", "--correct-only", "--least-probability"]).well().out;
    assert!(plain.contains("rewrite_success") && plain.contains("3 facts measured"), "{plain}");
    // what the model does not know is left out by the published filters
    let mut unknown = facts()[0].clone();
    unknown.target_true = "zebra".to_owned();
    let files = json!([counterfact(&unknown)]);
    std::fs::write(home.path("facts.json"), files.to_string()).expect("file");
    let told = home.run(["eval", "--facts", "facts.json", "--least-probability", "0.5"]).well().out;
    assert!(told.contains("0 facts measured, 1 left out"), "{told}");
}

fn counterfact(fact: &locus_protocol::Fact) -> Value {
    json!({"case_id": 1, "requested_rewrite": {"prompt": fact.template, "subject": fact.subject,
        "target_true": {"str": fact.target_true}, "target_new": {"str": fact.target_new}}})
}

#[test]
fn what_does_not_fit_is_refused_in_a_sentence() {
    let home = Home::new();
    let _ = home.run(["eval", "--limit", "2", "--out", OUT]).well();
    let before = std::fs::read(home.path(OUT)).expect("file");
    let other = home.run(["eval", "--limit", "2", "--per-token", "--out", OUT]);
    assert!(other.err.contains("other settings") && other.err.contains("per_token"), "{}", other.err);
    assert_eq!((other.code, std::fs::read(home.path(OUT)).expect("file")), (Some(2), before));
    // so are numbers of an edited model, and those of another arithmetic
    let edit = ["edit", "--method", "fine-tuning", "--set", "steps=1", "--case", "0", "--save", "edit.st"];
    let _ = home.run(edit).well();
    for (flags, named) in [(&["--apply", "edit.st"][..], "in_place"), (&["--reproducible"], "reproducible")] {
        let other = home.run(["eval", "--limit", "2", "--out", OUT].iter().chain(flags)).sentence(2);
        assert!(other.contains("other settings") && other.contains(named), "{other}");
    }
    // more facts of the same run are no other settings
    let more = home.run(["eval", "--limit", "3", "--out", OUT]).well().out;
    assert!(more.contains("3 facts measured"), "{more}");

    std::fs::write(home.path("notes.txt"), "my notes, without a line's end").expect("file");
    let foreign = home.run(["eval", "--limit", "2", "--out", "notes.txt"]);
    assert!(foreign.err.contains("not an evaluation"), "{}", foreign.err);
    assert!(std::fs::read_to_string(home.path("notes.txt")).expect("file").starts_with("my notes"));

    let good = counterfact(&facts()[0]);
    let text = format!("{good}\n{{\"case_id\": 2, \"requested_rewrite\": {{\"prompt\": \"no place\"}}}}\n");
    std::fs::write(home.path("facts.jsonl"), text).expect("file");
    let refused = home.run(["eval", "--facts", "facts.jsonl"]);
    assert!(refused.err.contains("line 2") && refused.err.contains("requested_rewrite.prompt"), "{}", refused.err);
    let lenient = home.run(["eval", "--facts", "facts.jsonl", "--skip-bad"]).well();
    assert!(lenient.out.contains("1 fact measured"), "{}", lenient.out);
    assert!(lenient.err.contains("line 2") && lenient.err.contains("skipped 1 bad record"), "{}", lenient.err);
    for (flags, named) in [
        (&["eval", "--limit", "0"][..], "--limit"),
        (&["eval", "--least-probability", "2"], "--least-probability"),
        (&["eval", "--limit", "1", "--consistency", "nowhere"], "tfidf_vocab.json"),
        (&["eval", "--limit", "1", "--method", "nothing"], "nothing"),
    ] {
        let ended = home.run(flags);
        assert!(ended.code != Some(0) && ended.err.contains(named), "{flags:?}: {}", ended.err);
    }
}

/// What the model says is the same thing wherever it is asked for: numbers and texts of `edit` are those of `eval`.
#[test]
fn an_edit_says_freely_what_an_evaluation_of_it_says() {
    let home = Home::new();
    let said = |line: &str, event: &str| -> Value {
        let told = home.run(format!("{line} --json --method rome --layers 5 --free-generation 8").split(' ')).well();
        let mut records = told.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record"));
        records.rfind(|record| record["event"] == event).expect("a record of it")
    };
    let (edited, evaluated) = (said("edit --case 0", "applied"), said("eval --limit 1", "evaluated"));
    let of_texts = |record: &Value| -> serde_json::Map<String, Value> {
        let all = record["numbers"].as_object().expect("numbers").clone();
        all.into_iter().filter(|(name, _)| name.contains("_says") || name == "neighborhood_kept").collect()
    };
    let numbers = of_texts(&edited);
    assert_eq!(numbers.len(), 13, "three groups, each said and said exactly, before and after, and kept: {numbers:?}");
    assert_eq!(numbers, of_texts(&evaluated));
    assert_eq!(edited["free_texts"], evaluated["free_texts"]);
    let fact = &facts()[0];
    let texts = edited["free_texts"].as_array().expect("texts");
    assert_eq!(texts.len(), 1 + fact.paraphrases.len() + fact.neighborhood.len());
    let (first, target) = (&texts[0], &fact.target_new);
    assert_eq!((&first["group"], first["prompt"].as_str()), (&json!("rewrite"), Some(fact.prompt().as_str())));
    assert!(!first["before"].as_str().expect("text").contains(target.as_str()), "{first}");
    assert_eq!(first["after"].as_str().expect("text").contains(target.as_str()), numbers["after.rewrite_says"] == 1.0);

    let table = home.run("edit --case 0 --method rome --layers 5 --free-generation 8".split(' ')).well().out;
    for row in
        ["free generation, 8 tokens", "rewrite says target exactly", "paraphrase says target", "neighborhood kept"]
    {
        assert!(table.contains(row), "{row}: {table}");
    }
    // an order in a file may ask for it itself
    std::fs::write(
        home.path("orders.toml"),
        "free_generation = 8\n[[edit]]\nmethod = \"rome\"\nlayers = 5\ncase = 0\n",
    )
    .expect("orders");
    let told = home.run("eval --orders orders.toml --json".split(' ')).well().out;
    assert!(told.contains("after.rewrite_says"), "{told}");
    // noise is for likelihoods, so nothing is said under it
    let noised = "edit --case 0 --method rome --objective fact-forcing --layers 5 --free-generation 8";
    let table = home.run(noised.split(' ')).well().out;
    assert!(table.contains("free generation: not computed, because the objective puts noise"), "{table}");
}

#[test]
fn odd_records_are_counted_before_the_first_is_measured_and_left_out_where_that_is_asked_for() {
    let home = Home::new();
    let good = facts()[0].clone();
    let copied = locus_protocol::Fact { target_new: good.subject.clone(), ..good.clone() };
    let unchanged = locus_protocol::Fact { target_new: good.target_true.clone(), ..good.clone() };
    let records = json!([counterfact(&good), counterfact(&copied), counterfact(&unchanged), counterfact(&good)]);
    std::fs::write(home.path("facts.json"), records.to_string()).expect("a file");
    let told = home.run("eval --facts facts.json --said-tokens 0".split(' ')).well();
    for line in [
        "4 facts to measure, of which",
        "1 fact: an answer contains the subject or is part of it",
        "1 fact: the new answer is the true one",
        "1 fact: duplicate of an earlier record",
        "--skip-marked leaves out",
    ] {
        assert!(told.err.contains(line), "{line}: {}", told.err);
    }
    let counted = told.err.find("to measure, of which").expect("counts");
    assert!(told.err.find("copying gives it").expect("a warning") > counted, "{}", told.err);
    assert!(told.out.contains("4 facts measured"), "{}", told.out);
    for batch in ["1", "4"] {
        let line =
            format!("eval --facts facts.json --said-tokens 0 --skip-marked --method rome --batch {batch} --skip-bad");
        let method = if batch == "1" { line } else { line.replace("rome", "memit") };
        let told = home.run(method.split(' ')).well();
        assert!(told.out.contains("1 fact measured, 3 left out"), "{batch}: {} {}", told.out, told.err);
        assert!(
            told.err.contains("to measure, of which") && !told.err.contains("--skip-marked leaves"),
            "{}",
            told.err
        );
    }
    // records have the counts as well
    let told = home.run("eval --facts facts.json --said-tokens 0 --json".split(' ')).well();
    let screened = told.out.lines().find(|line| line.contains(r#""event":"screened""#)).expect("counts");
    let screened: Value = serde_json::from_str(screened).expect("a record");
    assert_eq!((&screened["facts"], &screened["remarked"]["the new answer is the true one"]), (&json!(4), &json!(1)));
    let sentence = home.run("eval --orders o.toml --objective error-injection".split(' '));
    assert!(sentence.code == Some(2) && sentence.err.contains("--objective"), "{sentence:?}");
}
