//! Every statistic against R (lm, anova, cor.test, predict) and clubSandwich. `fixtures/make.R` made the numbers.

mod support;

use locus_analysis::clustered::{Coefficient, honest};
use locus_analysis::panel::{Cell, Panel};
use locus_analysis::regret::{Rule, regret};
use locus_analysis::rows::Rows;
use locus_analysis::within_facts::Within;
use locus_analysis::{
    Settings, bootstrap, correlation, equivalence, held_out, holm, permutation, published, reliability,
};
use serde_json::Value;
use support::{close, fixture, number, panel_of_rows};

const EXACT: f64 = 1e-9;

fn of_both(check: impl Fn(&Panel, &Rows, &Value)) {
    let fixture = fixture();
    for name in ["balanced", "gaps"] {
        let panel = panel_of_rows(&fixture[name]["rows"]);
        panel.check().expect("a sound panel");
        let rows = Rows::new(&panel, &panel.localizers[0]);
        check(&panel, &rows, &fixture[name]["results"]);
    }
}

fn same_coefficient(ours: &Coefficient, theirs: &Value, what: &str) {
    close(ours.estimate, &theirs["estimate"], EXACT, what);
    close(ours.standard_error, &theirs["standard_error"], EXACT, what);
    close(ours.freedom, &theirs["freedom"], 1e-7, what);
    close(ours.t, &theirs["t"], EXACT, what);
    close(ours.p, &theirs["p"], 1e-6, what);
}

#[test]
fn the_published_table() {
    of_both(|_, rows, r| {
        let ours = published::published(rows).expect("a table");
        close(ours.layer, &r["layer"], EXACT, "layer");
        close(ours.trace.clone().expect("trace"), &r["trace"], EXACT, "trace");
        close(ours.both, &r["both"], EXACT, "both");
        let test = ours.test.clone().expect("a test");
        close(test.f, &r["f"], EXACT, "F");
        assert_eq!(
            (test.first_freedom, test.second_freedom),
            (number(&r["first_freedom"]), number(&r["second_freedom"]))
        );
        close(test.p, &r["p"], 1e-7, "p");
        let trace_errors = ours.trace_errors.clone().expect("errors");
        for (ours, theirs) in [(ours.layer_errors, &r["layer_errors"]), (trace_errors, &r["trace_errors"])] {
            close(ours.root_mean_square, &theirs["root_mean_square"], EXACT, "root mean square");
            close(ours.mean_absolute, &theirs["mean_absolute"], EXACT, "mean absolute");
        }
    });
}

#[test]
fn correlations_by_layer() {
    of_both(|_, rows, r| {
        let ours = correlation::by_layer(rows);
        let theirs = r["correlations"].as_array().expect("layers");
        let there: Vec<_> = ours.iter().filter_map(|at| Some((at.layer, at.correlation.clone().ok()?))).collect();
        assert_eq!(there.len(), theirs.len());
        for ((layer, ours), theirs) in there.iter().zip(theirs) {
            assert_eq!(*layer as u64, theirs["layer"].as_u64().expect("layer"));
            close(ours.r, &theirs["r"], EXACT, "r");
            close(ours.t, &theirs["t"], EXACT, "t");
            close(ours.p, &theirs["p"], 1e-7, "p");
        }
    });
}

#[test]
fn clustered_by_fact() {
    of_both(|_, rows, r| {
        let ours = honest(rows, 0.95);
        same_coefficient(&ours.slope.expect("slope"), &r["slope"], "slope");
        same_coefficient(&ours.slope_given_layer.expect("slope"), &r["slope_given_layer"], "slope given layer");
        let joint = ours.joint.expect("joint");
        close(joint.f, &r["wald"]["f"], 1e-8, "F");
        close(joint.first_freedom, &r["wald"]["first_freedom"], EXACT, "first freedom");
        close(joint.second_freedom, &r["wald"]["second_freedom"], 1e-7, "second freedom");
        close(joint.p, &r["wald"]["p"], 1e-6, "p");
    });
}

#[test]
fn within_facts_and_whether_it_is_negligible() {
    of_both(|_, rows, r| {
        let slope = Within::new(rows).expect("facts").slope(0.95).expect("slope");
        same_coefficient(&slope, &r["within_facts"], "within facts");
        let ours = equivalence::equivalence(rows, &slope, &Settings::default()).expect("a test");
        let theirs = &r["equivalence"];
        close(ours.step, &theirs["step"], EXACT, "step");
        close(ours.change, &theirs["change"], EXACT, "change");
        close(ours.low, &theirs["low"], 1e-7, "low");
        close(ours.high, &theirs["high"], 1e-7, "high");
        close(ours.p, &theirs["p"], 1e-6, "p");
    });
}

#[test]
fn facts_held_out_one_by_one() {
    of_both(|panel, rows, r| {
        let settings = Settings { folds: panel.facts.len(), ..Settings::default() };
        let ours = held_out::held_out(rows, &settings, &["test"]).expect("held out");
        for (ours, name) in [(ours.layer, "layer"), (ours.trace, "trace"), (ours.both, "both")] {
            close(ours, &r["held_out"][name], 1e-8, name);
        }
        let difference = ours.difference.expect("an interval");
        assert!(difference.low <= difference.estimate && difference.estimate <= difference.high);
    });
}

/// R draws other samples, so that bounds agree as far as 2000 of them determine one.
#[test]
fn bounds_of_the_bootstrap() {
    of_both(|_, rows, r| {
        let ours = bootstrap::bootstrap(rows, &Settings::default(), &["test"]).expect("bootstrap");
        for (ours, name) in [(ours.layer, "layer"), (ours.difference, "difference"), (ours.slope, "slope")] {
            let ours = ours.expect("an interval");
            let (low, high) = (number(&r["bootstrap"][name][0]), number(&r["bootstrap"][name][1]));
            let near = 0.12 * (high - low);
            assert!(
                (ours.low - low).abs() < near && (ours.high - high).abs() < near,
                "{name}: {ours:?}, R {low} {high}"
            );
        }
    });
}

fn whole() -> (Value, Panel) {
    let fixture = fixture();
    let mut panel = panel_of_rows(&fixture["balanced"]["rows"]);
    let draw = |name: &str| {
        let row = |row: &Value| row.as_array().expect("row").iter().map(|value| Cell::Value(number(value))).collect();
        fixture["balanced"][name].as_array().expect("draw").iter().map(row).collect::<Vec<Vec<Cell>>>()
    };
    panel.localizers[0].draws = Some(vec![draw("one"), draw("two")]);
    (fixture["balanced"].clone(), panel)
}

#[test]
fn permuted_traces() {
    let (r, panel) = whole();
    let rows = Rows::new(&panel, &panel.localizers[0]);
    let ours = permutation::permutation(&rows, &Settings::default(), &["test"]).expect("permuted");
    let theirs = &r["permutation"];
    let (difference, slope) = (ours.difference.expect("difference"), ours.slope_within_facts.expect("slope"));
    close(difference.observed, &theirs["difference"]["observed"], EXACT, "difference");
    close(slope.observed, &theirs["slope"]["observed"], EXACT, "slope");
    assert!((difference.p - number(&theirs["difference"]["p"])).abs() < 0.06, "{difference:?}");
    assert!((slope.p - number(&theirs["slope"]["p"])).abs() < 0.04, "{slope:?}");
}

#[test]
fn agreement_of_two_draws() {
    let (r, panel) = whole();
    let ours = reliability::reliability(&panel, &panel.localizers[0], &Settings::default(), &["test"]).expect("two");
    let theirs = &r["reliability"];
    close(ours.overall.reliability.clone().expect("overall"), &theirs["overall"], EXACT, "overall");
    close(ours.within_facts.reliability.expect("within"), &theirs["within_facts"], EXACT, "within facts");
    close(ours.overall.correlation.expect("r"), &theirs["correlation"], EXACT, "correlation");
    close(ours.same_layer, &theirs["same_layer"], EXACT, "same layer");
    let expected = number(&theirs["correlation"]) / number(&theirs["overall"]).sqrt();
    assert!((ours.overall.without_noise.expect("corrected") - expected).abs() < EXACT);
}

#[test]
fn regret_of_every_rule() {
    let (r, panel) = whole();
    let ours = regret(&panel, &Settings::default()).expect("regret");
    let theirs = &r["regret"];
    close(ours.best, &theirs["best"], EXACT, "best");
    let of = |rule: &Rule| ours.rules.iter().find(|own| own.rule == *rule).expect("rule");
    let trace = Rule::Localizer(support::TRACE.to_owned());
    let peak = Rule::PeakOnOthers(support::TRACE.to_owned());
    let rules =
        [(Rule::FixedOnOthers, "fixed"), (Rule::Random, "random"), (trace.clone(), "trace"), (peak, "peak_on_others")];
    for (rule, name) in &rules {
        close(of(rule).regret.clone().expect("interval").estimate, &theirs[*name], EXACT, name);
    }
    let paired = of(&trace).against_fixed.as_ref().expect("paired");
    close(paired.loss.clone().expect("loss").estimate, &theirs["loss"], EXACT, "loss");
    close(paired.better.clone().expect("a share"), &theirs["better"], EXACT, "better");
    close(paired.worse.clone().expect("a share"), &theirs["worse"], EXACT, "worse");
}

#[test]
fn corrected_by_holm() {
    let fixture = fixture();
    let p: Vec<Option<f64>> = fixture["holm"]["p"].as_array().expect("p").iter().map(Value::as_f64).collect();
    let ours: Vec<f64> = holm::holm(&p).into_iter().flatten().collect();
    for (ours, theirs) in ours.iter().zip(fixture["holm"]["adjusted"].as_array().expect("adjusted")) {
        close(*ours, theirs, EXACT, "Holm");
    }
}
