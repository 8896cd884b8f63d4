//! Commands as somebody types them who has read nothing: a prompt as it is, plain words, numbers that make no sense.

use locus_end_to_end::{Home, fact};
use locus_protocol::{Event, Fact};
use std::collections::BTreeMap;

const PROMPT: &str = "The capital of {France} is";
const USAGE: i32 = 2;

/// What the model was found to say after a prompt without a true answer.
fn said(events: &[Event]) -> Vec<&str> {
    let says = events.iter().filter_map(|event| match event {
        Event::Prediction { says, .. } => Some(says.as_str()),
        _ => None,
    });
    says.collect()
}

#[test]
fn a_prompt_as_it_is_is_traced_for_what_the_model_says() {
    let home = Home::new();
    // a fact that the model knows: what it says is the answer of the record
    let own = Fact { case_id: None, ..fact(0).clone() };
    let records = home.run(["trace", &own.marked(), "--json"]).well().records();
    assert_eq!(said(&records.events), [own.target_true.as_str()]);
    let typed = &records.traces()[0];
    let order = &typed.started.order.fact;
    assert_eq!((order.prompt(), &order.subject, &order.target_true), (own.prompt(), &own.subject, &own.target_true));
    let recorded = home.run(["trace", "--case", "0", "--json"]).well().records();
    assert_eq!(said(&recorded.events), Vec::<&str>::new(), "nobody asked");
    assert_eq!(recorded.traces()[0].scores, typed.scores);
    // as a flag it is the same
    let flag = home.run(["trace", "--prompt", &own.marked(), "--json"]).well().records();
    assert_eq!(flag.traces()[0], *typed);

    let text = home.run(["trace", PROMPT]).well().out;
    assert!(
        text.starts_with("the model says “Paris”, which is taken as the true target; --true sets another\n"),
        "{text}"
    );
    assert!(text.contains("Causal trace of “The capital of France is” → true “Paris”"), "{text}");
    let told = home.run(["trace", PROMPT, "--true", "Rome"]).well().out;
    assert!(!told.contains("the model says") && told.contains("→ true “Rome”"), "{told}");
    let without_braces = home.run(["trace", "The capital of France is", "--subject", "France"]).well().out;
    assert_eq!(without_braces, text);
}

#[test]
fn a_prompt_and_an_answer_are_an_edit_with_the_method_of_the_settings() {
    let home = Home::new();
    let edit = |arguments: &[&str]| {
        let records = home.run([&["edit", PROMPT], arguments, &["--json"]].concat()).well().records();
        let [edit] = &records.edits()[..] else { panic!("not one edit") };
        edit.clone()
    };
    let plain = edit(&["Rome"]);
    let order = &plain.started.order;
    assert_eq!((order.method.as_str(), order.objective.as_str()), ("rome", "error-injection"));
    assert_eq!((order.fact.target_new.as_str(), order.fact.target_true.as_str()), ("Rome", "Paris"));
    let after = &plain.applied.as_ref().expect("applied").scores.after.rewrite[0];
    assert!(after.new > after.truth, "{after:?}");
    let told = edit(&["Rome", "--true", "Paris", "--method", "rome"]);
    assert_eq!(told.applied.expect("applied").changes, plain.applied.expect("applied").changes);
    assert_eq!(edit(&["--new", "Rome", "--layers", "5"]).started.layers, [5]);

    std::fs::create_dir_all(home.path("config/locus")).expect("a folder");
    std::fs::write(home.path("config/locus/workbench.toml"), "method = \"fine-tuning\"\n").expect("written");
    assert_eq!(edit(&["Rome"]).started.order.method, "fine-tuning");
    assert_eq!(edit(&["Rome", "--method", "memit"]).started.order.method, "memit");
    std::fs::write(home.path("config/locus/workbench.toml"), "method = \"mine\"\n").expect("written");
    let sentence = home.run(["edit", PROMPT, "Rome"]).sentence(USAGE);
    assert!(sentence.contains("--method is missing") && sentence.contains("`mine`"), "{sentence}");
    assert!(sentence.contains("available: fine-tuning, memit, rome"), "{sentence}");
}

#[test]
fn a_prompt_that_is_none_is_refused_with_an_example_before_a_model_is_loaded() {
    let home = Home::new();
    // a model that cannot be loaded: nothing asks for it
    let refused = |arguments: &[&str], named: &[&str]| {
        let sentence = home.run([arguments, &["--model", "none"]].concat()).sentence(USAGE);
        for name in named {
            assert!(sentence.contains(name), "no {name:?} in the answer to {arguments:?}: {sentence}");
        }
    };
    let example = "mark the subject like this: The capital of {France} is";
    for (prompt, what) in [
        ("The capital of France is", "marks no subject"),
        ("The capital of {{France}} is", "doubled"),
        ("The capital of {} is", "no subject between"),
        ("The capital of { } is", "no subject between"),
        ("The capital of {France is", "not closed"),
        ("The capital of France} is {x}", "no opening brace"),
        ("{France} and {Spain} are", "more than one"),
        ("", "marks no subject"),
    ] {
        refused(&["trace", prompt], &[what, example]);
        refused(&["edit", prompt, "Rome"], &[what, example]);
        refused(&["compare", prompt, "Rome"], &[what, example]);
    }
    refused(&["edit", PROMPT], &["--new is missing", r#"locus edit "The capital of {France} is" Rome"#]);
    refused(&["compare", PROMPT], &["--new is missing", r#"locus compare "The capital of {France} is" Rome"#]);
    refused(&["edit", PROMPT, " "], &["--new is empty"]);
    refused(&["trace", PROMPT, "--true", ""], &["--true is empty"]);
    refused(&["trace", "The capital of France is", "--subject", "Spain"], &["--subject: `Spain` does not occur"]);
    for both in [
        &["trace", PROMPT, "--case", "1"][..],
        &["trace", PROMPT, "--prompt", PROMPT],
        &["trace", PROMPT, "--all"],
        &["edit", PROMPT, "Rome", "--cases", "1-3"],
        &["edit", PROMPT, "Rome", "--new", "Oslo"],
        &["edit", PROMPT, "Rome", "--orders", "x"],
        &["trace", PROMPT, "Rome"],
    ] {
        let ended = home.run(both);
        assert_eq!(ended.code, Some(USAGE), "{both:?}: {ended:?}");
    }
}

#[test]
fn an_answer_that_the_model_gives_already_or_does_not_give_is_asked_for() {
    let home = Home::new();
    let sentence = home.run(["edit", PROMPT, "Paris"]).sentence(USAGE);
    assert!(sentence.contains("the model already says “Paris”"), "{sentence}");
    // after a whole sentence it ends the text
    let sentence = home.run(["trace", "{Paris} is the capital of France."]).err;
    assert!(sentence.is_empty() || sentence.contains("give the true target with --true"), "{sentence}");
}

#[test]
fn numbers_that_make_no_sense_are_errors_of_usage_before_anything_long_starts() {
    let home = Home::new();
    let refused = |arguments: &[&str], named: &[&str]| {
        let ended = home.run(arguments);
        assert_eq!(ended.code, Some(USAGE), "{arguments:?}: {ended:?}");
        for name in named {
            assert!(ended.err.contains(name), "no {name:?} in the answer to {arguments:?}: {}", ended.err);
        }
    };
    let layers = ["there is no layer 99", "this model has layers 0 to 11"];
    refused(&["edit", "--method", "rome", "--case", "3", "--layers", "99"], &layers);
    refused(&["edit", PROMPT, "Rome", "--layers", "3,99"], &layers);
    refused(&["eval", "--method", "rome", "--limit", "1", "--layers", "0-99"], &layers);
    refused(&["compare", "--case", "3", "--layers", "99"], &layers);
    refused(&["stats", "export", "out", "--layers", "99"], &layers);
    let order = r#"{"method": "rome", "case": 1, "layers": [99]}"#;
    let sentence = home.run_with(order, ["edit", "--orders", "-"]).sentence(USAGE);
    assert!(layers.iter().all(|name| sentence.contains(name)) && sentence.contains("line 1"), "{sentence}");
    // a folder says how many layers it has before its weights are read, which are not there
    std::fs::create_dir(home.path("large")).expect("a folder");
    std::fs::write(home.path("large/config.json"), r#"{"num_hidden_layers": 30}"#).expect("written");
    let large = ["edit", PROMPT, "Rome", "--layers", "30", "--model", "large"];
    refused(&large, &["there is no layer 30", "this model has layers 0 to 29"]);

    refused(&["trace", "--samples", "0"], &["--samples must be at least 1"]);
    refused(&["trace", "--kind", "mlp", "--window", "0"], &["--window must be at least 1"]);
    refused(&["trace", "--kind", "mlp", "--window", "99"], &["--window 99", "12 layers"]);
    refused(&["trace", "--all", "--limit", "0"], &["--limit must be at least 1"]);
    refused(&["trace", "--all", "--least-probability", "2"], &["--least-probability must be between 0 and 1"]);
    refused(&["trace", "--noise=-1"], &["--noise must be a number"]);
    refused(&["eval", "--method", "rome", "--batch", "0"], &["--batch and --limit must be at least 1"]);
    refused(&["edit", "--method", "rome", "--set", "steps=0"], &["`steps` must be a whole number from 1"]);
    refused(&["compare", "--case", "3", "--free-generation", "9999999"], &["--free-generation must be at most"]);
    refused(&["trace", "--threads", "0"], &["--threads must be at least 1"]);
}

#[test]
fn plain_words_work_or_are_answered_with_the_command() {
    let home = Home::new();
    let methods = home.run(["methods"]).well().out;
    assert_eq!(methods.lines().next(), Some("id\ttitle\tfollows"));
    let ids: Vec<&str> = methods.lines().skip(1).filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(ids, ["fine-tuning", "memit", "rome"]);
    let objectives = home.run(["objectives", "--json"]).well().out;
    assert_eq!(objectives.matches(r#""kind":"objective""#).count(), 5, "{objectives}");
    assert!(home.run(["plugins"]).well().out.contains("error-injection"));
    assert!(home.run(["model"]).well().out.contains("with and without taps"));
    assert_eq!(home.run(["version"]).well().out, home.run(["--version"]).well().out);
    for (word, named) in [
        ("list", &["locus facts", "locus methods", "locus models", "locus log"][..]),
        ("layers", &["locus model info", "--layers"]),
        ("run", &["locus eval", "locus sweep run"]),
        ("bench", &["locus eval", "cargo xtask bench"]),
        ("gui", &["`locus` alone opens the workbench"]),
        ("history", &["locus log"]),
        ("HISTORY", &["locus log"]),
        (PROMPT, &["locus trace", "locus edit"]),
    ] {
        let sentence = home.run([word]).sentence(USAGE);
        assert!(named.iter().all(|name| sentence.contains(name)), "{word}: {sentence}");
    }
    for (typo, meant) in [("trac", "'trace'"), ("edti", "'edit'"), ("metods", "'methods'"), ("docter", "'doctor'")] {
        let ended = home.run([typo]);
        assert_eq!(ended.code, Some(USAGE), "{ended:?}");
        assert!(ended.err.contains("similar subcommand") && ended.err.contains(meant), "{ended:?}");
    }
}

#[test]
fn models_on_this_machine_are_listed_with_what_they_lack() {
    let home = Home::new();
    let write = |file: &str, text: &str| {
        let file = home.path(file);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(file, text).expect("written");
    };
    let snapshot = "hub/models--org--small/snapshots/abc";
    write(&format!("{snapshot}/config.json"), r#"{"model_type": "llama"}"#);
    write(&format!("{snapshot}/model.safetensors"), "12345");
    write(&format!("{snapshot}/tokenizer.json"), "{}");
    write("hub/models--org--small/refs/main", "abc");
    write("mine/config.json", r#"{"model_type": "gpt2"}"#);
    write("no-model/config.json", "no JSON");
    write("odd/config.json", r#"{"model_type": "bert"}"#);
    write("elsewhere/opened/config.json", r#"{"model_type": "opt"}"#);
    let remembered = serde_json::json!({"opened": [home.path("elsewhere/opened"), home.path("gone")]});
    write("state/locus/workbench.json", &remembered.to_string());
    let mut command = home.command(["models"]);
    command.env("HF_HUB_CACHE", home.path("hub"));
    let output = command.output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let rows: BTreeMap<&str, Vec<&str>> =
        text.lines().map(|line| line.split('\t').collect::<Vec<_>>()).map(|cells| (cells[0], cells)).collect();
    assert_eq!(rows["model"], ["model", "family", "size", "state", "--model"]);
    assert_eq!(rows["built-in"][1], "gpt2");
    assert_eq!(rows["org/small"][1..4], ["llama", "5 B", "complete"]);
    assert!(rows["org/small"][4].ends_with("snapshots/abc"), "{text}");
    assert_eq!(rows["mine"][3..], ["lacks tokenizer.json, model.safetensors", "./mine"]);
    assert_eq!(rows["odd"][3], "family not supported; lacks tokenizer.json, model.safetensors");
    assert_eq!(rows["opened"][1], "opt", "it was opened from another folder");
    assert_eq!(rows.len(), 6, "{text}");
}

#[test]
fn flags_of_all_commands_stand_apart_from_the_command_s_own() {
    let home = Home::new();
    for command in ["trace", "edit", "eval", "compare", "facts"] {
        let help = home.run([command, "--help"]).well().out;
        let (own, common) = help.split_once("Flags of all commands:").expect(&help);
        assert!(own.contains("--help") && !own.contains("--model <"), "{help}");
        assert!(common.contains("--model <DIR or ID>") && common.contains("--journal <FILE>"), "{help}");
        assert!(!common.contains("--case"), "{help}");
    }
    let help = home.run(["--help"]).well().out;
    let (own, _) = help.split_once("Flags of all commands:").expect(&help);
    assert!(own.contains("--follow"), "{help}");
}
