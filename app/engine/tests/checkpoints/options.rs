//! Options and heads against transformers' logits, and those that are refused, which `cargo xtask models` keeps in
//! `tests/golden/options.json`.

use crate::folder::Folder;
use locus_engine::model::{Batch, Taps};
use serde_json::Value;
use std::path::Path;
use tch::{Kind, Tensor};

const LOGITS: f64 = 2e-4;

/// A tensor that is made of another, or of a ramp from nought to one.
fn made(edit: &Value, sources: &std::collections::BTreeMap<String, Tensor>) -> Tensor {
    let value = match edit["from"].as_str() {
        Some(source) => sources[source].roll([edit["shift"].as_i64().unwrap_or(0)], [0]),
        None => {
            let length = edit["ramp"].as_i64().expect("a length");
            Tensor::arange(length, (Kind::Float, tch::Device::Cpu)) / length as f64
        }
    };
    (&value * edit["times"].as_f64().unwrap_or(1.0)).to_kind(value.kind())
}

#[test]
fn options_and_heads_equal_transformers_or_are_refused() {
    let _guard = tch::no_grad_guard();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/options.json");
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(file).expect("the cases")).expect("JSON");
    assert!(cases.len() > 130, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let folder = Folder::of(case["base"].as_str().expect("a base"));
        folder.configure(case["config"].as_object().expect("fields"));
        let edits = case["tensors"].as_object().expect("tensors");
        if !edits.is_empty() {
            folder.change(|tensors| {
                let sources: Vec<(String, Option<Tensor>)> = edits
                    .iter()
                    .map(|(name, edit)| (name.clone(), edit.is_object().then(|| made(edit, tensors))))
                    .collect();
                for (name, value) in sources {
                    match value {
                        Some(value) => drop(tensors.insert(name, value)),
                        None => drop(tensors.remove(&name)),
                    }
                }
            });
        }
        if let Some(word) = case["refused"].as_str() {
            folder.refused(&[word]);
            continue;
        }
        let model = folder.load().unwrap_or_else(|error| panic!("{name}: {error}"));
        let told = case["told"].as_str().expect("what is told");
        let notes = model.notes.join("\n");
        assert!(notes.contains(told) && told.is_empty() == notes.is_empty(), "{name}: told is: {notes}");
        let ids: Vec<i64> = serde_json::from_value(case["ids"].clone()).expect("ids");
        let stream = model
            .forward(&Tensor::from_slice(&ids), &Batch::whole(1, ids.len() as i64), &mut Taps::default())
            .expect("a run");
        let ours = model.logits(&stream.get(-1)).expect("logits");
        let wanted: Vec<f64> = serde_json::from_value(case["logits"].clone()).expect("logits");
        let off = (ours.narrow(0, 0, wanted.len() as i64).to_kind(Kind::Double) - Tensor::from_slice(&wanted))
            .abs()
            .max()
            .double_value(&[]);
        if off > LOGITS {
            wrong.push(format!("{name}: off by {off:.1e}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
