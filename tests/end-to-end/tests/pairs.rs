//! Every method with every objective, several edits at once, and taking one of them back.

use half::f16;
use locus_end_to_end::{Edit, Home, Pair, PseudoTerminal, Records, fact, order_of, pairs};
use locus_protocol::{EditInPlace, Event, Outcome, PluginKind, PluginReady, Scores};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// A fact that the model no longer knows once its subject is noised.
const CASE: u64 = 320;

/// The order of a pair as a line of `--orders`, with the layers that suit the model.
fn line(pair: &Pair, case: u64) -> String {
    let order = json!({
        "method": pair.method.id,
        "objective": pair.objective.id,
        "case": case,
        "method_settings": pair.short_settings(),
    });
    format!("{order}\n")
}

/// Whether what the objective aimed at became more probable, or less where its loss is a probability.
fn assert_moved(pair: &Pair, edit: &Edit) {
    let applied = edit.applied.as_ref().expect("applied");
    let name = format!("{} with {}", pair.method.id, pair.objective.id);
    let (first, last) = (edit.losses[0], *edit.losses.last().expect("a step"));
    let least = edit.losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(edit.losses.iter().all(|loss| loss.is_finite()), "{name}: {:?}", edit.losses);
    assert!(least < first && last < first, "{name}: the loss does not fall: {:?}", edit.losses);
    let (before, after) = (&applied.scores.before.rewrite[0], &applied.scores.after.rewrite[0]);
    let facts = (applied.aim.target.as_str(), edit.started.order.fact.clone());
    let probability = |scores: &Scores, target: &str| -> f64 {
        let found = scores.top.iter().find(|token| token.text.trim() == target);
        found.map_or(0.0, |token| token.probability)
    };
    match facts {
        (target, fact) if target == fact.target_new => assert!(after.new > before.new + 0.2, "{name}: {applied:?}"),
        // the answer is to go away, or is there already
        (target, fact) if target == fact.target_true && applied.aim.lowers => {
            assert!(after.truth < before.truth - 0.2, "{name}: {applied:?}");
        }
        (target, fact) if target == fact.target_true => {
            assert!(after.truth > before.truth - 0.02, "{name}: {applied:?}");
        }
        (target, _) => {
            let (before, after) =
                (probability(&applied.scores.before, target), probability(&applied.scores.after, target));
            assert!(after > before + 0.2, "{name}: {applied:?}");
        }
    }
}

#[test]
fn every_method_goes_with_every_objective() {
    let home = Home::new();
    let pairs = pairs(&home);
    let orders: String = pairs.iter().map(|pair| line(pair, CASE)).collect();
    let records = home.run_with(&orders, ["edit", "--orders", "-", "--json"]).well().records();
    assert_eq!(records.numbers_that_are_none(), Vec::<String>::new());
    assert_eq!(records.outcomes(), vec![Outcome::Done; 2 * pairs.len()]);
    assert_eq!(records.unedited_after_undo(), vec![true; pairs.len() - 1]);
    let edits = records.edits();
    assert_eq!(edits.len(), pairs.len());
    for (pair, edit) in pairs.iter().zip(&edits) {
        let order = &edit.started.order;
        assert_eq!((&order.method, &order.objective), (&pair.method.id, &pair.objective.id));
        let applied = edit.applied.as_ref().unwrap_or_else(|| panic!("{pair:?} was not applied"));
        assert!(!applied.aim.target.is_empty() && !applied.aim.baseline.is_empty(), "{applied:?}");
        assert!(applied.changes.iter().any(|change| change.norm > 0.0), "{applied:?}");
        assert_moved(pair, edit);
        // nothing of the pairs before is left
        assert_eq!(applied.scores.before, edits[0].applied.as_ref().expect("applied").scores.before);
    }
    // the objective decides what is aimed at, whatever the method
    let aims = |objective: &str| -> Vec<_> {
        let with = edits.iter().filter(|edit| edit.started.order.objective == objective);
        with.map(|edit| edit.applied.as_ref().expect("applied").aim.clone()).collect()
    };
    for pair in &pairs {
        let aims = aims(&pair.objective.id);
        assert!(aims.iter().all(|aim| *aim == aims[0]), "{aims:?}");
    }
}

#[test]
fn settings_of_models_fit_the_plugins() {
    let plugins: Vec<PluginReady> =
        pairs(&Home::new()).into_iter().flat_map(|pair| [pair.method, pair.objective]).collect();
    let find = |id: &str| plugins.iter().find(|plugin| plugin.id == id).unwrap_or_else(|| panic!("no plugin `{id}`"));
    let check = |id: &str, settings: &Value| {
        for (name, value) in settings.as_object().expect("a table") {
            let field = find(id).hyperparameters.iter().find(|field| field.name == *name);
            field.unwrap_or_else(|| panic!("`{id}` has no `{name}`")).check(value).expect(id);
        }
    };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/models");
    let mut tables = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let text = std::fs::read_to_string(entry.expect("a file").path()).expect("text");
        let file: Value = toml::from_str(&text).expect("TOML");
        let table = |name: &str| file[name].as_object().cloned().unwrap_or_default();
        table("layers").keys().for_each(|id| assert_eq!(find(id).kind, PluginKind::Method));
        for (id, settings) in &table("settings") {
            check(id, settings);
            tables += 1;
        }
        for (id, objectives) in &table("pair") {
            assert_eq!(find(id).kind, PluginKind::Method);
            for (objective, settings) in objectives.as_object().expect("a table") {
                assert_eq!(find(objective).kind, PluginKind::Objective);
                check(id, settings);
                tables += 1;
            }
        }
    }
    assert!(tables > 20, "{tables}");
}

const DOWN: &str = "\x1b[B";
const RIGHT: &str = "\x1b[C";
const ENTER: &str = "\r";

/// Presses right until a field of the form shows a plugin.
fn choose(terminal: &mut PseudoTerminal, field: &str, plugin: &PluginReady) {
    // the form cuts long titles off
    let start: String = plugin.title.chars().take(15).collect();
    let shows = |line: &str| line.contains(&format!("> {field} ")) && line.contains(&start);
    for _ in 0..20 {
        let screen = terminal.until(field, |screen| screen.contains(&format!("> {field} ")));
        if screen.lines().any(shows) {
            return;
        }
        let before = screen.lines().find(|line| line.contains(&format!("> {field} "))).map(str::to_owned);
        terminal.press(RIGHT);
        terminal.until("another choice", |screen| {
            screen.lines().find(|line| line.contains(&format!("> {field} "))).map(str::to_owned) != before
        });
    }
    panic!("no {start} in\n{}", terminal.screen());
}

#[test]
fn every_pair_from_the_form() {
    let home = Home::new();
    let pairs = pairs(&home);
    let mut terminal = PseudoTerminal::start(&home, (24, 80), &["demo"], &[]);
    terminal.until_shown("next token (unedited model)");
    // a fact that the model no longer knows under noise
    let wanted = fact(CASE);
    terminal.press("/");
    terminal.press(&format!("{} {}", wanted.subject, wanted.target_true));
    terminal.press(ENTER);
    for pair in &pairs {
        terminal.press("e");
        terminal.until_shown("> method ");
        choose(&mut terminal, "method", &pair.method);
        terminal.press(DOWN);
        choose(&mut terminal, "objective", &pair.objective);
        terminal.press(&DOWN.repeat(2));
        terminal.until_shown("> [ Run: ");
        terminal.press(ENTER);
        let screen =
            terminal.until("the edit", |screen| screen.contains("1 edit in place") || screen.contains("failed"));
        assert!(!screen.contains("failed"), "{screen}");
        // what is in place is shown before the job has ended
        terminal.until_shown("in place, took");
        terminal.press("u");
        terminal.until_shown("no edits");
    }
    terminal.press("q");
    assert!(terminal.end(Duration::from_secs(10)).success(), "{}", terminal.screen());
    let journal = Records::read(&std::fs::read_to_string(home.path("state/locus/journal.jsonl")).expect("the journal"));
    let edits = journal.edits();
    assert_eq!(edits.len(), pairs.len());
    for (pair, edit) in pairs.iter().zip(&edits) {
        let order = &edit.started.order;
        assert_eq!((&order.method, &order.objective), (&pair.method.id, &pair.objective.id));
        assert_eq!(order.fact.subject, wanted.subject);
        assert!(edit.applied.is_some(), "{pair:?} was not applied");
        assert!(edit.losses.iter().all(|loss| loss.is_finite()), "{:?}", edit.losses);
    }
    assert_eq!(journal.unedited_after_undo(), vec![true; pairs.len()]);
}

#[test]
fn an_optimization_that_gets_nowhere_or_has_nothing_to_do_says_so() {
    let home = Home::new();
    for (settings, said, limit) in [
        (["--set", "clamp=0.01", "--set", "steps=8"], "stalled at p(target) = 0.0", "raise clamp"),
        (["--set", "stop_below=100", "--set", "steps=8"], "below stop_below before anything was changed", "stop_below"),
    ] {
        let edit = ["edit", "--method", "rome", "--case", "0", "--json"];
        let records = home.run(edit.into_iter().chain(settings)).well().records();
        let applied = records.edits()[0].applied.clone().expect("applied");
        assert!(applied.notes.iter().any(|note| note.contains(said)), "{said}: {:?}", applied.notes);
        let verdict = applied.verdict.expect("a verdict");
        assert!(!verdict.success && verdict.limits.iter().any(|told| told.ends_with(limit)), "{verdict:?}");
    }
    // of several facts it says how many and names the first
    let together = ["edit", "--method", "memit", "--cases", "0-2", "--together", "--set", "clamp=0.01", "--json"];
    let records = home.run(together).well().records();
    let verdict = records.edits()[0].applied.clone().expect("applied").verdict.expect("a verdict");
    assert!(!verdict.success && verdict.limits.len() == 1, "{verdict:?}");
    assert!(
        verdict.limits[0].starts_with("3 of 3 facts (") && verdict.limits[0].ends_with("raise clamp"),
        "{verdict:?}"
    );
}

#[test]
fn the_shipped_orders_are_the_pairs() {
    let home = Home::new();
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/orders/pairs.toml");
    let file = file.to_str().expect("a path");
    let records = home.run(["edit", "--orders", file, "--json"]).well().records();
    let edits = records.edits();
    let mut made: Vec<_> =
        edits.iter().map(|edit| (&edit.started.order.method, &edit.started.order.objective)).collect();
    made.sort();
    let pairs = pairs(&home);
    let mut known: Vec<_> = pairs.iter().map(|pair| (&pair.method.id, &pair.objective.id)).collect();
    known.sort();
    let names = |some: &[(&String, &String)], others: &[(&String, &String)]| -> Vec<String> {
        let only = some.iter().filter(|pair| !others.contains(pair));
        only.map(|(method, objective)| format!("{method} with {objective}")).collect()
    };
    let (lacks, has) = (names(&known, &made), names(&made, &known));
    assert!(lacks.is_empty() && has.is_empty(), "configs/orders/pairs.toml lacks {lacks:?}, and alone has {has:?}");
    assert_eq!(made.len(), known.len(), "configs/orders/pairs.toml has a pair twice");
    assert!(edits.iter().all(|edit| edit.applied.is_some()), "not all were applied");
    // and read by the same reader as everything else
    let text = std::fs::read_to_string(file).expect("the file");
    assert_eq!(text.lines().filter(|line| *line == "[[edit]]").count(), edits.len());
}

#[test]
fn a_table_is_laid_over_what_stands_above_it() {
    let home = Home::new();
    let text = "method = \"fine-tuning\"\ncase = 3\nlayers = \"1-2\"\nseed = 7\n[settings.fine-tuning]\nsteps = 2\n\
                learning_rate = 0.002\n[settings.rome]\nsteps = 3\n[[edit]]\n[[edit]]\nlayers = 4\ncase = 5\n\
                method_settings = { steps = 1 }\n[[edit]]\nmethod = \"rome\"\nlayers = [5]\nprompt = \"{Norway} lies in\"\n\
                true = \"Europe\"\nnew = \"Asia\"\n[[edit]]\ncases = \"0-2\"\nmethod = \"memit\"\nseed = 1\n";
    std::fs::write(home.path("orders.toml"), text).expect("written");
    let records = home.run(["edit", "--orders", "orders.toml", "--json"]).well().records();
    let orders: Vec<_> = records.edits().iter().map(|edit| edit.started.order.clone()).collect();
    let [first, second, third, fourth] = &orders[..] else { panic!("not four: {orders:?}") };
    assert_eq!((&first.fact, &first.layers, first.seed), (fact(3), &vec![1, 2], 7));
    assert_eq!((&first.method_settings["steps"], &first.method_settings["learning_rate"]), (&json!(2), &json!(0.002)));
    assert_eq!((&second.fact, &second.layers), (fact(5), &vec![4]));
    assert_eq!(
        (&second.method_settings["steps"], &second.method_settings["learning_rate"]),
        (&json!(1), &json!(0.002))
    );
    assert_eq!((third.method.as_str(), third.fact.prompt().as_str(), third.seed), ("rome", "Norway lies in", 7));
    assert_eq!((third.fact.target_new.as_str(), &third.method_settings["steps"]), ("Asia", &json!(3)));
    assert_eq!((fourth.more.len(), fourth.seed), (2, 1));
    assert_eq!(fourth.facts().collect::<Vec<_>>(), [fact(0), fact(1), fact(2)]);
}

#[test]
fn parity_is_set_where_it_is_known() {
    let home = Home::new();
    let edit = |more: &[&str]| {
        let arguments = ["edit", "--case", "320", "--set", "steps=2", "--layers", "2", "--json"];
        let records = home.run([&arguments[..], more].concat()).well().records();
        records.edits()[0].started.order.clone()
    };
    let parity = |settings: &serde_json::Map<String, Value>| settings.get("parity").cloned();
    let both = edit(&["--method", "rome", "--objective", "fact-forcing", "--parity", "hase2023"]);
    assert_eq!(
        (parity(&both.method_settings), parity(&both.objective_settings)),
        (Some(json!("hase2023")), Some(json!("hase2023")))
    );
    let one = edit(&["--method", "rome", "--objective", "error-injection", "--parity", "hase2023"]);
    assert_eq!((parity(&one.method_settings), parity(&one.objective_settings)), (Some(json!("hase2023")), None));
    let other =
        edit(&["--method", "rome", "--objective", "fact-forcing", "--parity", "hase2023", "--set", "parity=off"]);
    assert_eq!(
        (parity(&other.method_settings), parity(&other.objective_settings)),
        (Some(json!("off")), Some(json!("hase2023")))
    );
}

#[test]
fn facts_are_edited_together() {
    let home = Home::new();
    let edit = [
        "edit",
        "--method",
        "memit",
        "--cases",
        "0,100,200-201",
        "--together",
        "--set",
        "steps=12",
        "--set",
        "contexts=2",
    ];
    let records = home.run([&edit[..], &["--json", "--save", "delta.safetensors"]].concat()).well().records();
    let [edit] = &records.edits()[..] else { panic!("not one edit") };
    let cases: Vec<_> = edit.started.order.facts().map(|fact| fact.case_id).collect();
    assert_eq!(cases, [Some(0), Some(100), Some(200), Some(201)]);
    let applied = edit.applied.as_ref().expect("applied");
    assert_eq!(applied.facts, 4);
    assert!(applied.title.contains("and 3 more"), "{}", applied.title);
    let bytes = std::fs::read(home.path("delta.safetensors")).expect("the file");
    let saved = SafeTensors::deserialize(&bytes).expect("safetensors");
    let parameters: Vec<_> = applied.changes.iter().map(|change| change.parameter.clone()).collect();
    assert!(parameters.len() > 1, "{parameters:?}");
    for parameter in parameters {
        assert!(saved.names().iter().any(|name| name.starts_with(&format!("0.{parameter}."))), "{parameter}");
    }
    // one after the other, without --together
    let records = home
        .run(["edit", "--method", "fine-tuning", "--cases", "0,100", "--set", "steps=1", "--json"])
        .well()
        .records();
    let cases: Vec<_> = records.edits().iter().map(|edit| edit.started.order.fact.case_id).collect();
    assert_eq!(cases, [Some(0), Some(100)]);
    assert_eq!(records.unedited_after_undo(), [true]);
}

/// What is in place after the last edit was taken back or put on.
fn in_place(records: &Records) -> Vec<EditInPlace> {
    let edits = records.events.iter().rev().find_map(|event| match event {
        Event::Edits { applied, .. } => Some(applied.clone()),
        _ => None,
    });
    edits.expect("edits were told")
}

/// The tensors of a file as 32-bit numbers.
fn tensors(file: &std::path::Path) -> BTreeMap<String, Vec<f32>> {
    let bytes = std::fs::read(file).expect("the file");
    let read = SafeTensors::deserialize(&bytes).expect("safetensors");
    let numbers = |view: TensorView<'_>| -> Vec<f32> {
        match view.dtype() {
            Dtype::F16 => view.data().chunks(2).map(|pair| f16::from_le_bytes([pair[0], pair[1]]).to_f32()).collect(),
            Dtype::F32 => {
                view.data().chunks(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes"))).collect()
            }
            other => panic!("{other:?}"),
        }
    };
    read.tensors().into_iter().map(|(name, view)| (name, numbers(view))).collect()
}

#[test]
fn the_first_of_three_edits_is_taken_back() {
    let home = Home::new();
    // all at the same layer, so that their changes lie on top of each other
    let order = |case| {
        let settings = json!({"steps": 5});
        serde_json::to_string(&order_of(case, "fine-tuning", 2, settings)).expect("an order") + "\n"
    };
    let lines: String = [0, 100, 200].map(order).concat();
    let export = |folder: &str, more: &[&str]| {
        let saved = format!("{folder}.safetensors");
        let arguments = ["export", "--orders", "-", "--folder", folder, "--save", &saved, "--json"];
        home.run_with(&lines, [&arguments[..], more].concat()).well().records()
    };
    export("three", &[]);
    let records = export("two", &["--undo", "1"]);
    let left = in_place(&records);
    assert_eq!(left.iter().map(|edit| edit.number).collect::<Vec<_>>(), [2, 3]);
    assert!(left.iter().all(|edit| edit.norm > 0.0 && edit.relative > 0.0 && edit.facts == 1), "{left:?}");

    // the later edits' changes are as they were found, and the weights are the checkpoint's plus these changes
    let (all, later) = (tensors(&home.path("three.safetensors")), tensors(&home.path("two.safetensors")));
    assert_eq!((all.len(), later.len()), (6, 4), "weight and bias of each edit");
    for (name, delta) in &later {
        let (place, name) = name.split_once('.').expect("a number first");
        let before = format!("{}.{name}", place.parse::<usize>().expect("a number") + 1);
        assert_eq!(*delta, all[&before], "{name}");
    }
    let checkpoint = tensors(&home.cache().join("built-in-model/model.safetensors"));
    let (two, three) = (tensors(&home.path("two/model.safetensors")), tensors(&home.path("three/model.safetensors")));
    assert_eq!(two.keys().collect::<Vec<_>>(), checkpoint.keys().collect::<Vec<_>>());
    let mut moved = 0;
    for (name, unedited) in &checkpoint {
        let mut wanted = unedited.clone();
        for place in 0..2 {
            if let Some(delta) = later.get(&format!("{place}.{name}.dense")) {
                wanted.iter_mut().zip(delta).for_each(|(weight, change)| *weight += change);
                moved += 1;
            }
        }
        assert_eq!(two[name], wanted, "{name}");
        assert_eq!(two[name] == three[name], *unedited == wanted, "{name}");
    }
    assert_eq!(moved, 4);

    // and what the running model said after the undo is what the written one says
    let rows = records.events.iter().rev().find_map(|event| match event {
        Event::Edits { rows, .. } => Some(rows.clone()),
        _ => None,
    });
    let again = ["edit", "--model", "two", "--method", "fine-tuning", "--set", "steps=1", "--case", "0", "--json"];
    let read = home.run(again).well().records().edits()[0].started.rows.clone();
    for (told, read) in rows.expect("rows").iter().zip(&read) {
        assert!((told.probability_new - read.probability_new).abs() < 1e-6, "{told:?} {read:?}");
        assert!((told.probability_true - read.probability_true).abs() < 1e-6, "{told:?} {read:?}");
    }
}

#[test]
fn a_sequence_says_what_is_in_place() {
    let home = Home::new();
    let edit = ["edit", "--method", "fine-tuning", "--set", "steps=3", "--cases", "0,100,200", "--sequence"];
    let text = home.run(edit).well().out;
    let list: Vec<&str> = text.lines().skip_while(|line| *line != "in place:").collect();
    let numbers: Vec<&str> = list.iter().skip(3).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(numbers, ["1", "2", "3"], "{text}");
    let text = home.run([&edit[..], &["--undo", "2", "--undo", "3", "--undo", "1"]].concat()).well().out;
    assert!(text.ends_with("no edit is in place; the weights are bit for bit those of the checkpoint\n"), "{text}");
    // each edit starts from what the ones before made
    let records = home.run([&edit[..], &["--json"]].concat()).well().records();
    let applied: Vec<_> = records.edits().iter().map(|edit| edit.applied.clone().expect("applied")).collect();
    assert_eq!(applied.iter().map(|applied| applied.number).collect::<Vec<_>>(), [1, 2, 3]);
    let alone =
        home.run(["edit", "--method", "fine-tuning", "--set", "steps=3", "--case", "200", "--json"]).well().records();
    let alone = alone.edits()[0].applied.clone().expect("applied");
    assert_ne!(applied[2].scores.before, alone.scores.before);
}
