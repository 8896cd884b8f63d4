//! What the sections show as tables, for copies and exports.

use super::AnalysisPane;
use super::choice::Chosen;
use super::facts::items;
use super::peaks::peaks;
use super::section::Section;
use super::verdict::worth_text;
use crate::panes::Table;
use crate::state::State;
use locus_analysis::analysis::LocalizerResults;
use locus_analysis::bootstrap::Interval;
use locus_analysis::unavailable::Computed;
use serde_json::{Value, json};

/// The table of the section that shows.
pub fn table(pane: &AnalysisPane, state: &State) -> Option<Table> {
    let chosen = pane.chosen()?;
    let (columns, rows): (&[&str], Vec<Vec<Value>>) = match pane.shown.section {
        Section::Verdict => (
            &["localizer", "verdict", "loss", "low", "high", "facts"],
            chosen.panel.localizers.iter().map(verdict).collect(),
        ),
        Section::Regret => {
            (&["rule", "regret", "low", "high", "facts", "loss", "loss_low", "loss_high"], regret(chosen))
        }
        Section::Published => (
            &["localizer", "facts", "r2_layer", "r2_effect", "r2_both", "difference", "f", "df1", "df2", "p", "p_holm"],
            chosen.panel.localizers.iter().filter_map(published).collect(),
        ),
        Section::Facts => (&["statistic", "value"], facts(chosen)),
        Section::Scatter => (&["layer", "effect", "score"], scatter(pane, chosen, state)),
        Section::Peaks => (
            &["layer", "largest_effect_here", "best_edit_here", "mean_effect", "mean_score"],
            peaks(chosen)
                .iter()
                .map(|own| {
                    vec![
                        json!(own.layer),
                        json!(own.effect),
                        json!(own.score),
                        json!(own.mean_effect),
                        json!(own.mean_score),
                    ]
                })
                .collect(),
        ),
    };
    let localizer = chosen.localizer.map_or_else(String::new, |(_, own)| format!(", {}", own.name));
    Some(Table {
        name: "analysis".to_owned(),
        title: format!("{}: {}{localizer}", pane.shown.section.title(), chosen.panel.title()),
        columns: columns.iter().map(|&name| name.to_owned()).collect(),
        rows,
        cursor: 0,
    })
}

/// Estimate and ends of an interval, or nothing.
fn three(own: Option<&Computed<Interval>>) -> [Value; 3] {
    match own {
        Some(Ok(own)) => [json!(own.estimate), json!(own.low), json!(own.high)],
        _ => [Value::Null, Value::Null, Value::Null],
    }
}

fn verdict(own: &LocalizerResults) -> Vec<Value> {
    match &own.verdict {
        Ok(verdict) => vec![
            json!(own.name),
            json!(worth_text(verdict.worth)),
            json!(verdict.loss.estimate),
            json!(verdict.loss.low),
            json!(verdict.loss.high),
            json!(verdict.facts),
        ],
        Err(reason) => {
            vec![json!(own.name), json!(reason.to_string()), Value::Null, Value::Null, Value::Null, Value::Null]
        }
    }
}

fn regret(chosen: Chosen<'_>) -> Vec<Vec<Value>> {
    let rules = chosen.panel.regret.iter().flat_map(|regret| &regret.rules);
    let row = |own: &locus_analysis::regret::RuleRegret| {
        let mut row = vec![json!(own.rule.name())];
        row.extend(three(Some(&own.regret)));
        row.push(json!(own.facts));
        row.extend(three(own.against_fixed.as_ref().map(|paired| &paired.loss)));
        row
    };
    rules.map(row).collect()
}

fn published(own: &LocalizerResults) -> Option<Vec<Value>> {
    let published = own.published.as_ref().ok()?;
    let test = published.test.as_ref().ok();
    Some(vec![
        json!(own.name),
        json!(published.counts.facts),
        json!(published.layer),
        json!(published.trace.as_ref().ok()),
        json!(published.both),
        json!(published.difference),
        json!(test.map(|test| test.f)),
        json!(test.map(|test| test.first_freedom)),
        json!(test.map(|test| test.second_freedom)),
        json!(test.map(|test| test.p)),
        json!(own.holm.published),
    ])
}

fn facts(chosen: Chosen<'_>) -> Vec<Vec<Value>> {
    let items = chosen.localizer.map(|(_, own)| items(own, "R2")).unwrap_or_default();
    let text = |own: &Computed<String>| own.clone().unwrap_or_else(|reason| format!("- {reason}"));
    items.iter().map(|item| vec![json!(item.label), json!(text(&item.text))]).collect()
}

fn scatter(pane: &AnalysisPane, chosen: Chosen<'_>, state: &State) -> Vec<Vec<Value>> {
    let points = pane.analyzed.as_ref().and_then(|analyzed| analyzed.points.get(chosen.place));
    let (Some(points), Some((number, _))) = (points, chosen.localizer) else { return Vec::new() };
    let Some((place, layer)) = pane.layer_of(&points.layers, state) else { return Vec::new() };
    let (there, _) = points.at(number, place);
    there.into_iter().map(|(effect, score)| vec![json!(layer), json!(effect), json!(score)]).collect()
}
