//! MEMIT.

use crate::bench::{Bench, benches, plugins};
use crate::case::{Case, number};
use crate::ledger::{Ledger, Totals};
use crate::support::{name, tensors};
use locus_engine::moments::SecondMoments;
use locus_plugin::Form;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the published runs solved with: the reference computes a layer's second moment when it reaches the layer, with
/// the layers before it already edited.
fn second_moments(bench: &Bench, variant: &str) -> SecondMoments {
    let all = tensors(&bench.folder.join("memit/second_moments_used.safetensors"));
    let prefix = format!("{variant}.layer");
    let layer = |(name, mean): (String, tch::Tensor)| Some((name.strip_prefix(&prefix)?.parse().ok()?, mean));
    let means: BTreeMap<usize, tch::Tensor> = all.into_iter().filter_map(layer).collect();
    assert!(!means.is_empty(), "no second moments of {variant}");
    SecondMoments::from_means(means, 1).expect("second moments")
}

#[test]
fn memit_equals_the_published_runs() {
    let method = plugins().method("memit").expect("method");
    let (mut ran, mut totals) = (0, Totals::default());
    for bench in benches() {
        for file in bench.files("memit") {
            let case = Case::read(&file);
            let mut ledger = Ledger::new(bench.label(&file));
            let hparams = case.hparams();
            let templates: Vec<String> = match &case.golden["context_templates"] {
                Value::Array(groups) => {
                    let group =
                        |group: &Value| serde_json::from_value::<Vec<String>>(group.clone()).expect("templates");
                    groups.iter().flat_map(group).collect()
                }
                _ => panic!("templates"),
            };
            let mut settings = case.value_settings();
            settings.insert("second_moment_weight".to_owned(), hparams["mom2_update_weight"].clone());
            settings.insert("context_templates".to_owned(), json!(templates));
            let moments = second_moments(&bench, case.golden["variant"].as_str().expect("variant"));
            let (edited, steps) = case.run(&bench, &moments, method.as_ref(), &settings);
            // the last rows are those of the layers
            let (optimization, spread) = steps.split_at(steps.len() - case.layers().len());
            case.compare_value_steps(&mut ledger, optimization);
            for (artifact, ours) in &edited.artifacts {
                let Some(expected) = case.tensors.get(artifact) else { continue };
                let tolerance = if artifact.ends_with("adj_k") { 3e-4 } else { 1e-4 };
                ledger.relative(artifact, ours, expected, case.tolerance(artifact, tolerance));
            }
            for (ours, golden) in spread.iter().zip(case.golden["layers"].as_array().expect("layers")) {
                ledger.note("z_error", (ours.losses["residual"] / number(&golden["z_error"]) - 1.0).abs(), 1e-4);
            }
            for (delta, golden) in edited.deltas.iter().zip(case.golden["layers"].as_array().expect("layers")) {
                let change = match &delta.form {
                    Form::LowRank { left, right } => left.matmul(right),
                    Form::Dense(change) => change.shallow_clone(),
                };
                let norm = number(&golden["upd_norm"]);
                ledger.note("upd_norm", (change.norm().double_value(&[]) / norm - 1.0).abs(), 3e-4);
                if let Some(expected) = case.tensors.get(&format!("dW.{}", delta.parameter)) {
                    ledger.relative("dW", &change, expected, 3e-4);
                }
            }
            case.compare_metrics(&bench, &mut ledger, edited.deltas);
            ledger.print();
            totals.add(&ledger);
            ran += 1;
        }
        assert!(ran > 0, "no golden MEMIT run found in {}", name(&bench.folder));
    }
    totals.print("MEMIT");
}

/// Facts that are optimized together end where each ends alone, whatever the number of facts at once.
#[test]
fn facts_together_end_where_each_ends_alone() {
    let method = plugins().method("memit").expect("method");
    let bench = benches().remove(0);
    let Some(file) = bench.files("memit").into_iter().find(|file| name(file).contains("batch")) else { return };
    let case = Case::read(&file);
    let ended = |at_once: usize| {
        let settings = json!({"steps": 8, "facts_at_once": at_once, "context_templates": ["{}", "Well. {}"]});
        case.run(&bench, &bench.moments, method.as_ref(), settings.as_object().expect("settings")).0
    };
    let together = ended(64);
    let by_name = |name: &str| &together.artifacts.iter().find(|(known, _)| known == name).expect("artifact").1;
    for at_once in [1, 3] {
        for (artifact, alone) in &ended(at_once).artifacts {
            let off = crate::ledger::relative(alone, by_name(artifact));
            assert!(off < 1e-4, "{artifact} with {at_once} at once is off by {off:e}");
        }
    }
}
