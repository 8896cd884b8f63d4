//! Texts that are no plain English: characters that are split over tokens, line breaks, quotes, subjects that occur
//! twice, answers that lie in the subject. What is traced, scored and written down is right, and what is odd is said.

use locus_end_to_end::Home;
use serde_json::{Value, json};

fn record(case: u64, template: &str, subject: &str, [truth, new]: [&str; 2], neighbors: &[&str]) -> Value {
    json!({
        "case_id": case,
        "requested_rewrite": {
            "prompt": template, "subject": subject, "relation_id": "",
            "target_true": {"str": truth}, "target_new": {"str": new}
        },
        "paraphrase_prompts": [], "neighborhood_prompts": neighbors
    })
}

fn home(records: &[Value]) -> Home {
    let home = Home::new();
    std::fs::write(home.path("facts.json"), serde_json::to_string(records).expect("JSON")).expect("written");
    home
}

#[test]
fn a_character_that_is_split_over_tokens_is_the_subject_s() {
    let home = home(&[record(1, "The city of {} is in", "東京", ["Japan", "Rome"], &[])]);
    let ended = home.run(["trace", "--facts", "facts.json", "--case", "1", "--json"]).well();
    let trace = &ended.records().traces()[0].started.clone();
    let shown: Vec<&str> = trace.tokens.iter().filter(|token| token.subject).map(|token| token.text.as_str()).collect();
    assert_eq!(shown.concat(), "<0xE6><0x9D><0xB1><0xE4><0xBA><0xAC>");
    assert_eq!(trace.tokens.iter().map(|token| token.text.as_str()).collect::<String>().matches('\u{fffd}').count(), 0);
    assert_eq!((trace.answer.as_str(), trace.answer_tokens.concat().as_str()), (" Japan", " Japan"));
}

#[test]
fn the_braces_say_which_mention_is_meant() {
    let home = Home::new();
    let marked = |prompt: &str| {
        let ended = home.run(["trace", "--prompt", prompt, "--true", "large", "--json"]).well();
        let trace = ended.records().traces()[0].started.clone();
        let before: String =
            trace.tokens.iter().take_while(|token| !token.subject).map(|token| token.text.as_str()).collect();
        (before, ended.err)
    };
    let (before, said) = marked("France loves France and {France} is");
    assert_eq!(before, "France loves France and");
    assert!(said.contains("3 times; the one at character 25"), "{said}");
    // the built-in vocabulary has a token for the blank alone
    assert_eq!(marked("A man and {an} is").0.trim_end(), "A man and");
    assert_eq!(marked("{France} loves France and France is").0, "");
}

#[test]
fn tables_keep_quotes_and_line_breaks_in_their_cells() {
    let odd = "References\n \n\nCategory: {}, \"is\" in";
    let home = home(&[record(1, odd, "Laurdine \"Pat\" Patrick", ["Florida", "Rome"], &[])]);
    let traced = ["trace", "--facts", "facts.json", "--case", "1", "--csv", "cells.csv", "--json"];
    let trace = home.run(traced).well().records().traces()[0].started.clone();
    let mut cells = csv::Reader::from_path(home.path("cells.csv")).expect("table");
    let cells: Vec<csv::StringRecord> = cells.records().collect::<Result<_, _>>().expect("rows");
    assert_eq!(cells.len(), trace.tokens.len() * trace.layers);
    let text: String = cells.chunks(trace.layers).map(|rows| rows[0][8].to_owned()).collect();
    assert_eq!(text, "References\n \n\nCategory: Laurdine \"Pat\" Patrick, \"is\" in");
    let measured = ["eval", "--facts", "facts.json", "--csv", "scores.csv", "--said-tokens", "0"];
    let _ = home.run(measured).well();
    let mut scores = csv::Reader::from_path(home.path("scores.csv")).expect("table");
    let scores: Vec<csv::StringRecord> = scores.records().collect::<Result<_, _>>().expect("rows");
    assert_eq!((scores.len(), &scores[0][2], &scores[0][3]), (1, "Laurdine \"Pat\" Patrick", text.as_str()));
}

#[test]
fn one_space_stands_between_prompt_and_target() {
    let records: Vec<Value> = [("Where is {}?", "Rome"), ("Where is {}? ", " Rome"), ("Where is {}?", " Rome ")]
        .into_iter()
        .zip(1..)
        .map(|((template, new), case)| record(case, template, "France", ["Paris", new], &[]))
        .collect();
    let home = home(&records);
    let _ = home.run(["eval", "--facts", "facts.json", "--out", "scores.jsonl", "--said-tokens", "0"]).well();
    let text = std::fs::read_to_string(home.path("scores.jsonl")).expect("file");
    let lines: Vec<Value> = text.lines().skip(1).map(|line| serde_json::from_str(line).expect("line")).collect();
    assert_eq!(lines.len(), 3);
    for line in &lines {
        assert_eq!(line["aim"]["target_tokens"], json!([" Rome"]), "{line}");
        assert_eq!((&line["numbers"], &line["prompt"]), (&lines[0]["numbers"], &json!("Where is France?")));
    }
}

#[test]
fn what_spoils_scores_is_said_and_can_be_left_out() {
    let records = [
        record(1, "{} is the capital city of", "Beirut", ["Beirut", "Rome"], &[]),
        record(2, "The capital of {} is", "France", ["Paris", "Paris"], &[]),
        record(3, "{} lies in", "Norway", ["Europe", "Asia"], &["Denmark-Norway lies in", "Sweden lies in"]),
    ];
    let home = home(&records);
    let arguments = ["eval", "--facts", "facts.json", "--said-tokens", "0", "--out"];
    let run = |more: &[&str]| {
        let ended = home.run([&arguments[..], more].concat()).well();
        let text = std::fs::read_to_string(home.path(more[0])).expect("file");
        (ended.err, text.lines().skip(1).map(|line| serde_json::from_str(line).expect("line")).collect::<Vec<Value>>())
    };
    let (said, lines) = run(&["all.jsonl"]);
    for words in ["`Beirut` is the subject", "there is nothing to edit", "mentions the subject `Norway`"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(lines.iter().all(|line| line["left_out"].is_null() && line["remarks"].is_array()), "{lines:?}");
    let (_, lines) = run(&["some.jsonl", "--skip-marked"]);
    let left_out: Vec<bool> = lines.iter().map(|line| line["left_out"].is_string()).collect();
    assert_eq!(left_out, [true, true, false]);
}
