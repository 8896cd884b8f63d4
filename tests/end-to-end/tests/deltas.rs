//! Edits as files: the same bits in a fresh process, refused on another model, and adapters that others read.

use locus_end_to_end::{Home, Records, fact, is_whole_safetensors, operations, order};
use locus_protocol::Event;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use sha2::Digest;
use std::collections::BTreeMap;
use std::path::Path;

/// Hashes of the weights that were told last.
fn weights(records: &Records) -> BTreeMap<String, String> {
    let told = records.events.iter().rev().find_map(|event| match event {
        Event::Edits { weights, .. } => Some(weights.clone()),
        _ => None,
    });
    told.expect("edits were told")
}

/// Edits of each kind on top of each other: factors of rank one, of a higher rank, and dense ones, at shared layers.
fn orders() -> String {
    let mut many: Value =
        serde_json::from_str(&order(100, "memit", 2, json!({"steps": 4, "contexts": 2}))).expect("an order");
    many["layers"] = json!([2, 3]);
    many["more"] = json!([fact(200), fact(300)]);
    // several facts one by one inside one edit: the same weight is changed twice
    let mut rome: Value = serde_json::from_str(&order(0, "rome", 3, json!({"steps": 5}))).expect("an order");
    rome["more"] = json!([fact(50)]);
    let tuned = order(400, "fine-tuning", 3, json!({"steps": 3}));
    let again = order(500, "rome", 3, json!({"steps": 5}));
    format!("{rome}\n{many}\n{tuned}{again}")
}

#[test]
fn saved_edits_make_the_same_bits_in_a_fresh_process() {
    let home = Home::new();
    let edit = ["edit", "--orders", "-", "--sequence", "--save", "four.safetensors", "--json"];
    let made = home.run_with(&orders(), edit).well().records();
    let made: Vec<_> = made.edits().into_iter().map(|edit| edit.applied.expect("applied")).collect();
    // as the process that made them left them
    let left = operations(&home).last().expect("an operation").weights.clone();
    assert_eq!(left.len(), 3, "two weights, and a bias: {:?}", left.keys());
    let applied = home.run(["deltas", "apply", "four.safetensors", "--json"]).well();
    assert_eq!(applied.err, "", "nothing comes out otherwise");
    assert_eq!(weights(&applied.records()), left);
    let text = home.run(["deltas", "apply", "four.safetensors"]).well().out;
    assert!(left.values().all(|hash| text.contains(hash)), "{text}");
    assert!(made.iter().all(|edit| text.contains(&edit.title)), "{text}");

    // what is on top of it is on top of the same
    let traced = home.run(["trace", "--case", "0", "--apply", "four.safetensors", "--json"]).well().records();
    assert_eq!(traced.traces()[0].started.edits, 4);
    // written again it is the same file, byte for byte
    let again = ["edit", "--apply", "four.safetensors", "--save", "again.safetensors"];
    let _ = home.run(again).well();
    let read = |name: &str| std::fs::read(home.path(name)).expect("a file");
    assert!(read("again.safetensors") == read("four.safetensors"));
    // without the second it is what it would be without the second
    let undo = ["edit", "--apply", "four.safetensors", "--sequence", "--undo", "2", "--json"];
    let without = weights(&home.run(undo).well().records());
    let left_out = |name: &String| without[name] != left[name];
    assert!(left.keys().any(left_out) && left.keys().any(|name| !left_out(name)), "{without:?}");
}

#[test]
fn a_file_says_what_was_ordered_and_what_made_it() {
    let home = Home::new();
    let edit = ["edit", "--method", "rome", "--layers", "4", "--set", "steps=3", "--seed", "7", "--save", "one.st"];
    let _ = home.run(edit).well();
    let text = home.run(["deltas", "show", "one.st"]).well().out;
    for part in ["built-in", "rome L4", &fact(0).marked(), "error-injection", "seed", "weight: rank 1 of [384, 96]"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let told: Value = serde_json::from_str(&home.run(["deltas", "show", "one.st", "--json"]).well().out).expect("JSON");
    let edit = &told["edits"][0];
    assert_eq!((&edit["order"]["seed"], &edit["order"]["method_settings"]["steps"]), (&json!(7), &json!(3)));
    let file = std::fs::read(locus_end_to_end::plugin("locus-rome")).expect("the plugin");
    let sha256: String = sha2::Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(edit["method"]["sha256"], json!(sha256));
    assert_eq!(told["version"], json!(1));
}

#[test]
fn what_does_not_belong_together_is_refused_in_a_sentence() {
    let home = Home::new();
    let export = ["export", "--method", "fine-tuning", "--set", "steps=2", "--layers", "1", "--folder", "other"];
    let _ = home.run([&export[..], &["--save", "one.st"]].concat()).well();
    let sentence = home.run(["deltas", "apply", "one.st", "--model", "other"]).sentence(1);
    assert!(sentence.contains("one.st: its edits belong to the model `built-in`"), "{sentence}");
    assert!(sentence.contains("not to `other`") && sentence.contains("--model"), "{sentence}");
    let sentence = home.run(["eval", "--apply", "none.st"]).sentence(2);
    assert!(sentence.contains("--apply none.st: there is no such file"), "{sentence}");
    let model = home.cache().join("built-in-model/model.safetensors");
    let sentence = home.run(["deltas", "show", model.to_str().expect("a path")]).sentence(1);
    assert!(sentence.contains("its metadata has no entry `locus`"), "{sentence}");
    let bytes = std::fs::read(home.path("one.st")).expect("the file");
    std::fs::write(home.path("half.st"), &bytes[..bytes.len() / 2]).expect("written");
    let sentence = home.run(["deltas", "apply", "half.st"]).sentence(1);
    assert!(sentence.contains("half.st: not a complete safetensors file"), "{sentence}");
}

/// A tensor of a file as rows of numbers.
fn matrix(bytes: &[u8], name: &str) -> Vec<Vec<f64>> {
    let read = SafeTensors::deserialize(bytes).expect("safetensors");
    let view = read.tensor(name).unwrap_or_else(|_| panic!("no {name} in {:?}", read.names()));
    let float = |bytes: &[u8]| f64::from(f32::from_le_bytes(bytes.try_into().expect("four bytes")));
    let numbers: Vec<f64> = view.data().chunks(4).map(float).collect();
    numbers.chunks(view.shape()[1]).map(<[f64]>::to_vec).collect()
}

fn product(left: &[Vec<f64>], right: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let entry = |row: &[f64], column: usize| row.iter().zip(right).map(|(value, other)| value * other[column]).sum();
    left.iter().map(|row| (0..right[0].len()).map(|column| entry(row, column)).collect()).collect()
}

#[test]
fn the_edits_in_place_are_written_as_an_adapter() {
    let home = Home::new();
    let orders = order(0, "rome", 3, json!({"steps": 5})) + &order(100, "rome", 3, json!({"steps": 5}));
    let orders = orders + &order(200, "rome", 5, json!({"steps": 5}));
    let export = ["export", "--orders", "-", "--adapter", "adapter", "--save", "three.st"];
    let _ = home.run_with(&orders, export).well();
    let config: Value = read_json(&home.path("adapter/adapter_config.json"));
    assert_eq!((&config["peft_type"], &config["fan_in_fan_out"]), (&json!("LORA"), &json!(true)));
    let module = |layer: usize| format!("transformer.h.{layer}.mlp.c_proj");
    let (ranks, modules) = (json!({module(3): 2, module(5): 1}), json!([module(3), module(5)]));
    assert_eq!((&config["rank_pattern"], &config["alpha_pattern"]), (&ranks, &ranks));
    assert_eq!(config["target_modules"], modules);

    let bytes = std::fs::read(home.path("adapter/adapter_model.safetensors")).expect("the file");
    assert!(is_whole_safetensors(&bytes));
    let deltas = std::fs::read(home.path("three.st")).expect("the file");
    for (layer, edits) in [(3, vec![0, 1]), (5, vec![2])] {
        let part = |part: &str| matrix(&bytes, &format!("base_model.model.{}.lora_{part}.weight", module(layer)));
        // outputs times inputs; GPT-2 stores inputs times outputs
        let adapted = product(&part("B"), &part("A"));
        let delta = |edit: &usize| {
            let part = |part: &str| matrix(&deltas, &format!("{edit}.{}.weight.{part}", module(layer)));
            product(&part("left"), &part("right"))
        };
        let deltas: Vec<_> = edits.iter().map(delta).collect();
        assert_eq!((adapted.len(), adapted[0].len()), (deltas[0][0].len(), deltas[0].len()));
        for (output, row) in adapted.iter().enumerate() {
            for (input, entry) in row.iter().enumerate() {
                let sum: f64 = deltas.iter().map(|delta| delta[input][output]).sum();
                assert!((entry - sum).abs() < 1e-6, "layer {layer}: {entry} and {sum}");
            }
        }
    }

    let tuned = ["export", "--method", "fine-tuning", "--set", "steps=2", "--layers", "1", "--adapter", "tuned"];
    let sentence = home.run(tuned).err.lines().last().unwrap_or_default().to_owned();
    assert!(sentence.contains("an adapter") && sentence.contains("--folder"), "{sentence}");
    assert!(!home.path("tuned").exists());
    let sentence = home.run(["export", "--method", "rome", "--adapter", "adapter"]).sentence(2);
    assert!(sentence.contains("--adapter adapter: it already exists"), "{sentence}");
}

fn read_json(file: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file).expect("a file")).expect("JSON")
}
