//! Constrained fine-tuning.

use crate::bench::{benches, plugins};
use crate::case::{Case, number};
use crate::ledger::{Ledger, Totals};
use crate::support::name;
use locus_plugin::Form;
use serde_json::json;

#[test]
fn fine_tuning_equals_the_published_runs() {
    let method = plugins().method("fine-tuning").expect("method");
    let (mut ran, mut totals) = (0, Totals::default());
    for bench in benches() {
        for file in bench.files("ft") {
            let case = Case::read(&file);
            let mut ledger = Ledger::new(bench.label(&file));
            let hparams = case.hparams();
            let constraint = hparams["norm_constraint"].as_f64().unwrap_or(0.0);
            let settings = json!({
                "trains": if case.layers().is_empty() { "subject_embeddings" } else { "down_projections" },
                "steps": hparams["num_steps"],
                "learning_rate": hparams["lr"],
                "norm_constraint": constraint,
                "target_positions": if case.original { "last_prompt_token" } else { "teacher_forced" },
                "patience": if case.original { 1 } else { 5 },
            });
            let (edited, steps) =
                case.run(&bench, &bench.moments, method.as_ref(), settings.as_object().expect("settings"));
            case.compare_steps(&mut ledger, &steps, &[("loss", "loss")], 2e-4, 2e-4);
            for delta in &edited.deltas {
                let ours = match &delta.form {
                    Form::LowRank { left, right } => left.matmul(right),
                    Form::Dense(change) => change.shallow_clone(),
                };
                let expected = &case.golden["changed_parameters"][&delta.parameter];
                let norm = number(&expected["delta_fro_norm"]);
                ledger.note("norm of dW", (ours.norm().double_value(&[]) / norm - 1.0).abs(), 1e-3);
                let largest = ours.abs().max().double_value(&[]);
                if let Some(expected) = expected["delta_max_abs"].as_f64() {
                    ledger.note("largest of dW", (largest / expected - 1.0).abs(), 2e-3);
                }
                if let Some(expected) = case.tensors.get(&format!("dW.{}", delta.parameter)) {
                    ledger.relative("dW", &ours, expected, 1e-3);
                }
                assert!(constraint == 0.0 || largest <= constraint + 1e-6, "{}: {largest}", name(&file));
            }
            case.compare_metrics(&bench, &mut ledger, edited.deltas);
            ledger.print();
            totals.add(&ledger);
            ran += 1;
        }
        assert!(ran > 0, "no golden fine-tuning run found in {}", name(&bench.folder));
    }
    totals.print("fine-tuning");
}
