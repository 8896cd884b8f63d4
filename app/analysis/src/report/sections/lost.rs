//! Regret: what each rule loses, all methods and objectives side by side, then one by one.

use super::super::figures;
use super::super::number::{percent, slug};
use super::super::table::{Content, Row, Table};
use super::{Section, counts, named, scores, sources};
use crate::analysis::{Analysis, PanelResults};
use crate::regret::{Regret, Rule, RuleRegret};
use crate::report::Part;
use crate::unavailable::Computed;
use crate::verdict::Worth;
use crate::words::{many, spoken};

/// One table for each score, then each panel in detail.
pub fn section(analysis: &Analysis) -> Section {
    let mut tables = Vec::new();
    let mut parts = Vec::new();
    for (number, (score, panels)) in scores(analysis).into_iter().enumerate() {
        let overview = overview(analysis, score, &panels);
        let there: Vec<_> = panels.iter().filter_map(|panel| Some((*panel, panel.regret.as_ref().ok()?))).collect();
        let is_one = there.len() == 1 && number == 0;
        let one_by_one = there.into_iter().map(|(panel, regret)| {
            let mut part = Part::new(format!("Regret of every rule: {}", panel.title()), !is_one);
            part.tables.push(table(analysis, panel, regret));
            part.figures =
                [figures::rules(panel, regret), figures::curve(panel, regret)].into_iter().flatten().collect();
            part
        });
        let each = Part::new(format!("Each method and objective: {score}"), !is_one);
        let each = Part { parts: one_by_one.collect(), ..each };
        if number == 0 {
            tables.push(overview);
            parts.push(each);
        } else {
            parts.push(Part {
                tables: vec![overview],
                parts: vec![each],
                ..Part::new(format!("Regret by {score}"), true)
            });
        }
    }
    Section {
        id: "regret",
        title: "What it costs to pick the layer by a rule",
        text: vec![
            "To edit a fact, one has to pick a layer. Regret is the score at the fact's own best layer minus that at \
             the layer picked; loss is the score at one fixed layer, chosen on all other facts, minus that at the \
             layer picked, on the same facts."
                .to_owned(),
        ],
        lead: true,
        tables,
        figures: Vec::new(),
        parts,
        code: None,
    }
}

/// All methods and objectives of one score, a row each.
fn overview(analysis: &Analysis, score: &str, panels: &[&PanelResults]) -> Table {
    let mut names: Vec<&str> = Vec::new();
    for own in panels.iter().flat_map(|panel| &panel.localizers) {
        if !names.contains(&own.name.as_str()) {
            names.push(&own.name);
        }
    }
    let mut columns = named(&["method", "window", "objective", "facts", "best score", "fixed layer", "its regret"]);
    columns.push("regret of a random layer".to_owned());
    columns.extend(names.iter().map(|name| format!("loss by {name}")));
    let row = |panel: &&PanelResults| {
        let mut cells: Vec<Content> =
            vec![panel.method.as_str().into(), panel.window.to_string().into(), spoken(&panel.objective).into()];
        let regret = match &panel.regret {
            Ok(regret) => regret,
            Err(reason) => {
                cells.resize(columns.len(), Content::Missing(reason.to_string()));
                return Row::new(cells);
            }
        };
        let of = |rule: &Rule| regret.rules.iter().find(|own| own.rule == *rule);
        let lost = |rule| of(&rule).map_or(Content::Empty, |own| Content::interval(&own.regret, 2));
        let usual = of(&Rule::FixedOnOthers).and_then(RuleRegret::usual).map(|place| regret.layers[place]);
        cells.extend([
            Content::count(regret.counts.facts),
            Content::number(regret.best, 2),
            usual.map_or_else(|| "varies".into(), Content::count),
            lost(Rule::FixedOnOthers),
            lost(Rule::Random),
        ]);
        cells.extend(names.iter().map(|name| match panel.localizers.iter().find(|own| own.name == *name) {
            None => Content::Empty,
            Some(own) => Content::computed(&own.verdict, |verdict| {
                let [estimate, low, high] =
                    [verdict.loss.estimate, verdict.loss.low, verdict.loss.high].map(|value| super::fixed(value, 2));
                format!("{estimate} {} [{low}, {high}]", short(verdict.worth)).into()
            }),
        }));
        Row::new(cells)
    };
    let there = || panels.iter().filter_map(|panel| panel.regret.as_ref().ok());
    let mut notes = vec![sources(analysis)];
    let mut add = |note: String| {
        if !notes.contains(&note) {
            notes.push(note);
        }
    };
    for panel in panels {
        add(format!("{}: {}.", panel.score, panel.score_definition));
        panel.localizers.iter().for_each(|own| add(format!("{}: {}.", own.name, own.definition)));
    }
    let differ = there().zip(there().skip(1)).any(|(one, next)| one.counts != next.counts);
    for panel in panels.iter().filter(|_| differ) {
        if let Ok(regret) = &panel.regret {
            add(format!("{}: {}.", super::row_name(panel), regret.counts.sentence()));
        }
    }
    Table {
        id: format!("regret-of-all-{}", slug(score)),
        title: format!("Regret: {score}"),
        rows: panels.iter().map(row).collect(),
        columns,
        words: 3,
        reading: vec![format!(
            "Best score: at each fact's own best layer. A loss above 0 means that one fixed layer does better than the \
             localizer; as well: the interval is within the margin of {}; either: the interval contains 0 and extends \
             beyond the margin. Intervals at {} % by resampling facts. {}",
            analysis.settings.margin,
            super::fixed(100.0 * analysis.settings.confidence, 0),
            counts(there().map(|regret| &regret.counts))
        )],
        notes,
    }
}

fn short(worth: Worth) -> &'static str {
    match worth {
        Worth::Loses => "loses",
        Worth::Gains => "gains",
        Worth::Same => "as well",
        Worth::Undecided => "either",
    }
}

fn table(analysis: &Analysis, panel: &PanelResults, regret: &Regret) -> Table {
    let shown = |share: &Computed<f64>| Content::computed(share, |share| percent(*share).into());
    let row = |own: &RuleRegret| {
        let usual = own.usual().map(|place| format!("{} ({})", regret.layers[place], percent(own.picks[place])));
        let paired = own.against_fixed.as_ref();
        Row::new(vec![
            own.rule.name().into(),
            Content::count(own.facts),
            Content::computed(&own.score, |score| Content::number(*score, 3)),
            Content::interval(&own.regret, 3),
            shown(&own.best),
            usual.map_or(Content::Empty, Content::from),
            paired.map_or(Content::Empty, |paired| Content::interval(&paired.loss, 3)),
            paired.map_or(Content::Empty, |paired| shown(&paired.better)),
            paired.map_or(Content::Empty, |paired| shown(&paired.worse)),
        ])
    };
    let layers: Vec<String> = regret.layers.iter().map(usize::to_string).collect();
    let reading = format!(
        "Regret: {} at each fact's own best layer ({:.3} on average) minus that at the layer picked. Loss: the score \
         at one fixed layer, chosen on all other facts, minus that at the layer picked. Better and worse: the share of \
         facts where the rule beats that fixed layer, or is beaten. Intervals by resampling facts. A tie is split \
         between its layers. {}. Picked from {}: {}.",
        panel.score,
        regret.best,
        regret.counts.sentence(),
        many(layers.len(), "layer"),
        layers.join(", ")
    );
    let mut notes = vec![sources(analysis), format!("{}: {}.", panel.score, panel.score_definition)];
    notes.extend(panel.localizers.iter().map(|own| format!("{}: {}.", own.name, own.definition)));
    Table {
        id: format!("regret-{}", slug(&panel.title())),
        title: format!("Regret: {}", panel.title()),
        columns: named(&[
            "layer picked by",
            "facts",
            "score",
            "regret",
            "best layer",
            "usual layer",
            "loss",
            "better",
            "worse",
        ]),
        words: 1,
        rows: regret.rules.iter().map(row).collect(),
        reading: vec![reading],
        notes,
    }
}
