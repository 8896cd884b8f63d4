//! The closed forms and the clustered errors against a regression crate that shares no code with them.

mod support;

use anofox_regression::faer::{Col, Mat};
use anofox_regression::inference::{ClusterOptions, ClusterType, NestedFTestOptions, nested_f_test_indices};
use anofox_regression::prelude::{FittedRegressor, OlsRegressor, Regressor};
use locus_analysis::clustered::honest;
use locus_analysis::published::published;
use locus_analysis::rows::Rows;
use support::{fixture, panel_of_rows};

fn near(ours: f64, theirs: f64, what: &str) {
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-3), "{what}: {ours} here, {theirs} there");
}

fn rows(name: &str) -> Rows {
    let panel = panel_of_rows(&fixture()[name]["rows"]);
    Rows::new(&panel, &panel.localizers[0])
}

/// Columns: layers but the first, the effect, and the effect at each layer but the first.
fn design(rows: &Rows) -> (Mat<f64>, Col<f64>, usize) {
    let others = rows.centers.len() - 1;
    let x = Mat::from_fn(rows.scores.len(), 2 * others + 1, |row, column| {
        let is = |layer: usize| f64::from(u8::from(rows.layers[row] == layer));
        match column {
            layer if layer < others => is(layer + 1),
            effect if effect == others => rows.effects[row],
            slope => is(slope - others) * rows.effects[row],
        }
    });
    (x, Col::from_fn(rows.scores.len(), |row| rows.scores[row]), others)
}

#[test]
fn nested_regressions() {
    for name in ["balanced", "gaps"] {
        let rows = rows(name);
        let (x, y, others) = design(&rows);
        let layers: Vec<usize> = (0..others).collect();
        let theirs = nested_f_test_indices(&x, &y, &layers, &NestedFTestOptions::default()).expect("a test");
        let ours = published(&rows).expect("a table");
        let test = ours.test.expect("a test");
        near(test.f, theirs.f_statistic, "F");
        near(test.p, theirs.p_value, "p");
        assert_eq!((test.first_freedom, test.second_freedom), (theirs.df1 as f64, theirs.df2 as f64));
        let effect = Mat::from_fn(x.nrows(), 1, |row, _| x[(row, others)]);
        let fitted = OlsRegressor::builder().with_intercept(true).build().fit(&effect, &y).expect("a fit");
        near(ours.trace.expect("trace"), fitted.result().r_squared, "trace");
    }
}

/// Their CR2 with `cadjust` is that of sandwich without its further factor.
#[test]
fn clustered_errors() {
    for name in ["balanced", "gaps"] {
        let rows = rows(name);
        let (x, y, others) = design(&rows);
        let x = Mat::from_fn(x.nrows(), others + 1, |row, column| x[(row, column)]);
        let fitted = OlsRegressor::builder().with_intercept(true).build().fit(&x, &y).expect("a fit");
        let mut options = ClusterOptions::hc0();
        options.kind = ClusterType::HC2;
        let theirs = fitted.cluster_vcov(&x, &[&rows.facts], &options).expect("CR2");
        let ours = honest(&rows, 0.95).slope_given_layer.expect("slope");
        near(ours.standard_error, theirs[(others + 1, others + 1)].sqrt(), "standard error");
    }
}
