//! ROME.

use crate::bench::{benches, plugins};
use crate::case::{Case, number};
use crate::ledger::{Ledger, Totals};
use crate::support::name;
use locus_plugin::Form;

#[test]
fn rome_equals_the_published_runs() {
    let method = plugins().method("rome").expect("method");
    let (mut ran, mut totals) = (0, Totals::default());
    for bench in benches() {
        for file in bench.files("rome") {
            let case = Case::read(&file);
            let mut ledger = Ledger::new(bench.label(&file));
            let hparams = case.hparams();
            let last = hparams["fact_token"] == "last";
            let mut settings = case.value_settings();
            settings.insert("second_moment".to_owned(), hparams["mom2_adjustment"].clone());
            settings.insert("context_templates".to_owned(), case.golden["context_templates"].clone());
            if last {
                // the reference reads shorter rows at padding: it runs, and there is nothing to equal
                let (edited, _) = case.run(&bench, &bench.moments, method.as_ref(), &settings);
                assert!(edited.metrics["p(target)"].is_finite());
                println!("{}: runs; the reference's numbers are read at padding", bench.label(&file));
                continue;
            }
            let (edited, steps) = case.run(&bench, &bench.moments, method.as_ref(), &settings);
            case.compare_value_steps(&mut ledger, &steps);
            let loose = case.quotient_tolerance(5e-4);
            for (artifact, ours) in &edited.artifacts {
                let Some(expected) = case.tensors.get(artifact) else { continue };
                let everywhere = match artifact.as_str() {
                    "k_mean" | "cur_input" | "cur_output" | "target_init" => 1e-5,
                    "delta" => 5e-5,
                    "u" | "cinv_k" => 5e-4,
                    _ => loose,
                };
                ledger.relative(artifact, ours, expected, case.tolerance(artifact, everywhere));
            }
            let divisor = number(&case.golden["divisor"]);
            ledger.note("divisor", (edited.metrics["divisor"] / divisor - 1.0).abs(), loose);
            let delta = &edited.deltas[0];
            let Form::LowRank { left, right } = &delta.form else { panic!("factors") };
            if let Some(expected) = case.tensors.get(&format!("dW.{}", delta.parameter)) {
                ledger.relative("dW", &left.matmul(right), expected, loose);
            }
            let norm = number(&case.golden["changed_parameters"][&delta.parameter]["delta_fro_norm"]);
            ledger.note("norm of dW", (left.matmul(right).norm().double_value(&[]) / norm - 1.0).abs(), loose);
            case.compare_metrics(&bench, &mut ledger, edited.deltas);
            ledger.print();
            totals.add(&ledger);
            ran += 1;
        }
        assert!(ran > 0, "no golden ROME run found in {}", name(&bench.folder));
    }
    totals.print("ROME");
}
