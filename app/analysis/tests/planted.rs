//! Sweeps in which the answer is known, because it was planted.

mod support;

use locus_analysis::analysis::LocalizerResults;
use locus_analysis::equivalence::Size;
use locus_analysis::randomness::generator;
use locus_analysis::regret::{Regret, Rule};
use locus_analysis::verdict::Worth;
use locus_analysis::{Analysis, Settings, analyze};
use rand::Rng;
use support::{study, whole_panel};

const FACTS: usize = 200;
const LAYERS: usize = 6;

/// Scores follow the layer, and the fact's own effect as far as `link` says.
fn planted(link: f64) -> Analysis {
    let mut draws = generator(5, &["planted"]);
    let mut uniform = || draws.random_range(0.0..1.0);
    let level = [0.3, 0.35, 0.5, 0.4, 0.3, 0.1];
    let effects: Vec<Vec<f64>> = (0..FACTS).map(|_| (0..LAYERS).map(|_| uniform()).collect()).collect();
    let scores = effects.iter().map(|row| {
        let ease = 0.2 * uniform();
        (0..LAYERS).map(|layer| level[layer] + ease + link * row[layer] + 0.1 * uniform()).collect()
    });
    let scores: Vec<Vec<f64>> = scores.collect();
    analyze(&study(vec![whole_panel(&scores, &effects)]), &Settings::default(), &mut |_, _| {}).expect("an analysis")
}

fn results(analysis: &Analysis) -> (&LocalizerResults, &Regret) {
    (&analysis.panels[0].localizers[0], analysis.panels[0].regret.as_ref().expect("regret"))
}

#[test]
fn a_trace_that_informs_is_found_to() {
    let analysis = planted(0.6);
    let (own, lost) = results(&analysis);
    let slope = own.within_facts.as_ref().expect("slope");
    assert!(slope.low < 0.6 && 0.6 < slope.high && slope.high - slope.low < 0.05, "{slope:?}");
    assert_eq!(own.equivalence.as_ref().expect("a test").verdict, Size::Relevant);
    let permuted = own.permutation.as_ref().expect("permuted");
    assert_eq!(permuted.slope_within_facts.as_ref().expect("a test").p, 1.0 / 2001.0);
    let held_out = own.held_out.as_ref().expect("held out");
    assert!(held_out.difference.as_ref().expect("an interval").low > 0.2, "{held_out:?}");
    let verdict = own.verdict.as_ref().expect("a verdict");
    assert_eq!(verdict.worth, Worth::Gains, "{}", verdict.sentence);
    assert!(verdict.sentence.contains("gains 0.") && verdict.sentence.contains("over one fixed layer (2)"));
    let traced = lost.rules.iter().find(|own| own.rule == Rule::Localizer(support::TRACE.to_owned())).expect("rule");
    assert!(traced.best.clone().expect("a share") > 0.5);
}

#[test]
fn a_trace_of_chance_is_found_not_to() {
    let analysis = planted(0.0);
    let (own, _) = results(&analysis);
    let slope = own.within_facts.as_ref().expect("slope");
    assert!(slope.low < 0.0 && 0.0 < slope.high, "{slope:?}");
    assert_eq!(own.equivalence.as_ref().expect("a test").verdict, Size::Negligible);
    let held_out = own.held_out.as_ref().expect("held out");
    assert!(held_out.both < held_out.layer, "slopes of chance do worse on other facts: {held_out:?}");
    let difference = own.bootstrap.as_ref().expect("bootstrap").difference.clone().expect("an interval");
    assert!(difference.bias > 0.5 * difference.estimate, "the bias says that there is nothing: {difference:?}");
    let verdict = own.verdict.as_ref().expect("a verdict");
    assert_eq!(verdict.worth, Worth::Loses, "{}", verdict.sentence);
    assert!(verdict.sentence.contains("of rewrite score against one fixed layer (2) (200 facts, 6 layers)."));
}

/// A table has one family of tests: what Holm gives depends on the other panels of the same score.
#[test]
fn holm_counts_the_panels_of_a_score() {
    let one = support::sweep(20);
    let analysis =
        analyze(&one, &Settings { resamples: 100, permutations: 100, ..Settings::default() }, &mut |_, _| {});
    let analysis = analysis.expect("an analysis");
    let of = |panel: usize| {
        let own = &analysis.panels[panel].localizers[0];
        (own.published.as_ref().expect("a table").test.as_ref().expect("a test").p, own.holm.published.expect("Holm"))
    };
    let ((p, first), (q, second)) = (of(0), of(1));
    let (less, more) = if p < q { ((p, first), (q, second)) } else { ((q, second), (p, first)) };
    assert!((less.1 - (2.0 * less.0).min(1.0)).abs() < 1e-12 && (more.1 - more.0.max(less.1)).abs() < 1e-12);
}
