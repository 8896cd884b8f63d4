//! As it should be: facts are the unit.

use super::super::number::{fixed, percent, slug};
use super::super::table::{Content, Row, Table};
use super::{Group, Section, by_score_and_localizer};
use crate::analysis::{Analysis, LocalizerResults, PanelResults};
use crate::permutation::{Permuted, Tested};
use crate::reliability::Agreement;
use crate::report::Part;
use crate::unavailable::Computed;
use crate::words::spoken;

/// Slopes, resampled R², what holds within facts and on other facts, and how reliable the effects are.
pub fn section(analysis: &Analysis) -> Section {
    let fill = |group: &Group, part: &mut Part| {
        part.tables = vec![
            within(analysis, group),
            slopes(analysis, group),
            resampled(analysis, group),
            reliability(analysis, group),
        ];
    };
    Section {
        id: "facts",
        title: "As it should be: with facts as the unit",
        text: vec![
            "Rows of one fact are not independent, and an edit concerns one fact. So standard errors are clustered by \
             fact (CR2, Satterthwaite), intervals come from resampling whole facts, the slope is taken within facts, \
             traces are permuted between facts, and regressions are tested on held-out facts."
                .to_owned(),
        ],
        lead: false,
        tables: Vec::new(),
        figures: Vec::new(),
        parts: by_score_and_localizer(analysis, fill),
        code: None,
    }
}

/// A table with one row per member of a group.
fn table(
    analysis: &Analysis,
    group: &Group,
    (id, title): (&str, &str),
    columns: &[&'static str],
    note: &str,
    row: impl Fn(&LocalizerResults) -> Vec<Content>,
) -> Table {
    let of = |(panel, own): &(&PanelResults, &LocalizerResults)| {
        let begins = [panel.method.as_str().into(), panel.window.to_string().into(), spoken(&panel.objective).into()];
        Row::new(begins.into_iter().chain(row(own)).collect())
    };
    Table {
        id: format!("{id}-{}", slug(&group.title())),
        title: format!("{title}: {}", group.title()),
        columns: ["method", "window", "objective"].iter().chain(columns).map(|name| (*name).to_owned()).collect(),
        words: 3,
        rows: group.members.iter().map(of).collect(),
        reading: vec![format!("{note} {}", group.counts())],
        notes: group.notes(analysis),
    }
}

fn slopes(analysis: &Analysis, group: &Group) -> Table {
    let columns = ["facts", "slope", "SE", "p", "slope given layer", "SE", "p", "joint F (df)", "p", "p (Holm)"];
    let note = "Slopes of score ~ effect and of score ~ layer + effect, CR2 clustered by fact. Joint: whether all slopes of \
                score ~ layer × effect are 0, the question of the published F test (approximate Hotelling's T²).";
    table(analysis, group, ("slopes", "Clustered by fact"), &columns, note, |own| {
        let honest = &own.honest;
        let mut cells = vec![Content::count(own.counts.facts)];
        for slope in [&honest.slope, &honest.slope_given_layer] {
            cells.push(Content::coefficient(slope, 3));
            cells.push(Content::computed(slope, |slope| Content::number(slope.standard_error, 3)));
            cells.push(Content::computed(slope, |slope| Content::p(slope.p)));
        }
        let joint = |of: fn(&crate::clustered::Wald) -> Content| Content::computed(&honest.joint, of);
        cells.push(joint(|own| {
            format!("{} ({}, {:.1})", fixed(own.f, 2), own.first_freedom, own.second_freedom).into()
        }));
        cells.push(joint(|own| Content::p(own.p)));
        cells.push(Content::p_or_empty(own.holm.joint));
        cells
    })
}

fn resampled(analysis: &Analysis, group: &Group) -> Table {
    let columns = [
        "facts",
        "R² layer",
        "R² effect",
        "R² both",
        "difference",
        "bias",
        "slope",
        "held out: layer",
        "effect",
        "both",
        "difference",
    ];
    let note = "R² with intervals from resampling whole facts. Bias: how much larger the difference is in resamples; \
                a bias about as large as the difference means that there is none. Held out: R² on facts that the \
                regression was not fitted to; below 0 it does worse than the mean.";
    table(analysis, group, ("resampled", "Resampled and held-out facts"), &columns, note, |own| {
        let mut cells = vec![Content::count(own.counts.facts)];
        match &own.bootstrap {
            Ok(own) => {
                let all = [&own.layer, &own.trace, &own.both, &own.difference];
                cells.extend(all.into_iter().map(|interval| Content::interval(interval, 3)));
                cells.push(Content::computed(&own.difference, |own| Content::number(own.bias, 3)));
                cells.push(Content::interval(&own.slope, 3));
            }
            Err(reason) => cells.extend(vec![Content::Missing(reason.to_string()); 6]),
        }
        match &own.held_out {
            Ok(own) => {
                cells.extend([own.layer, own.trace, own.both].map(|value| Content::number(value, 3)));
                cells.push(Content::interval(&own.difference, 3));
            }
            Err(reason) => cells.extend(vec![Content::Missing(reason.to_string()); 4]),
        }
        cells
    })
}

fn within(analysis: &Analysis, group: &Group) -> Table {
    let columns = [
        "facts",
        "slope within facts",
        "SE",
        "p",
        "p (Holm)",
        "resampled",
        "facts permuted",
        "p",
        "p (Holm)",
        "p (R² difference)",
        "change per step",
        "margin",
        "p (margin)",
        "verdict",
    ];
    let confidence = fixed(100.0 * (1.0 - 2.0 * (1.0 - analysis.settings.confidence)), 0);
    let note = format!(
        "With fixed effects for facts and layers: is an edit better at the layers where the fact's effect is larger \
         than usual? Permuted: whole traces are exchanged between facts, for the slope within facts and for the \
         published difference of R². Change per step: slope times the interquartile range of the effect, with its \
         {confidence} % interval; negligible if the interval is within the margin."
    );
    table(analysis, group, ("within", "Within facts"), &columns, &note, |own| {
        let slope = &own.within_facts;
        let resampled = own.bootstrap.as_ref().map_err(Clone::clone).and_then(|own| own.slope_within_facts.clone());
        let permuted = |of: &dyn Fn(&Permuted) -> Content| Content::computed(&own.permutation, of);
        let tested = |own: &Computed<Tested>| Content::computed(own, |own| Content::p(own.p));
        let equivalence = |of: fn(&crate::equivalence::Equivalence) -> Content| Content::computed(&own.equivalence, of);
        vec![
            Content::count(own.facts_within),
            Content::coefficient(slope, 3),
            Content::computed(slope, |slope| Content::number(slope.standard_error, 3)),
            Content::computed(slope, |slope| Content::p(slope.p)),
            Content::p_or_empty(own.holm.within_facts),
            Content::interval(&resampled, 3),
            permuted(&|own| Content::count(own.facts)),
            permuted(&|own| tested(&own.slope_within_facts)),
            Content::p_or_empty(own.holm.permutation),
            permuted(&|own| tested(&own.difference)),
            equivalence(|own| Content::bounded(own.change, own.low, own.high, 3)),
            equivalence(|own| own.margin.to_string().into()),
            equivalence(|own| Content::p(own.p)),
            equivalence(|own| own.verdict.name().into()),
        ]
    })
}

fn reliability(analysis: &Analysis, group: &Group) -> Table {
    let columns = [
        "parts",
        "facts",
        "reliability",
        "r",
        "without noise",
        "within facts: reliability",
        "r",
        "without noise",
        "same layer",
    ];
    let note = "Split-half agreement of the noise draws, for the mean over all draws (Spearman-Brown). Parts: how many \
                equal parts of the draws were measured apart; 2 are halves. Without noise: the correlation of score \
                and effect divided by the square root of the reliability. Same layer: how often both halves pick the \
                same layer for a fact.";
    table(analysis, group, ("reliability", "Reliability of the effects"), &columns, note, |own| {
        match &own.reliability {
            Ok(own) => {
                let mut cells = vec![Content::count(own.parts), Content::count(own.facts)];
                let number = |value: &Computed<f64>| Content::computed(value, |value| Content::number(*value, 3));
                let three = |own: &Agreement| [&own.reliability, &own.correlation, &own.without_noise].map(number);
                cells.extend(three(&own.overall).into_iter().chain(three(&own.within_facts)));
                cells.push(percent(own.same_layer).into());
                cells
            }
            Err(reason) => vec![Content::Missing(reason.to_string()); columns.len()],
        }
    })
}
