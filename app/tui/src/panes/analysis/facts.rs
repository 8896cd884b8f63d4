//! The analysis with facts as the unit: clustered, resampled, within facts, permuted, held out, reliable.

use super::choice::Chosen;
use super::page::Page;
use super::words::{bounded, facts, fixed, interval, or_reason, p, percent, remedy};
use super::{AnalysisPane, notes};
use crate::looks::width;
use locus_analysis::Analysis;
use locus_analysis::analysis::LocalizerResults;
use locus_analysis::bootstrap::Bootstrapped;
use locus_analysis::clustered::Coefficient;
use locus_analysis::reliability::Agreement;
use locus_analysis::unavailable::{Computed, Unavailable};
use locus_protocol::counted;
use ratatui::style::Style;
use std::collections::BTreeSet;

/// A statistic: what it is called, what it says, or why it says nothing.
pub struct Item {
    /// What it is called.
    pub label: &'static str,
    /// What it says with what it rests on.
    pub text: Computed<String>,
}

/// All of one localizer on one table. `r_squared` is how the share of the variance is written.
pub fn items(own: &LocalizerResults, r_squared: &str) -> Vec<Item> {
    let n = facts(own.counts.facts);
    let within = facts(own.facts_within);
    let holm = |value: Option<f64>| value.map_or_else(String::new, |value| format!(", after Holm {}", p(value)));
    let slope = |slope: &Computed<Coefficient>, n: &str, holm: &str| -> Computed<String> {
        let slope = slope.as_ref().map_err(Clone::clone)?;
        let range = bounded(slope.estimate, slope.low, slope.high);
        Ok(format!("{range}, df {}, p {}{holm}; {n}", fixed(slope.freedom, 1), p(slope.p)))
    };
    let resampled = |of: &dyn Fn(&Bootstrapped) -> Computed<String>| {
        own.bootstrap
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|own| Ok(format!("{}; {}", of(own)?, counted(own.resamples, "resample"))))
    };
    let joint = own.honest.joint.as_ref().map_err(Clone::clone).map(|test| {
        let freedom = format!("({}, {})", test.first_freedom, fixed(test.second_freedom, 1));
        format!("F {} {freedom}, p {}{}; {n}", fixed(test.f, 2), p(test.p), holm(own.holm.joint))
    });
    let permuted = own.permutation.as_ref().map_err(Clone::clone).map(|own_test| {
        let tested = |test: &Computed<locus_analysis::permutation::Tested>| or_reason(test, |test| p(test.p));
        format!(
            "slope within facts p {}{}; difference of {r_squared} p {}; {} without a gap, {}",
            tested(&own_test.slope_within_facts),
            holm(own.holm.permutation),
            tested(&own_test.difference),
            facts(own_test.facts),
            counted(own_test.permutations, "permutation")
        )
    });
    let equivalence = own.equivalence.as_ref().map_err(Clone::clone).map(|test| {
        let range = bounded(test.change, test.low, test.high);
        format!(
            "{}: {range} of the score for a step of the effect from its first to its third quartile ({} interval), \
             margin {}, p {}; {within}",
            test.verdict.name(),
            percent(test.confidence),
            test.margin,
            p(test.p)
        )
    });
    let held_out = own.held_out.as_ref().map_err(Clone::clone).map(|own| {
        let [layer, trace, both] = [own.layer, own.trace, own.both].map(|share| fixed(share, 3));
        let difference = or_reason(&own.difference, interval);
        format!(
            "{r_squared} layer {layer}, effect {trace}, both {both}; both less layer {difference}; {n}, {} folds",
            own.folds
        )
    });
    let reliability = own.reliability.as_ref().map_err(Clone::clone).map(|own| {
        format!(
            "{}; within facts {}; both halves pick the same layer for {} of facts; {}, {}",
            agreement(&own.overall),
            agreement(&own.within_facts),
            percent(own.same_layer),
            facts(own.facts),
            if own.parts == 2 { "2 halves of the noise draws".to_owned() } else { counted(own.parts, "noise draw") }
        )
    });
    let item = |label, text| Item { label, text };
    vec![
        item("slope of score ~ effect", slope(&own.honest.slope, &n, "")),
        item("the same given the layer", slope(&own.honest.slope_given_layer, &n, "")),
        item("slopes of all layers = 0?", joint),
        item("slope within facts", slope(&own.within_facts, &within, &holm(own.holm.within_facts))),
        item(
            "the same resampled",
            resampled(&|own| own.slope_within_facts.as_ref().map(interval).map_err(Clone::clone)),
        ),
        item(
            "both less layer, resampled",
            resampled(&|own| {
                let own = own.difference.as_ref().map_err(Clone::clone)?;
                Ok(format!("{r_squared} {}; resamples add {} by themselves", interval(own), fixed(own.bias, 3)))
            }),
        ),
        item("traces of other facts", permuted),
        item("too small to matter?", equivalence),
        item("on facts held out", held_out),
        item("reliability of the effect", reliability),
    ]
}

/// "0.91 (score and effect correlate by 0.12, without noise by 0.13)".
fn agreement(own: &Agreement) -> String {
    let number = |value: &Computed<f64>| value.as_ref().map_or_else(|_| "-".to_owned(), |value| fixed(*value, 2));
    let (correlation, without) = (number(&own.correlation), number(&own.without_noise));
    format!("{} (r of score and effect {correlation}, without noise {without})", number(&own.reliability))
}

pub fn write(pane: &AnalysisPane, analysis: &Analysis, chosen: Chosen<'_>, page: &mut Page<'_>) {
    let Some((_, own)) = chosen.localizer else { return pane.no_localizer(page) };
    page.note("with facts as the unit: rows of one fact go together, so intervals and tests count facts, not rows");
    let items = items(own, page.state.glyphs().r_squared());
    let labels = items.iter().map(|item| width(item.label)).max().unwrap_or(0) + 3;
    let mut missing: BTreeSet<&Unavailable> = BTreeSet::new();
    for item in &items {
        match &item.text {
            Ok(text) => page.item(item.label, text, labels, Style::new()),
            Err(reason) => {
                page.item(item.label, &format!("- {reason}"), labels, page.state.theme().muted());
                missing.insert(reason);
            }
        }
    }
    let again = pane.again(page.state);
    let remedies: BTreeSet<String> =
        missing.into_iter().filter_map(|own| remedy(own, pane.goes_on(), &again)).collect();
    if !remedies.is_empty() {
        page.gap();
        remedies.iter().for_each(|text| page.text(&format!("for what is missing: {text}"), page.state.theme().warn()));
    }
    page.gap();
    page.note(
        "slopes: errors clustered by fact (CR2, Satterthwaite's degrees of freedom); within facts: each fact and each layer \
         has a level of its own; traces of other facts: whole traces are permuted among facts; held out: below 0 is worse \
         than the mean of the other facts; Holm: corrected over all tables of this score",
    );
    notes::rows(chosen.panel, own, page);
    notes::sources(analysis, page);
}
