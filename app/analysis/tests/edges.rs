//! Where a number cannot be computed there is a reason, and no report says NaN.

mod support;

use locus_analysis::panel::{Cell, Malformed};
use locus_analysis::rows::Rows;
use locus_analysis::unavailable::Unavailable;
use locus_analysis::{Analysis, Panel, Refused, Settings, analyze, published, regret};
use support::{study, whole_panel};

fn quick() -> Settings {
    Settings { resamples: 100, permutations: 100, subsets: 10, splits: 5, ..Settings::default() }
}

fn analyzed(panel: Panel) -> Analysis {
    let analysis = analyze(&study(vec![panel]), &quick(), &mut |_, _| {}).expect("an analysis");
    let json = serde_json::to_string(&analysis).expect("JSON");
    // serde_json writes what is no number as null
    assert!(!json.contains("null"), "{json}");
    analysis
}

/// Some numbers that differ.
fn wave(facts: usize, layers: usize, step: f64) -> Vec<Vec<f64>> {
    let at = |fact: usize, layer: usize| 0.5 + 0.4 * ((fact * 7 + layer * 3) as f64 * step).sin();
    (0..facts).map(|fact| (0..layers).map(|layer| at(fact, layer)).collect()).collect()
}

#[test]
fn all_scores_equal() {
    let analysis = analyzed(whole_panel(&vec![vec![0.1; 4]; 6], &wave(6, 4, 0.7)));
    let own = &analysis.panels[0].localizers[0];
    assert_eq!(own.published, Err(Unavailable::AllScoresEqual));
    assert_eq!(own.honest.slope, Err(Unavailable::AllScoresEqual));
    assert_eq!(own.within_facts, Err(Unavailable::AllScoresEqual));
    assert_eq!(own.held_out, Err(Unavailable::AllScoresEqual));
    assert_eq!(own.permutation, Err(Unavailable::AllScoresEqual));
    let regret = analysis.panels[0].regret.as_ref().expect("nothing is lost");
    assert!(regret.rules.iter().all(|rule| rule.regret.as_ref().expect("interval").estimate.abs() < 1e-12));
}

#[test]
fn one_layer() {
    let analysis = analyzed(whole_panel(&wave(6, 1, 0.7), &wave(6, 1, 0.3)));
    let own = &analysis.panels[0].localizers[0];
    assert_eq!(own.published, Err(Unavailable::OneLayer));
    assert_eq!(own.honest.joint, Err(Unavailable::OneLayer));
    assert_eq!(own.within_facts, Err(Unavailable::OneLayer));
    assert_eq!(analysis.panels[0].regret, Err(Unavailable::OneLayer));
    assert!(own.correlations[0].correlation.is_ok(), "one layer has a correlation");
}

#[test]
fn two_facts() {
    let analysis = analyzed(whole_panel(&wave(2, 3, 0.7), &wave(2, 3, 0.3)));
    let own = &analysis.panels[0].localizers[0];
    let table = own.published.as_ref().expect("a table");
    assert_eq!(table.test, Err(Unavailable::NoFreedom { rows: 6, coefficients: 6 }));
    assert_eq!(own.correlations[0].correlation, Err(Unavailable::TooFewFacts { have: 2, need: 3 }));
    assert_eq!(own.permutation, Err(Unavailable::TooFewWholeFacts { have: 2, need: 3 }));
    let lost = analysis.panels[0].regret.as_ref().expect("regret");
    assert_eq!(lost.rules[0].regret, Err(Unavailable::TooFewFacts { have: 2, need: 5 }));
    assert_eq!(own.verdict, Err(Unavailable::TooFewFacts { have: 2, need: 5 }), "no verdict on two facts");
}

#[test]
fn one_fact() {
    let analysis = analyzed(whole_panel(&wave(1, 3, 0.7), &wave(1, 3, 0.3)));
    let own = &analysis.panels[0].localizers[0];
    let too_few = Unavailable::TooFewFacts { have: 1, need: 2 };
    assert_eq!(own.within_facts, Err(too_few.clone()));
    assert_eq!(own.honest.joint, Err(too_few.clone()));
    assert_eq!(own.published.as_ref().expect("a table").test, Err(too_few));
    assert_eq!(analysis.panels[0].regret, Err(Unavailable::TooFewWholeFacts { have: 1, need: 2 }));
    assert_eq!(own.verdict, Err(Unavailable::TooFewWholeFacts { have: 1, need: 2 }));
}

#[test]
fn a_layer_where_all_facts_have_the_same_effect() {
    let mut effects = wave(12, 4, 0.3);
    effects.iter_mut().for_each(|row| row[2] = 0.1);
    let analysis = analyzed(whole_panel(&wave(12, 4, 0.7), &effects));
    let own = &analysis.panels[0].localizers[0];
    let test = own.published.as_ref().expect("a table").test.clone().expect("a test");
    assert_eq!((test.first_freedom, test.second_freedom), (3.0, 48.0 - 7.0));
    assert_eq!(own.honest.joint.as_ref().expect("joint").first_freedom, 3.0);
    assert_eq!(own.correlations[2].correlation, Err(Unavailable::EffectsConstant));
}

/// A rule without a look at the fact, such as a fixed layer, as a localizer.
#[test]
fn effects_that_know_layers_only() {
    let effects = vec![vec![0.1, 0.7, 0.3]; 8];
    let analysis = analyzed(whole_panel(&wave(8, 3, 0.7), &effects));
    let own = &analysis.panels[0].localizers[0];
    let table = own.published.as_ref().expect("a table");
    assert_eq!(table.test, Err(Unavailable::EffectsConstantAtEveryLayer));
    assert!(table.trace.is_ok() && table.both == table.layer);
    assert_eq!(own.within_facts, Err(Unavailable::NoEffectWithinFacts));
    assert_eq!(own.honest.slope_given_layer, Err(Unavailable::EffectsConstantAtEveryLayer));
    let analysis = analyzed(whole_panel(&wave(8, 3, 0.7), &vec![vec![0.1; 3]; 8]));
    let table = analysis.panels[0].localizers[0].published.clone().expect("a table");
    assert_eq!(table.trace, Err(Unavailable::EffectsConstant));
}

#[test]
fn scores_that_are_a_line_of_the_effect() {
    let effects = wave(10, 3, 0.3);
    let scores: Vec<Vec<f64>> =
        effects.iter().map(|row| row.iter().map(|effect| 0.1 + 0.5 * effect).collect()).collect();
    let analysis = analyzed(whole_panel(&scores, &effects));
    let own = &analysis.panels[0].localizers[0];
    assert_eq!(own.published.as_ref().expect("a table").test, Err(Unavailable::ExactFit));
    assert_eq!(own.within_facts, Err(Unavailable::ExactFit));
    assert_eq!(own.honest.joint, Err(Unavailable::ExactFit));
}

#[test]
fn gaps_and_filters_are_counted_with_their_reasons() {
    let mut panel = whole_panel(&wave(9, 3, 0.7), &wave(9, 3, 0.3));
    panel.facts[0].left_out = Some("the model answers wrongly".to_owned());
    panel.scores[1][2] = Cell::Missing("the edit failed".to_owned());
    panel.localizers[0].effects[2][0] = Cell::Missing("no trace".to_owned());
    panel.scores[3] = vec![Cell::Missing("the edit failed".to_owned()); 3];
    let rows = Rows::new(&panel, &panel.localizers[0]);
    let told = rows.counts.sentence();
    assert_eq!(
        told,
        "7 facts, 3 layers, 19 rows; left out: 1 fact (no layer has both numbers), 1 fact (the model answers wrongly), \
         1 cell (no trace), 4 cells (the edit failed)"
    );
    let lost = regret::regret(&panel, &quick()).expect("regret");
    assert_eq!((lost.counts.facts, lost.counts.left_out["a layer without a score"]), (6, 2));
    let trace = lost.rules.iter().find(|rule| rule.rule.name() == support::TRACE).expect("rule");
    assert_eq!(trace.facts, 5, "a fact without a whole trace is not picked for");
    analyzed(panel);
}

/// A localizer that skips a layer picks for no fact.
#[test]
fn a_localizer_without_a_layer() {
    let mut panel = whole_panel(&wave(9, 3, 0.7), &wave(9, 3, 0.3));
    for row in &mut panel.localizers[0].effects {
        row[1] = Cell::Missing("not traced".to_owned());
    }
    let analysis = analyzed(panel);
    let lost = analysis.panels[0].regret.as_ref().expect("regret");
    let trace = lost.rules.iter().find(|rule| rule.rule.name() == support::TRACE).expect("rule");
    assert_eq!((trace.facts, &trace.score), (0, &Err(Unavailable::NoWholeEffects)));
    assert_eq!(analysis.panels[0].localizers[0].counts.layers, 2);
}

#[test]
fn nothing_at_all() {
    let mut panel = whole_panel(&wave(3, 3, 0.7), &wave(3, 3, 0.3));
    panel.facts.iter_mut().for_each(|fact| fact.left_out = Some("the model answers wrongly".to_owned()));
    let rows = Rows::new(&panel, &panel.localizers[0]);
    assert_eq!(published::published(&rows), Err(Unavailable::NoRows));
    analyzed(panel);
    analyzed(whole_panel(&[], &[]));
}

#[test]
fn a_trace_of_noise_has_no_reliability_to_correct_by() {
    let mut panel = whole_panel(&wave(9, 3, 0.7), &wave(9, 3, 0.3));
    let draw = |sign: f64| {
        let cell = |value: &f64| Cell::Value(sign * value);
        wave(9, 3, 1.3).iter().map(|row| row.iter().map(cell).collect()).collect::<Vec<Vec<Cell>>>()
    };
    panel.localizers[0].draws = Some(vec![draw(1.0), draw(-0.5)]);
    let analysis = analyzed(panel.clone());
    let own = analysis.panels[0].localizers[0].reliability.as_ref().expect("two draws");
    assert_eq!(own.overall.without_noise, Err(Unavailable::NoReliability));
    panel.localizers[0].draws = Some(vec![draw(1.0)]);
    assert_eq!(analyzed(panel).panels[0].localizers[0].reliability, Err(Unavailable::TooFewDraws { have: 1 }));
}

#[test]
fn tables_that_do_not_fit_are_refused_by_name() {
    let refused = |panel: Panel| match analyze(&study(vec![panel]), &quick(), &mut |_, _| {}) {
        Err(Refused::Study(malformed)) => malformed.to_string(),
        other => panic!("{other:?}"),
    };
    let panel = whole_panel(&wave(3, 3, 0.7), &wave(3, 3, 0.3));
    let mut short = panel.clone();
    short.scores[1].pop();
    assert!(refused(short).contains("the score of fact 1 has 2 layers, but 3 are needed"));
    let mut odd = panel.clone();
    odd.localizers[0].effects[2][1] = Cell::Value(f64::NAN);
    assert!(refused(odd).contains("causal trace of MLP outputs of fact 2 at layer 1 is not a finite number"));
    let mut twice = panel.clone();
    twice.facts[2].id = "0".to_owned();
    assert!(refused(twice).contains("the fact 0 appears twice"));
    let mut unsorted = panel.clone();
    unsorted.layers = vec![1, 0, 2];
    assert!(refused(unsorted).contains("rising order"));
    let both = analyze(&study(vec![panel.clone(), panel]), &quick(), &mut |_, _| {});
    assert!(matches!(both, Err(Refused::Study(Malformed::Twice { .. }))));
    assert_eq!(analyze(&study(Vec::new()), &quick(), &mut |_, _| {}), Err(Refused::Study(Malformed::Empty)));
}

#[test]
fn a_study_is_json_with_numbers_and_reasons() {
    let mut panel = whole_panel(&wave(2, 2, 0.7), &wave(2, 2, 0.3));
    panel.scores[0][1] = Cell::Missing("the edit failed".to_owned());
    let study = study(vec![panel]);
    let text = serde_json::to_string(&study).expect("JSON");
    assert!(text.contains("\"the edit failed\"]"), "{text}");
    assert_eq!(serde_json::from_str::<locus_analysis::Study>(&text).expect("a study"), study);
}

#[test]
fn the_published_rows_are_found_by_name_and_by_id() {
    use locus_analysis::paper::{Subset, row, rows};
    assert_eq!(rows().len(), 63);
    let mut panel = whole_panel(&wave(2, 2, 0.7), &wave(2, 2, 0.3));
    assert_eq!(row(&panel, Subset::All).map(|row| (row.layer, row.both)), Some((0.947, 0.948)));
    assert_eq!(row(&panel, Subset::Concentrated).map(|row| row.facts), Some(74));
    panel.method = "fine-tuning".to_owned();
    panel.objective = "fact-forcing".to_owned();
    panel.score = "rewrite_score".to_owned();
    panel.window = 5;
    assert_eq!(row(&panel, Subset::All).and_then(|row| row.difference), Some(0.032));
    panel.window = 3;
    assert_eq!(row(&panel, Subset::All), None);
}
