//! Every command without a terminal: the same engine, the same numbers, as tables and as records.

use locus_end_to_end::{Home, Records, Trace, fact, facts, is_whole_safetensors, order, plugin};
use locus_protocol::{Event, Outcome, TraceKind};
use safetensors::SafeTensors;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;

/// The largest indirect effect of a trace: how large, at which token, at which layer.
fn peak(trace: &Trace) -> (f64, usize, usize) {
    let cells = trace.scores.iter().enumerate().flat_map(|(token, row)| {
        row.iter().enumerate().map(move |(layer, score)| (score - trace.started.corrupted, token, layer))
    });
    cells.max_by(|a, b| a.0.total_cmp(&b.0)).expect("cells")
}

#[test]
fn the_demo_in_a_pipe_tells_the_whole_story_in_records() {
    let records = Home::new().run(["demo", "--json"]).well().records();
    let order: Vec<&str> = records.values.iter().filter_map(|value| value["event"].as_str()).collect();
    let first = |event: &str| order.iter().position(|at| *at == event).unwrap_or_else(|| panic!("no {event}"));
    let story = ["hello", "plugin", "model", "trace", "trace-row", "edit", "step", "applied"];
    assert!(story.windows(2).all(|pair| first(pair[0]) < first(pair[1])), "{order:?}");
    assert_eq!(order.last(), Some(&"finished"));
    assert_eq!(records.outcomes(), [Outcome::Done, Outcome::Done, Outcome::Done], "load, trace, edit");

    let [trace] = &records.traces()[..] else { panic!("not one trace") };
    let (effect, token, layer) = peak(trace);
    let last_subject = trace.started.tokens.iter().rposition(|token| token.subject).expect("a subject");
    let early = token == last_subject && layer < trace.started.layers / 2;
    let late = token + 1 == trace.started.tokens.len() && layer >= trace.started.layers / 2;
    assert!(early || late, "the largest effect is at token {token}, layer {layer}");
    assert!(effect > 0.2 && trace.started.clean > trace.started.corrupted, "{effect}: {:?}", trace.started);

    let [edit] = &records.edits()[..] else { panic!("not one edit") };
    let scores = &edit.applied.as_ref().expect("applied").scores;
    let (before, after) = (&scores.before.rewrite[0], &scores.after.rewrite[0]);
    assert!(before.new < before.truth, "{before:?}");
    assert!(after.new > after.truth, "{after:?}");
    // what a newcomer sees first is a clean edit
    let verdict = edit.applied.as_ref().expect("applied").verdict.clone().expect("a verdict");
    let (Some(paraphrases), Some(neighbors)) = (verdict.paraphrases, verdict.neighbors) else { panic!("{verdict:?}") };
    assert!(paraphrases.hold == paraphrases.of && neighbors.hold + 1 >= neighbors.of, "{verdict:?}");
    let changes = &edit.applied.as_ref().expect("applied").changes;
    assert!(changes.iter().all(|change| change.relative < 2.0), "{changes:?}");
    assert!(edit.losses.len() > 1 && edit.losses.last() < edit.losses.first(), "{:?}", edit.losses);
    assert_eq!(records.numbers_that_are_none(), Vec::<String>::new());
}

#[test]
fn the_demo_as_text_shows_the_numbers_of_its_records() {
    let home = Home::new();
    let ended = home.run(["demo"]).well();
    assert_eq!(ended.err, "");
    let records = home.run(["demo", "--json"]).well().records();
    let trace = &records.traces()[0];
    let (effect, _, layer) = peak(trace);
    let largest = ended.out.lines().find(|line| line.starts_with("largest effect")).expect("the largest effect");
    assert!(largest.starts_with(&format!("largest effect {effect:.3} at ")), "{largest} and {effect}");
    assert!(largest.ends_with(&format!(", layer {layer}")), "{largest} and {layer}");
    let applied = records.edits()[0].applied.clone().expect("applied");
    let rewrite = ended.out.lines().find(|line| line.trim_start().starts_with("rewrite")).expect("the edited prompt");
    let shown: Vec<&str> = rewrite.split_whitespace().skip(1).take(4).collect();
    let (before, after) = (&applied.scores.before.rewrite[0], &applied.scores.after.rewrite[0]);
    let told = [before.new, after.new, before.truth, after.truth].map(|number| format!("{number:.3}"));
    assert_eq!(shown, told);
    for row in 0..trace.started.layers {
        assert!(ended.out.lines().any(|line| line.split_whitespace().next() == Some(&row.to_string())), "layer {row}");
    }
}

/// Edits five facts at every layer, each on the unedited model.
fn every_layer(method: &str) {
    const CASES: [u64; 5] = [0, 250, 500, 750, 1000];
    let home = Home::new();
    let places: Vec<(usize, u64)> = (0..12).flat_map(|layer| CASES.map(|case| (layer, case))).collect();
    let orders: String = places.iter().map(|&(layer, case)| order(case, method, layer, json!({}))).collect();
    let ended = home.run_with(&orders, ["edit", "--orders", "-", "--json"]).well();
    let records = ended.records();
    assert_eq!(records.numbers_that_are_none(), Vec::<String>::new());
    // loading, the edits, and what takes each but the last back
    assert_eq!(records.outcomes(), vec![Outcome::Done; 2 * places.len()]);
    assert_eq!(records.unedited_after_undo(), vec![true; places.len() - 1]);
    let edits = records.edits();
    assert_eq!(edits.len(), places.len());
    for (edit, (layer, case)) in edits.iter().zip(&places) {
        let applied = edit.applied.as_ref().unwrap_or_else(|| panic!("{case} at {layer} was not applied"));
        assert_eq!(edit.started.order.fact, *fact(*case));
        assert_eq!(edit.started.layers, [*layer]);
        assert!(!edit.losses.is_empty(), "no step was told");
        assert!(applied.changes.iter().all(|change| change.layer == Some(*layer) && change.norm > 0.0), "{applied:?}");
        assert!(applied.rows.iter().all(|row| row.weight_change.is_some() == (row.layer == *layer)), "{applied:?}");
        let prompts = [applied.scores.after.rewrite.len(), applied.scores.after.neighborhood.len()];
        assert_eq!(prompts, [1, fact(*case).neighborhood.len()]);
        // nothing of the edits before is left: not one bit of any probability
        let first = edits.iter().find(|edit| edit.started.order.fact.case_id == Some(*case)).expect("the first");
        assert_eq!(applied.scores.before, first.applied.as_ref().expect("applied").scores.before);
    }
}

#[test]
fn rome_edits_at_every_layer_orders_in_records_out() {
    every_layer("rome");
}

#[test]
fn fine_tuning_edits_at_every_layer_orders_in_records_out() {
    every_layer("fine-tuning");
}

#[test]
fn a_trace_of_each_kind() {
    let home = Home::new();
    let trace = |arguments: &[&str]| {
        let ended = home.run([&["trace", "--case", "3", "--json"], arguments].concat()).well();
        let records = ended.records();
        let [trace] = &records.traces()[..] else { panic!("not one trace") };
        trace.clone()
    };
    let kinds = [("hidden", TraceKind::Hidden, 1), ("mlp", TraceKind::Mlp, 3), ("attention", TraceKind::Attention, 3)];
    for (name, kind, window) in kinds {
        let told = trace(&["--kind", name]);
        let order = &told.started.order;
        assert_eq!((order.kind, order.window, order.samples, order.seed), (kind, window, 10, 1));
        assert_eq!(order.fact, *fact(3));
        assert!(told.started.clean > told.started.corrupted, "{told:?}");
        assert_eq!(told.scores.len(), told.started.tokens.len());
        let numbers: Vec<f64> = told.scores.concat();
        assert_eq!(numbers.len(), told.started.tokens.len() * 12);
        assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)), "{told:?}");
        assert_eq!(trace(&["--kind", name]), told, "another run has other numbers");
        let text = home.run(["trace", "--case", "3", "--kind", name]).well().out;
        assert!(text.contains(&format!("largest effect {:.3} at ", peak(&told).0)), "{text}");
    }
    let narrow = trace(&["--kind", "mlp", "--window", "1"]);
    assert_ne!(narrow.scores, trace(&["--kind", "mlp", "--window", "5"]).scores);
    let still = trace(&["--noise", "0"]);
    assert!((still.started.clean - still.started.corrupted).abs() < 1e-6, "{still:?}");
    assert_ne!(trace(&["--seed", "2"]).scores, trace(&[]).scores);
    let constant = trace(&["--noise", "0.25", "--samples", "3"]).started;
    assert_eq!((constant.noise_level, constant.order.samples), (0.25, 3));
}

#[test]
fn a_fact_of_ones_own_is_traced_and_edited() {
    let home = Home::new();
    let own = fact(0);
    let typed = ["--prompt", &own.marked(), "--true", &own.target_true, "--new", &own.target_new].map(str::to_owned);
    let run = |command: &[&str]| {
        let command = command.iter().map(|&word| word.to_owned());
        home.run(command.chain(typed.clone()).chain(["--json".to_owned()])).well().records()
    };
    assert_eq!(run(&["trace"]).traces()[0].started.order.fact.prompt(), own.prompt());
    let edit = &run(&["edit", "--method", "rome", "--layers", "5"]).edits()[0];
    let recorded = home.run(["edit", "--method", "rome", "--layers", "5", "--case", "0", "--json"]).well().records();
    let (edit, recorded) = (edit.applied.clone().expect("applied"), recorded.edits()[0].applied.clone().expect("too"));
    assert_eq!((edit.scores.after.neighborhood.len(), edit.changes), (0, recorded.changes));
    // one prompt alone is summed in another order than among others
    let (own, recorded) = (&edit.scores.after.rewrite[0], &recorded.scores.after.rewrite[0]);
    assert!((own.new - recorded.new).abs() < 1e-3, "{own:?} {recorded:?}");
}

/// Saves an edit; the tensors' names with their shapes, and whether they make the change that was told.
fn saved(method: &str) -> Vec<(String, Vec<usize>)> {
    let home = Home::new();
    let arguments = ["edit", "--method", method, "--layers", "4", "--json", "--save", "delta.safetensors"];
    let records = home.run(arguments).well().records();
    let bytes = std::fs::read(home.path("delta.safetensors")).expect("the file");
    assert!(is_whole_safetensors(&bytes));
    let read = SafeTensors::deserialize(&bytes).expect("safetensors");
    let numbers = |name: &str| -> Vec<f64> {
        let view = read.tensor(name).expect(name);
        assert_eq!(view.dtype(), safetensors::Dtype::F32);
        let float = |bytes: &[u8]| f64::from(f32::from_le_bytes(bytes.try_into().expect("four bytes")));
        view.data().chunks(4).map(float).collect()
    };
    let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    for change in records.edits()[0].applied.clone().expect("applied").changes {
        let parameter = change.parameter;
        let whole = if read.names().iter().any(|name| name.ends_with(".left") && name.contains(&parameter)) {
            // of rank one: the norm of the product is the product of the norms
            norm(&numbers(&format!("0.{parameter}.left"))) * norm(&numbers(&format!("0.{parameter}.right")))
        } else {
            norm(&numbers(&format!("0.{parameter}.dense")))
        };
        assert!((whole / change.norm - 1.0).abs() < 1e-4, "{parameter}: {whole} and {}", change.norm);
    }
    let mut shapes: Vec<_> = read.tensors().into_iter().map(|(name, view)| (name, view.shape().to_vec())).collect();
    shapes.sort();
    shapes
}

#[test]
fn saved_changes_can_be_read_by_others() {
    let named = |name: &str, shape: &[usize]| (format!("0.transformer.h.4.mlp.c_proj.{name}"), shape.to_vec());
    assert_eq!(saved("rome"), [named("weight.left", &[384, 1]), named("weight.right", &[1, 96])]);
    assert_eq!(saved("fine-tuning"), [named("bias.dense", &[96]), named("weight.dense", &[384, 96])]);
}

#[test]
fn an_exported_model_still_knows_the_edit() {
    let home = Home::new();
    let edit = ["--method", "rome", "--layers", "5", "--case", "0", "--json"];
    let records = home.run([&["export", "--folder", "out"], &edit[..]].concat()).well().records();
    let edited = records.edits()[0].applied.clone().expect("applied").scores;
    assert!(edited.after.rewrite[0].new > edited.before.rewrite[0].new + 0.1, "{edited:?}");
    let there: Vec<String> =
        locus_end_to_end::files(&home.path("out")).keys().map(|name| name.display().to_string()).collect();
    assert_eq!(there, ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
    // besides the folder and the journal of operations nothing is left
    let names = std::fs::read_dir(home.path("")).expect("home").map(|entry| entry.expect("an entry").file_name());
    assert_eq!(names.collect::<BTreeSet<_>>(), ["out", "state"].map(Into::into).into());

    // the model that is read again starts where the edited one was
    let again = ["edit", "--model", "out", "--method", "fine-tuning", "--set", "steps=1", "--case", "0", "--json"];
    let before = home.run(again).well().records().edits()[0].applied.clone().expect("applied").scores.before;
    let all =
        |scores: &locus_protocol::Scores| [&scores.rewrite[..], &scores.paraphrase, &scores.neighborhood].concat();
    for (written, read) in all(&edited.after).iter().zip(all(&before)) {
        assert_eq!(written.prompt, read.prompt);
        assert!(
            (written.new - read.new).abs() < 1e-5 && (written.truth - read.truth).abs() < 1e-5,
            "{written:?} {read:?}"
        );
    }
    let info = home.run(["model", "info", "--model", "out"]).well().out;
    assert!(info.contains("out") && info.contains("gpt2"), "{info}");
}

#[test]
fn facts_are_listed_and_found() {
    let home = Home::new();
    assert!(facts().iter().all(|fact| fact.prompt().contains(&fact.subject) && fact.neighborhood.len() == 10));
    let wanted = &fact(0).subject;
    let found = home.run(["facts", wanted]).well();
    let rows: Vec<&str> = found.out.lines().skip(1).collect();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.contains(wanted.as_str())), "{found:?}");
    let tail = format!("{} of {} facts; built-in facts", rows.len(), facts().len());
    assert!(found.err.trim_end().ends_with(&tail), "{found:?}");
    let json = home.run(["facts", wanted, "--json"]).well().out;
    assert_eq!(json.lines().filter(|line| line.contains("\"template\"")).count(), rows.len());
    // a file of one's own: the first record of the built-in ones
    let built_in = std::fs::read_to_string(home.cache().join("built-in-model/facts.json")).expect("facts");
    let records: Vec<Value> = serde_json::from_str(&built_in).expect("records");
    std::fs::write(home.path("own.json"), json!([records[7]]).to_string()).expect("written");
    let own = home.run(["facts", "--facts", "own.json"]).well();
    assert!(own.err.contains("1 of 1 fact; own.json"), "{own:?}");
}

#[test]
fn plugins_are_listed_shown_and_checked() {
    let home = Home::new();
    let list = home.run(["plugin", "list"]).well().out;
    for id in ["rome", "fine-tuning", "error-injection"] {
        assert!(list.lines().any(|line| line.split_whitespace().nth(1) == Some(id)), "{id}: {list}");
    }
    assert!(!list.contains("hostile") && !list.contains("refused"), "{list}");
    let listed = home.run(["plugin", "list", "--json"]).well().records();
    let ready: BTreeSet<&str> = listed
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Plugin(plugin) => Some(plugin.id.as_str()),
            _ => None,
        })
        .collect();
    assert!(ready.is_superset(&BTreeSet::from(["error-injection", "fine-tuning", "rome"])), "{ready:?}");
    assert!(!ready.contains("panics"), "{ready:?}");
    let show = home.run(["plugin", "show", "rome"]).well().out;
    assert!(
        show.contains("Meng et al. 2022") && show.contains("learning_rate") && show.contains("0.0001 to 10"),
        "{show}"
    );
    let nudge = plugin("nudge").display().to_string();
    let check = home.run(["plugin", "check", "--edits", "2", &nudge]).well();
    assert!(check.out.lines().count() > 10 && check.out.contains("method `nudge`"), "{check:?}");
    let checked = home.run(["plugin", "check", "--edits", "2", "--json", &nudge]).well().records();
    assert!(checked.events.iter().any(|event| matches!(event, Event::PluginChecked(_))), "{:?}", checked.events);
    // beside the built ones, a plugin that is named
    let list = home.run(["plugin", "list", "--plugin", &nudge]).well().out;
    assert!(list.contains("Nudge one layer"), "{list}");
}

#[test]
fn the_model_is_described() {
    let home = Home::new();
    let text = home.run(["model", "info"]).well().out;
    let value = |name: &str| {
        let line =
            text.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        line.trim_start()[name.len()..].trim().to_owned()
    };
    assert_eq!(
        (value("model").as_str(), value("family").as_str(), value("layers").as_str()),
        ("built-in", "gpt2", "12")
    );
    let indents: BTreeSet<usize> = text.lines().map(|line| line.len() - line.trim_start().len()).collect();
    assert_eq!(indents.len(), 1, "the lines do not begin in the same column: {text}");
    let records = home.run(["model", "info", "--json"]).well().records();
    let model = records.events.iter().find_map(|event| match event {
        Event::Model(model) => Some(model),
        _ => None,
    });
    let model = model.expect("the model");
    assert_eq!(value("parameters"), model.parameters.to_string());
    assert_eq!(model.device.name, "cpu");
    assert_eq!(model.probe.deviation, 0.0, "a trace is about the real model");
}

#[test]
fn second_moments_are_listed_once_there_are_some() {
    let home = Home::cold();
    assert!(home.run(["stats"]).well().err.contains("no second moments in"));
    assert_eq!(home.run(["stats", "--json"]).well().out, "");
    let told = home.run(["edit", "--method", "rome", "--corpus-tokens", "2000", "--json"]).well();
    assert!(told.out.contains("collecting second moments of all layers"), "{}", told.out);
    let listed = home.run(["stats", "--json"]).well().out;
    let [line] = listed.lines().collect::<Vec<_>>()[..] else { panic!("not one file: {listed}") };
    let record: Value = serde_json::from_str(line).expect(line);
    let file = record["file"].as_str().expect("a file");
    let bytes = std::fs::read(file).expect("the file");
    assert_eq!(record["bytes"], bytes.len());
    assert!(is_whole_safetensors(&bytes));
    assert!(home.run(["stats"]).well().out.contains(record["model"].as_str().expect("a model")));
    // they are used again, and one that is damaged is collected anew with a warning
    let again = home.run(["edit", "--method", "rome", "--corpus-tokens", "2000", "--json"]).well();
    assert!(!again.out.contains("collecting second moments"), "{}", again.out);
    std::fs::write(file, &bytes[..bytes.len() / 2]).expect("cut short");
    let anew = home.run(["edit", "--method", "rome", "--corpus-tokens", "2000"]).well();
    assert!(anew.err.contains("not a complete file of second moments"), "{anew:?}");
    assert_eq!(std::fs::read(file).expect("the file").len(), bytes.len());
}

#[test]
fn the_doctor_tells_what_a_report_needs() {
    let home = Home::new();
    let text = home.run(["doctor"]).well().out;
    for name in ["version", "libtorch", "device", "TERM", "cache", "plugins"] {
        assert!(text.lines().any(|line| line.trim_start().starts_with(name)), "{name}: {text}");
    }
    let json = home.run(["doctor", "--json"]).well().out;
    let [line] = json.lines().collect::<Vec<_>>()[..] else { panic!("not one line: {json}") };
    let record: Value = serde_json::from_str(line).expect(line);
    assert_eq!(record["TERM"], "xterm-256color");
    assert!(record["plugins"].as_str().is_some_and(|plugins| plugins.contains("rome 2.0")), "{record}");
    assert!(record["libtorch"].as_str().is_some_and(|file| file.ends_with("libtorch_cpu.so")), "{record}");
    assert_eq!(record["cache"], home.cache().display().to_string());
}

/// README.md and everything in docs/.
fn manuals() -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = std::fs::read_dir(root.join("docs")).expect("docs").map(|entry| entry.expect("a file").path());
    let files = docs.filter(|file| file.extension().is_some_and(|end| end == "md")).chain([root.join("README.md")]);
    files.map(|file| std::fs::read_to_string(file).expect("a text")).collect()
}

#[test]
fn completions_and_the_manual_know_the_commands() {
    let home = Home::cold();
    let bash = home.run(["completions", "bash"]).well().out;
    let man = home.run(["man"]).well().out;
    let manuals = manuals();
    let help = home.run(["--help"]).well().out;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // two blanks, the name, and what it does, which may go on in lines that begin further right
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let commands: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    assert!(commands.len() > 15, "{help}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        assert!(
            bash.contains(&format!("locus__subcmd__{command}")) || bash.contains(&format!("locus,{command}")),
            "{command}"
        );
        assert!(man.contains(command), "{command}");
        assert!(manuals.contains(&format!("locus {command}")), "neither README.md nor docs/ says `locus {command}`");
    }
    assert!(man.contains(".TH locus"), "{man}");
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(home.run(["completions", shell]).well().out.contains("locus"), "{shell}");
    }
    let mut reader = std::process::Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().expect("bash");
    reader.stdin.take().expect("its input").write_all(bash.as_bytes()).expect("bash reads it");
    assert!(reader.wait().expect("bash ends").success(), "bash cannot read it");
    assert!(locus_end_to_end::files(&home.path("")).is_empty(), "something was written");
}

#[test]
fn the_first_record_says_the_schema() {
    let home = Home::new();
    let commands = [
        "demo",
        "trace",
        "edit --method fine-tuning --set steps=1",
        "facts",
        "model info",
        "plugin list",
        "plugin show rome",
    ];
    let hello = json!({"event": "hello", "schema": 1, "version": env!("CARGO_PKG_VERSION"), "reproducible": false});
    for command in commands {
        let ended = home.run(command.split(' ').chain(["--json"])).well();
        let lines: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        assert_eq!(lines[0], hello, "{command}");
        assert!(lines.len() > 1, "{command}");
        assert_eq!(ended.err, "", "{command}");
    }
}

#[test]
fn the_journal_holds_the_same_records_and_grows() {
    let home = Home::new();
    let edit = ["edit", "--method", "fine-tuning", "--layers", "2", "--json", "--journal", "kept/journal.jsonl"];
    let first = home.run(edit).well().out;
    let journal = || std::fs::read_to_string(home.path("kept/journal.jsonl")).expect("the journal");
    assert_eq!(journal(), first);
    let second = home.run(edit).well().out;
    assert_eq!(journal(), first + &second);
    assert_eq!(Records::read(&second).outcomes(), [Outcome::Done, Outcome::Done]);
}

#[test]
fn settings_come_from_plugins_files_and_flags_and_flags_win() {
    let home = Home::new();
    std::fs::write(home.path("rome.toml"), "steps = 4\nlearning_rate = 0.3\n").expect("written");
    let edit =
        ["edit", "--method", "rome", "--settings-file", "rome.toml", "--set", "steps=6", "--layers", "2", "--json"];
    let order = home.run(edit).well().records().edits()[0].started.order.clone();
    assert_eq!((&order.method_settings["steps"], &order.method_settings["learning_rate"]), (&json!(6), &json!(0.3)));
    std::fs::write(home.path("contexts.txt"), "{}\n\nWell. {}\n").expect("written");
    let edit = ["edit", "--method", "rome", "--set", "context_templates=@contexts.txt", "--layers", "2", "--json"];
    let records = home.run(edit).well().records();
    assert_eq!(records.edits()[0].started.order.method_settings["context_templates"], json!(["{}", "Well. {}"]));
}

#[test]
fn a_reader_that_leaves_is_no_crash() {
    use std::io::Read;
    let home = Home::new();
    for command in ["completions bash", "man", "facts", "facts --json", "demo", "plugin list"] {
        // gone before the program begins: a short text fits into the pipe
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut child = home.command(command.split(' ')).stdout(writer).spawn().expect("the program starts");
        drop(child.stdin.take());
        let mut said = String::new();
        child.stderr.take().expect("errors").read_to_string(&mut said).expect("text");
        let status = child.wait().expect("the end");
        assert_eq!((status.code(), said.as_str()), (Some(1), ""), "{command}");
    }
}
