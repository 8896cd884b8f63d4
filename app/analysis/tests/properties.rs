//! What holds for any numbers.

mod support;

use locus_analysis::regret::{Rule, regret};
use locus_analysis::rows::Rows;
use locus_analysis::{Panel, Settings, bootstrap, permutation, published};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use support::whole_panel;

fn settings(seed: u64) -> Settings {
    Settings { seed, resamples: 100, permutations: 100, subsets: 5, ..Settings::default() }
}

/// Numbers with many ties, and numbers with few.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![(0_u8..4).prop_map(|step| f64::from(step) / 3.0), 0.0..1.0]
}

fn tables() -> impl Strategy<Value = Panel> {
    (5_usize..14, 2_usize..6).prop_flat_map(|(facts, layers)| {
        let table = || prop::collection::vec(prop::collection::vec(value(), layers), facts);
        (table(), table()).prop_map(|(scores, effects)| whole_panel(&scores, &effects))
    })
}

fn rows(panel: &Panel) -> Rows {
    Rows::new(panel, &panel.localizers[0])
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]
    #[test]
    fn nothing_beats_the_oracle(panel in tables()) {
        let lost = regret(&panel, &settings(1)).expect("regret");
        for rule in &lost.rules {
            let interval = rule.regret.as_ref().expect("an interval");
            prop_assert!(interval.low >= 0.0 && interval.estimate >= 0.0, "{}", rule.rule.name());
            prop_assert!((rule.picks.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            if rule.rule == Rule::Oracle {
                prop_assert!(interval.high < 1e-12 && (rule.best.as_ref().expect("a share") - 1.0).abs() < 1e-9);
            }
        }
        prop_assert!(lost.curve.iter().all(|point| point.low >= 0.0));
    }

    #[test]
    fn more_columns_explain_no_less(panel in tables()) {
        if let Ok(table) = published::published(&rows(&panel)) {
            prop_assert!(table.both >= table.layer && table.difference >= 0.0);
            prop_assert!((0.0..=1.0).contains(&table.both) && table.layer >= 0.0);
            if let Ok(trace) = table.trace {
                prop_assert!(table.both >= trace - 1e-9 && trace >= 0.0);
            }
            if let Ok(test) = table.test {
                prop_assert!((0.0..=1.0).contains(&test.p));
            }
        }
    }

    #[test]
    fn a_constant_added_to_all_effects_changes_no_published_number(panel in tables(), constant in -5.0..5.0) {
        let mut moved = panel.clone();
        for row in &mut moved.localizers[0].effects {
            row.iter_mut().for_each(|cell| *cell = cell.value().map(|value| value + constant).into());
        }
        let (one, two) = (published::published(&rows(&panel)), published::published(&rows(&moved)));
        match (one, two) {
            (Ok(one), Ok(two)) => {
                prop_assert!((one.layer - two.layer).abs() < 1e-9 && (one.both - two.both).abs() < 1e-9);
                prop_assert_eq!(one.trace.is_ok(), two.trace.is_ok());
                if let (Ok(one), Ok(two)) = (one.trace, two.trace) {
                    prop_assert!((one - two).abs() < 1e-9);
                }
                prop_assert_eq!(one.test.is_ok(), two.test.is_ok());
                if let (Ok(one), Ok(two)) = (one.test, two.test) {
                    prop_assert_eq!(one.first_freedom, two.first_freedom);
                    prop_assert!((one.p - two.p).abs() < 1e-6);
                }
            }
            (one, two) => prop_assert_eq!(one.is_ok(), two.is_ok()),
        }
    }

    #[test]
    fn the_bootstrap_is_repeatable_by_its_seed(panel in tables(), seed in any::<u64>()) {
        let of = |seed| bootstrap::bootstrap(&rows(&panel), &settings(seed), &["test"]);
        prop_assert_eq!(of(seed), of(seed));
        let of = |seed| regret(&panel, &settings(seed));
        prop_assert_eq!(of(seed), of(seed));
    }

    #[test]
    fn a_p_of_permutation_is_above_0_and_at_most_1(panel in tables(), seed in any::<u64>()) {
        if let Ok(permuted) = permutation::permutation(&rows(&panel), &settings(seed), &["test"]) {
            for tested in [permuted.difference, permuted.slope_within_facts].into_iter().flatten() {
                prop_assert!(tested.p > 0.0 && tested.p <= 1.0);
            }
        }
    }
}

/// The seed is used: other resamples give other bounds.
#[test]
fn another_seed_gives_other_bounds() {
    let fixture = support::fixture();
    let panel = support::panel_of_rows(&fixture["balanced"]["rows"]);
    let of = |seed| bootstrap::bootstrap(&rows(&panel), &settings(seed), &["test"]).expect("bootstrap").layer;
    assert_ne!(of(1), of(2));
}
