//! A study without the last layer, and on the logit scale.

mod support;

use locus_analysis::variants::logit;
use locus_analysis::{Settings, analyze};
use support::{study, sweep, whole_panel};

fn quick() -> Settings {
    Settings { resamples: 100, permutations: 100, subsets: 10, splits: 5, ..Settings::default() }
}

#[test]
fn the_logit_is_held_at_both_ends_and_is_otherwise_itself() {
    assert_eq!(logit(0.5), 0.0);
    assert!((logit(0.9) - 9.0_f64.ln()).abs() < 1e-12);
    assert!((logit(1.0) - 199.0_f64.ln()).abs() < 1e-9 && logit(0.0) == logit(-0.3) && logit(1.0) == logit(1.2));
}

#[test]
fn a_study_on_the_logit_scale_says_so_and_keeps_its_gaps() {
    let plain = sweep(12);
    let other = plain.on_logit_scale();
    other.check().expect("a sound study");
    let (before, after) = (&plain.panels[0], &other.panels[0]);
    assert_eq!(after.score, "rewrite score (logit)");
    assert!(after.score_definition.starts_with("logit, held between 0.005 and 0.995, of: normalized"));
    assert_eq!(after.scores[1][2], before.scores[1][2], "a gap stays one");
    assert_eq!(after.scores[3][2].value(), before.scores[3][2].value().map(logit));
    assert_eq!(after.localizers[0].effects, before.localizers[0].effects);
    let analysis = analyze(&other, &quick(), &mut |_, _| {}).expect("an analysis");
    assert!(analysis.panels[0].localizers.iter().all(|own| own.paper.is_none()));
}

/// All that the layer explains is that the last one fails: without it nothing is left.
#[test]
fn without_the_last_layer_the_layer_explains_what_others_do() {
    let score =
        |fact: usize, layer: usize| if layer == 3 { 0.0 } else { 0.8 + 0.02 * (((fact * 3 + layer) % 7) as f64) };
    let rows = |of: &dyn Fn(usize, usize) -> f64| -> Vec<Vec<f64>> {
        (0..21).map(|fact| (0..4).map(|layer| of(fact, layer)).collect()).collect()
    };
    let effects = rows(&|fact, layer| ((fact * 5 + layer * 3) as f64).sin());
    let whole = study(vec![whole_panel(&rows(&score), &effects)]);
    let shorter = whole.without_last_layer();
    shorter.check().expect("a sound study");
    assert_eq!(shorter.panels[0].layers, [0, 1, 2]);
    assert!(shorter.panels[0].score_definition.ends_with("; without layer 3"));
    let explained = |of: &locus_analysis::Study| {
        let analysis = analyze(of, &quick(), &mut |_, _| {}).expect("an analysis");
        analysis.panels[0].localizers[0].published.clone().expect("R²").layer
    };
    assert!(explained(&whole) > 0.95 && explained(&shorter) < 0.1, "{} {}", explained(&whole), explained(&shorter));
    sweep(12).without_last_layer().check().expect("draws are shorter too");
}
