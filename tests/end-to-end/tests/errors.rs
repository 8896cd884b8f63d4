//! Bad input: one sentence on standard error that names the file, the field or the flag and says what to do, the exit
//! code of its kind, and nothing written anywhere.

use locus_end_to_end::{Home, files, order, plugin};
use serde_json::{Value, json};
use std::path::Path;

/// Failed, usage, plugin, device.
const FAILED: i32 = 1;
const USAGE: i32 = 2;
const PLUGIN: i32 = 3;
const DEVICE: i32 = 4;

/// Runs `arguments`, which must be refused with one sentence that holds all of `named`.
fn refused(home: &Home, code: i32, named: &[&str], arguments: &[&str]) {
    refused_with(home, "", code, named, arguments);
}

fn refused_with(home: &Home, input: &str, code: i32, named: &[&str], arguments: &[&str]) {
    // an edit that was made before its command failed is in the journal of operations, whatever came of the rest
    let kept = |home: &Home| {
        let mut files = files(&home.path(""));
        files.retain(|file, _| !file.starts_with("state"));
        files
    };
    let there = || (kept(home), files(&home.cache()));
    let before = there();
    let sentence = home.run_with(input, arguments).sentence(code);
    for name in named {
        assert!(sentence.contains(name), "no {name:?} in the answer to {arguments:?}: {sentence}");
    }
    assert_eq!(there(), before, "{arguments:?} wrote something");
}

/// A copy of the built-in model under `name` in the home.
fn copy_of_the_model(home: &Home, name: &str) {
    let folder = home.path(name);
    std::fs::create_dir(&folder).expect("a folder");
    for entry in std::fs::read_dir(home.cache().join("built-in-model")).expect("the model") {
        let file = entry.expect("a file").path();
        std::fs::copy(&file, folder.join(file.file_name().expect("a name"))).expect("copied");
    }
}

fn change_json(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&std::fs::read(file).expect("the file")).expect("JSON");
    change(&mut value);
    std::fs::write(file, value.to_string()).expect("written");
}

#[test]
fn a_model_folder_that_is_not_there_or_empty() {
    let home = Home::new();
    let what = "give a folder with config.json, *.safetensors and tokenizer.json";
    refused(&home, FAILED, &["./no/such/config.json", what], &["model", "info", "--model", "./no/such"]);
    refused(&home, FAILED, &["such/config.json", what], &["model", "info", "--model", "such"]);
    let as_id = ["--model no/such", "there is no such folder", "HF_HUB_OFFLINE"];
    refused(&home, FAILED, &as_id, &["model", "info", "--model", "no/such"]);
    std::fs::create_dir(home.path("empty")).expect("a folder");
    refused(&home, FAILED, &["empty/config.json", what], &["trace", "--model", "empty"]);
    refused(&home, USAGE, &["--model", "leave the flag out"], &["demo", "--model", "empty"]);
}

#[test]
fn flags_that_would_say_nothing_are_refused() {
    let home = Home::new();
    let edit = ["edit", "--case", "0", "--method", "rome"];
    refused(&home, USAGE, &["--step-rows", "add one of them"], &[&edit[..], &["--step-rows"]].concat());
    for flag in ["--no-scores", "--step-rows"] {
        let ended = home.run(["edit", "--apply", "some.safetensors", flag]);
        assert!(ended.code == Some(USAGE) && ended.err.contains("--method"), "{ended:?}");
    }
    // a bound between the two that mean something else
    let bound = ["edit", "--case", "0", "--method", "fine-tuning", "--set", "norm_constraint=-0.5"];
    refused(&home, FAILED, &["norm_constraint = -0.5", "-1 to derive it"], &bound);
    // the questions of zsRE have no true answer that a filter could look for
    let record = r#"[{"subject": "Ada", "src": "Where was Ada born?", "answers": ["London"], "rephrase": "Ada was born where?",
        "loc": "nq question: who wrote it", "loc_ans": "Homer", "alt": "Paris", "pred": "Rome"}]"#;
    std::fs::write(home.path("zsre.json"), record).expect("written");
    for flag in [&["--correct-only"][..], &["--least-probability", "0.1"]] {
        let eval = ["eval", "--facts", "zsre.json", "--zsre", "question"];
        refused(&home, USAGE, &[flag[0], "--zsre statement"], &[&eval[..], flag].concat());
    }
}

#[test]
fn weights_that_are_cut_short_missing_or_others() {
    let home = Home::new();
    copy_of_the_model(&home, "broken");
    let file = home.path("broken/model.safetensors");
    let whole = std::fs::read(&file).expect("weights");
    for length in [0, 4, 100, 5000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).expect("cut short");
        let named = ["broken/model.safetensors: not a complete safetensors file", "copy it again"];
        refused(&home, FAILED, &named, &["model", "info", "--model", "broken"]);
    }
    std::fs::write(&file, &whole).expect("whole again");
    change_json(&home.path("broken/config.json"), |config| config["n_layer"] = json!(13));
    let named = ["transformer.h.12.", "is missing; the checkpoint does not match its config.json"];
    refused(&home, FAILED, &named, &["model", "info", "--model", "broken"]);
    std::fs::remove_file(&file).expect("removed");
    let named = ["broken: the folder contains no *.safetensors file and no pytorch_model.bin", "copy the weights"];
    refused(&home, FAILED, &named, &["model", "info", "--model", "broken"]);
}

#[test]
fn a_configuration_that_nobody_can_run() {
    let home = Home::new();
    copy_of_the_model(&home, "broken");
    let file = home.path("broken/config.json");
    let info = ["model", "info", "--model", "broken"];
    change_json(&file, |config| config["model_type"] = json!("rwkv"));
    refused(&home, FAILED, &["broken/config.json: architecture `rwkv` is not supported", "known are gpt2"], &info);
    change_json(&file, |config| config["model_type"] = json!("gpt2"));
    change_json(&file, |config| config["n_head"] = json!(7));
    refused(&home, FAILED, &["broken/config.json: field `n_head` is 7 and must divide"], &info);
    change_json(&file, |config| config["n_head"] = json!(4));
    change_json(&file, |config| config["n_positions"] = json!(100_000));
    refused(&home, FAILED, &["wpe.weight", "config.json requires [100000, 96]"], &info);
    std::fs::write(&file, "{").expect("written");
    refused(&home, FAILED, &["broken/config.json: not valid JSON"], &info);
}

#[test]
fn a_tokenizer_that_is_none() {
    let home = Home::new();
    copy_of_the_model(&home, "broken");
    std::fs::write(home.path("broken/tokenizer.json"), "{}").expect("written");
    refused(&home, FAILED, &["tokenizer"], &["model", "info", "--model", "broken"]);
    std::fs::remove_file(home.path("broken/tokenizer.json")).expect("removed");
    refused(&home, FAILED, &["tokenizer.json"], &["model", "info", "--model", "broken"]);
}

#[test]
fn facts_that_lack_something() {
    let home = Home::new();
    let file = home.path("facts.json");
    let good = json!({"case_id": 0, "requested_rewrite": {"prompt": "The capital of {} is", "subject": "France",
        "target_true": {"str": "Paris"}, "target_new": {"str": "Rome"}}});
    let with = |change: &dyn Fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        std::fs::write(&file, json!([good, bad]).to_string()).expect("written");
    };
    let trace = ["trace", "--facts", "facts.json"];
    let remove = |record: &mut Value, name: &str| drop(record.as_object_mut().expect("an object").remove(name));
    for field in ["prompt", "subject", "target_true", "target_new"] {
        with(&|record| remove(&mut record["requested_rewrite"], field));
        refused(&home, FAILED, &["facts.json: record 1: field `requested_rewrite.", field], &trace);
    }
    with(&|record| remove(record, "requested_rewrite"));
    refused(
        &home,
        FAILED,
        &["facts.json: record 1: its format is unknown", "`requested_rewrite` (CounterFact)"],
        &trace,
    );
    with(&|record| record["neighborhood_prompts"] = json!("one"));
    refused(&home, FAILED, &["facts.json: record 1: field `neighborhood_prompts` must be a list"], &trace);
    with(&|record| record["requested_rewrite"]["prompt"] = json!("The capital of France is"));
    refused(&home, FAILED, &["record 1: field `requested_rewrite.prompt` must contain {} exactly once"], &trace);
    for (text, what) in [("[", "not valid JSON"), ("{}", "its format is unknown"), ("[]", "there is no record")] {
        std::fs::write(&file, text).expect("written");
        refused(&home, FAILED, &["facts.json: ", what], &trace);
    }
    refused(&home, FAILED, &["none.json: cannot be read"], &["facts", "--facts", "none.json"]);
}

#[test]
fn a_subject_that_is_not_in_the_prompt() {
    let home = Home::new();
    let prompt = ["--prompt", "The capital of France is", "--true", "Paris", "--new", "Rome"];
    for command in [&["trace"][..], &["edit", "--method", "rome"]] {
        let arguments = [command, &prompt, &["--subject", "Spain"]].concat();
        let named =
            ["--subject: `Spain` does not occur in the prompt `The capital of France is`", "exactly as in the prompt"];
        refused(&home, USAGE, &named, &arguments);
        let arguments = [command, &prompt].concat();
        refused(&home, USAGE, &["--prompt: the prompt marks no subject", "The capital of {France} is"], &arguments);
    }
    // in an order the template is the prompt
    let mut order: Value = serde_json::from_str(&order(0, "rome", 3, json!({}))).expect("an order");
    order["fact"]["template"] = json!("The capital of France is");
    order["fact"]["subject"] = json!("Spain");
    let named = ["the subject `Spain` does not occur in the prompt"];
    refused_with(&home, &order.to_string(), FAILED, &named, &["edit", "--orders", "-", "--save", "x.safetensors"]);
}

#[test]
fn facts_and_answers_that_are_missing() {
    let home = Home::new();
    let prompt = ["--prompt", "The capital of {France} is"];
    let edit = ["edit", "--method", "rome"];
    refused(&home, USAGE, &["--new is missing"], &[&edit, &prompt[..], &["--true", "Paris"]].concat());
    // without --true it is what the model says
    refused(&home, USAGE, &["already says “Paris”", "--true"], &[&edit, &prompt[..], &["--new", "Paris"]].concat());
    let named = ["--case 99999: there is no such record", "locus facts"];
    refused(&home, USAGE, &named, &["trace", "--case", "99999"]);
}

/// A copy of a good plugin with one byte of its stamp changed.
fn patched(home: &Home, name: &str, offset: usize, byte: u8) -> String {
    let mut bytes = std::fs::read(plugin("locus-rome")).expect("a good plugin");
    let stamp = bytes.windows(8).position(|window| window == b"LOCUSPLG").expect("the stamp");
    bytes[stamp + offset] = byte;
    std::fs::write(home.path(name), bytes).expect("written");
    name.to_owned()
}

#[test]
fn plugins_that_cannot_be_loaded() {
    let home = Home::new();
    let other_interface = patched(&home, "interface.so", 12, 1);
    let other_libtorch = patched(&home, "libtorch.so", 24 + 6, 10);
    let other_target = patched(&home, "target.so", 32, b'y');
    std::fs::write(home.path("text.so"), "#!/bin/sh\n").expect("written");
    let whole = std::fs::read(plugin("locus-rome")).expect("a good plugin");
    std::fs::write(home.path("cut.so"), &whole[..whole.len() / 2]).expect("written");
    let cases: [(&str, &[&str]); 7] = [
        (&other_interface, &["was built for plugin interface 1.0, but this program uses 2.0", "rebuild the plugin"]),
        (&other_libtorch, &["was built with libtorch 2.10.0, but this program uses libtorch 2.11.0", "rebuild"]),
        (&other_target, &["was built for y86_64-unknown-linux-gnu, but this program runs on", "rebuild"]),
        ("text.so", &["is not a shared library for this machine", "cdylib"]),
        ("cut.so", &["is not a shared library for this machine (it is truncated or damaged"]),
        ("none.so", &["cannot read the plugin", "check the path"]),
        (".", &["cannot read the plugin", "it is a folder"]),
    ];
    for (file, named) in cases {
        let named = [&[file], named].concat();
        let edit = ["edit", "--method", "rome", "--plugin", file, "--save", "x.safetensors"];
        for arguments in [&edit[..], &["plugin", "check", file], &["plugin", "list", "--plugin", file]] {
            refused(&home, PLUGIN, &named, arguments);
        }
        let doctor = home.run(["doctor", "--plugin", file]).well();
        assert!(doctor.out.contains(named[1]), "{doctor:?}");
    }
    // in a folder that is searched it is told and the others go on
    std::fs::create_dir_all(home.path("data/locus/plugins")).expect("a folder");
    std::fs::rename(home.path(&other_interface), home.path("data/locus/plugins/libinterface.so")).expect("moved");
    let list = home.run(["plugin", "list"]).well();
    assert!(list.err.contains("refused: ") && list.err.contains("plugin interface 1.0"), "{list:?}");
    assert!(list.out.contains("rome"), "{list:?}");
}

#[test]
fn methods_and_objectives_that_nobody_offers() {
    let home = Home::new();
    let edit = ["edit", "--method"];
    refused(
        &home,
        PLUGIN,
        &["no method `roam` (did you mean `rome`?); available: ", "fine-tuning", "rome"],
        &[&edit[..], &["roam"]].concat(),
    );
    let named = ["no objective `fame`; available: ", "error-injection"];
    refused(&home, PLUGIN, &named, &[&edit[..], &["rome", "--objective", "fame"]].concat());
    refused(&home, PLUGIN, &["no plugin `roam`", "rome"], &["plugin", "show", "roam"]);
    let orders = order(0, "roam", 3, json!({}));
    refused_with(&home, &orders, PLUGIN, &["no method `roam`", "rome"], &["edit", "--orders", "-"]);
}

#[test]
fn settings_that_do_not_exist_or_do_not_fit() {
    let home = Home::new();
    let set =
        |code, named: &[&str], pair: &str| refused(&home, code, named, &["edit", "--method", "rome", "--set", pair]);
    set(USAGE, &["`rome` has no hyperparameter `stepz`", "steps, learning_rate"], "stepz=3");
    set(USAGE, &["--set steps=0", "a whole number from 1 to 1000"], "steps=0");
    set(USAGE, &["--set steps=many", "a whole number"], "steps=many");
    set(USAGE, &["--set learning_rate=nan", "a number"], "learning_rate=nan");
    set(USAGE, &["--set fact_token=middle", "one of subject_last"], "fact_token=middle");
    set(USAGE, &["--set steps", "NAME=VALUE"], "steps");
    set(USAGE, &["--set context_templates=@none.txt", "none.txt cannot be read"], "context_templates=@none.txt");
    std::fs::write(home.path("bad.toml"), "steps = 0\n").expect("written");
    let file = ["edit", "--method", "rome", "--settings-file"];
    refused(&home, USAGE, &["bad.toml", "`steps` must be"], &[&file[..], &["bad.toml"]].concat());
    refused(&home, USAGE, &["none.toml: cannot be read"], &[&file[..], &["none.toml"]].concat());
    std::fs::write(home.path("bad.toml"), "steps = = 0\n").expect("written");
    refused(&home, USAGE, &["bad.toml: not a TOML table"], &[&file[..], &["bad.toml"]].concat());
    // and in an order
    for (settings, named) in [(json!({"steps": 0}), "`steps` must be"), (json!({"stepz": 3}), "stepz")] {
        let line = order(0, "rome", 3, settings);
        refused_with(&home, &line, USAGE, &["--orders -: line 1: ", named], &["edit", "--orders", "-"]);
    }
}

#[test]
fn layers_that_the_model_does_not_have() {
    let home = Home::new();
    let edit = ["edit", "--method", "fine-tuning", "--save", "x.safetensors", "--layers"];
    refused(&home, USAGE, &["no layer 99", "layers 0 to 11"], &[&edit[..], &["99"]].concat());
    refused(&home, USAGE, &["no layer 12", "layers 0 to 11"], &[&edit[..], &["10-12"]].concat());
    for bad in ["x", "5-3", "3,", "1-2-3"] {
        let named = ["--layers must look like 5, 3-6 or 3,5", bad];
        refused(&home, USAGE, &named, &[&edit[..], &[bad]].concat());
    }
}

#[test]
fn flags_of_a_trace_that_make_no_sense() {
    let home = Home::new();
    for bad in ["loud", "-1", "snan", "inf"] {
        let named = ["--noise must be a number, sK or uX, as in 0.1, s3 or u0.3", bad];
        refused(&home, USAGE, &named, &["trace", "--noise", bad]);
    }
    refused(&home, USAGE, &["--samples"], &["trace", "--samples", "0"]);
    refused(&home, USAGE, &["--window"], &["trace", "--kind", "mlp", "--window", "0"]);
    refused(&home, FAILED, &["none.safetensors", "check the path"], &["trace", "--noise-file", "none.safetensors"]);
    std::fs::write(home.path("bad.safetensors"), "no").expect("written");
    let named = ["bad.safetensors", "not a complete safetensors file"];
    refused(&home, FAILED, &named, &["trace", "--noise-file", "bad.safetensors"]);
}

#[test]
fn devices_that_are_not_there() {
    let home = Home::new();
    refused(&home, DEVICE, &["CUDA cannot be used", "--device cpu"], &["trace", "--device", "cuda"]);
    refused(&home, DEVICE, &["CUDA cannot be used", "--device cpu"], &["model", "info", "--device", "cuda:7"]);
    refused(&home, USAGE, &["--device must be auto, cpu, cuda or cuda:N", "tpu"], &["trace", "--device", "tpu"]);
    refused(&home, USAGE, &["--corpus-tokens"], &["edit", "--method", "rome", "--corpus-tokens", "0"]);
    let mut command = home.command(["--threads", "0", "trace"]);
    command.args(["--case", "0"]);
    let ended = locus_end_to_end::Ended::from(command.output().expect("it runs"));
    assert_eq!(ended.code, Some(USAGE), "{ended:?}");
}

#[test]
fn orders_that_cannot_be_read() {
    let home = Home::new();
    let edit = |file| ["edit", "--save", "x.safetensors", "--orders", file];
    refused(&home, USAGE, &["--orders none.jsonl: cannot be read", "one JSON object per line"], &edit("none.jsonl"));
    refused(&home, USAGE, &["--orders .: cannot be read"], &edit("."));
    let good = order(0, "fine-tuning", 3, json!({"steps": 1}));
    let mut lacking: Value = serde_json::from_str(&good).expect("an order");
    drop(lacking["fact"].as_object_mut().expect("a fact").remove("subject"));
    for (bad, named) in [("nonsense\n".to_owned(), "expected"), (lacking.to_string(), "missing field `subject`")] {
        // nothing is done before all orders were read
        std::fs::write(home.path("orders.jsonl"), format!("{good}\n{bad}")).expect("written");
        refused(&home, USAGE, &["--orders orders.jsonl: line 3: not an edit order", named], &edit("orders.jsonl"));
    }
    std::fs::write(home.path("orders.jsonl"), "\n \n").expect("written");
    refused(&home, USAGE, &["--orders orders.jsonl: it contains no order"], &edit("orders.jsonl"));
    refused(&home, USAGE, &["--orders -: it contains no order"], &edit("-"));
}

#[test]
fn tables_of_orders_that_say_too_little_or_too_much() {
    let home = Home::new();
    let edit = ["edit", "--orders", "orders.toml"];
    let refused = |text: &str, code, named: &[&str]| {
        std::fs::write(home.path("orders.toml"), text).expect("written");
        let all: Vec<&str> = ["--orders orders.toml: "].iter().chain(named).copied().collect();
        refused(&home, code, &all, &edit);
    };
    let edits = "case = 0\n[[edit]]\nmethod = \"fine-tuning\"\n[[edit]]\n";
    let with = |more: &str| format!("{edits}{more}\n");
    refused("method = [\n", USAGE, &["line 1: neither TOML nor one JSON object per line"]);
    refused("method = \"fine-tuning\"\n", USAGE, &["it contains no order; write an [[edit]] table"]);
    refused("edit = 3\n", USAGE, &["`edit` must be written as [[edit]] tables"]);
    refused(edits, USAGE, &["edit 2: `method` is missing; give one of", "fine-tuning"]);
    refused(&with("method = \"magic\""), PLUGIN, &["edit 2: there is no method `magic`; available:", "fine-tuning"]);
    let fine_tuning = |more: &str| with(&format!("method = \"fine-tuning\"\n{more}"));
    refused(&fine_tuning("objective = \"x\""), PLUGIN, &["edit 2: there is no objective `x`"]);
    refused(&fine_tuning("speed = 3"), USAGE, &["edit 2: not an edit order: unknown field `speed`"]);
    refused(&fine_tuning("layers = \"5-3\""), USAGE, &["edit 2: layers must look like 5, 3-6 or 3,5, not `5-3`"]);
    refused(&fine_tuning("layers = -1"), USAGE, &["edit 2: not an edit order: layers must be like 5"]);
    refused(&fine_tuning("case = 99999"), USAGE, &["edit 2: case 99999: there is no such record; the file has 0 to"]);
    refused(&fine_tuning("cases = \"x\""), USAGE, &["edit 2: cases must look like 0-99, 3,5-7 or all, not `x`"]);
    refused(&fine_tuning("prompt = \"{A} is\""), USAGE, &["edit 2: `new` is missing"]);
    refused(&fine_tuning("prompt = \"A is\""), USAGE, &["edit 2: prompt: the prompt marks no subject"]);
    refused(
        &fine_tuning("case = 1\nprompt = \"{A} is\""),
        USAGE,
        &["edit 2: give exactly one of `case`, `cases`, `prompt`"],
    );
    refused(&fine_tuning("cases = \"1-2\"\nnew = \"x\""), USAGE, &["edit 2: `cases` keep their own answers"]);
    let steps = "method_settings = { steps = 0 }";
    refused(&fine_tuning(steps), USAGE, &["edit 2: `steps` must be a whole number from 1 to 10000, not 0"]);
    let speed = "method_settings = { speed = 1 }";
    refused(&fine_tuning(speed), USAGE, &["edit 2: `fine-tuning` has no hyperparameter `speed`; it has "]);
    let nobody = format!("[settings.magic]\nsteps = 1\n{}", fine_tuning("case = 1").replace("case = 0\n", ""));
    refused(
        &nobody.replacen("[[edit]]\n", "[[edit]]\ncase = 0\n", 1),
        USAGE,
        &["edit 1: [settings.magic]: no plugin has that id"],
    );
}

#[test]
fn many_facts_and_sequences_that_make_no_sense() {
    let home = Home::new();
    let edit = |more: &[&str]| -> Vec<String> {
        ["edit", "--method", "fine-tuning"].iter().chain(more).map(|&word| word.to_owned()).collect()
    };
    let refused = |code, named: &[&str], more: &[&str]| {
        let arguments = edit(more);
        refused(&home, code, named, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    };
    refused(USAGE, &["--cases must look like 0-99, 3,5-7 or all, not `5-3`"], &["--cases", "5-3"]);
    refused(
        USAGE,
        &["--cases 0,99999: there is no further record from 99999 to 99999", "0 to"],
        &["--cases", "0,99999"],
    );
    refused(USAGE, &["--undo 1: undoes one of several edits in place; add --sequence"], &["--undo", "1"]);
    refused(USAGE, &["--undo 3: edits are 1 to 2"], &["--cases", "0-1", "--sequence", "--undo", "3"]);
    let named = ["--parity hase2023: neither `fine-tuning` nor `error-injection` has a hyperparameter `parity`"];
    refused(USAGE, &named, &["--parity", "hase2023"]);
    let named = ["--parity must be off or hase2023, not `x`"];
    refused(USAGE, &named, &["--objective", "fact-forcing", "--parity", "x"]);
}

#[test]
fn places_that_cannot_be_written() {
    let home = Home::new();
    let edit = ["edit", "--method", "rome", "--save"];
    let named = ["--save no/such/x.safetensors", "its folder does not exist; create it first"];
    refused(&home, USAGE, &named, &[&edit[..], &["no/such/x.safetensors"]].concat());
    refused(&home, USAGE, &["--save .: it is a folder; name a file"], &[&edit[..], &["."]].concat());
    let export = ["export", "--method", "rome", "--folder", "."];
    refused(&home, USAGE, &["--folder .: it already exists; name a new one"], &export);
    std::fs::write(home.path("file"), "").expect("written");
    let named = ["file/journal.jsonl: the journal cannot be written", "name another file"];
    refused(&home, FAILED, &named, &["trace", "--journal", "file/journal.jsonl"]);
    let export = ["export", "--method", "fine-tuning", "--set", "steps=1", "--folder", "file/out"];
    refused(&home, USAGE, &["--folder file/out: its folder does not exist; create it first"], &export);
    let corpus = ["edit", "--method", "rome", "--corpus", "none.txt"];
    refused(&home, FAILED, &["none.txt: the corpus cannot be read", "one document per line"], &corpus);
}

#[test]
fn no_terminal_no_workbench() {
    let home = Home::new();
    refused(&home, USAGE, &["the workbench needs a terminal", "locus --help"], &[]);
}

#[test]
fn words_that_no_command_knows() {
    let home = Home::new();
    for arguments in [&["fly"][..], &["trace", "--speed", "3"], &["edit"], &["trace", "--kind", "head"], &["deltas"]] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, Some(USAGE), "{ended:?}");
        assert!(ended.err.contains("Usage:") || ended.err.contains("--help"), "{ended:?}");
    }
}

#[test]
fn a_job_that_fails_says_so_in_its_records_too() {
    let ended = Home::new().run(["trace", "--noise-file", "none.safetensors", "--json"]);
    let sentence = ended.sentence(FAILED);
    let last = ended.records().values.last().cloned().expect("records");
    assert_eq!(last["event"], "finished");
    assert_eq!(last["outcome"], json!({"how": "failed", "error": sentence, "blame": "request"}));
}
