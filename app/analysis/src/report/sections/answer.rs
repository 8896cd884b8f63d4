//! The answer: what picking the layer by a localizer is worth, in sentences and one figure for each score.

use super::super::figures;
use super::{Section, scores};
use crate::analysis::{Analysis, LocalizerResults, PanelResults};
use crate::report::Part;
use crate::verdict::Worth;
use crate::words::{many, spoken};

/// So many sentences at most stand before everything else; more are counted first, and folded.
const SENTENCES: usize = 6;
/// What stands there where nothing picks a layer.
const NOTHING: &str = "No answer: there are no effects of a localizer. Name one or more in the grid (`[[localizers]]`); \
                       `locus sweep status` tells why those that it names have none.";

/// The sentences of the first score and its figure; the other scores are counted, and folded.
pub fn section(analysis: &Analysis) -> Section {
    let mut all = scores(analysis).into_iter();
    let margin = analysis.settings.margin;
    let (score, panels) = all.next().unwrap_or_default();
    let sentences = sentences(&panels);
    let others = all.map(|(score, panels)| Part {
        text: counted(score, &panels),
        figures: figures::loss(score, &panels, margin),
        ..Part::new(format!("The answer by {score}"), true)
    });
    Section {
        id: "answer",
        title: "The answer",
        text: match sentences.len() {
            0 => vec![NOTHING.to_owned()],
            1..=SENTENCES => sentences,
            _ => counted(score, &panels),
        },
        lead: true,
        tables: Vec::new(),
        figures: figures::loss(score, &panels, margin),
        parts: others.collect(),
        code: None,
    }
}

/// Every verdict in a sentence.
pub fn every_verdict(analysis: &Analysis) -> Section {
    let of_score =
        |(score, panels): (&str, Vec<&PanelResults>)| Part { text: sentences(&panels), ..Part::new(score, true) };
    Section {
        id: "verdicts",
        title: "Every verdict in a sentence",
        text: Vec::new(),
        lead: false,
        tables: Vec::new(),
        figures: Vec::new(),
        parts: scores(analysis).into_iter().map(of_score).collect(),
        code: None,
    }
}

fn sentences(panels: &[&PanelResults]) -> Vec<String> {
    let all = panels.iter().flat_map(|panel| panel.localizers.iter().map(move |own| (panel, own)));
    let said = |(panel, own): (&&PanelResults, &LocalizerResults)| match &own.verdict {
        Ok(verdict) => verdict.sentence.clone(),
        Err(reason) => format!("{}, {}: no verdict, {reason}.", panel.title(), own.name),
    };
    all.map(said).collect()
}

/// For each localizer, with how many methods and objectives it loses, does as well, or gains.
fn counted(score: &str, panels: &[&PanelResults]) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for own in panels.iter().flat_map(|panel| &panel.localizers) {
        if !names.contains(&own.name.as_str()) {
            names.push(&own.name);
        }
    }
    let of = |name: &&str| {
        let own: Vec<_> =
            panels.iter().filter_map(|panel| panel.localizers.iter().find(|own| own.name == *name)).collect();
        let all = own.len();
        let verdicts: Vec<_> = own.into_iter().filter_map(|own| own.verdict.as_ref().ok()).collect();
        let with = |worth: Worth| verdicts.iter().filter(|verdict| verdict.worth == worth).count();
        let mut ways: Vec<String> = [
            (Worth::Loses, "loses against one fixed layer"),
            (Worth::Same, "does as well as one fixed layer"),
            (Worth::Gains, "gains over one fixed layer"),
            (Worth::Undecided, "may be better or worse than one fixed layer"),
        ]
        .into_iter()
        .filter(|(worth, _)| with(*worth) > 0)
        .map(|(worth, way)| format!("{way} for {}", with(worth)))
        .collect();
        if verdicts.len() < all {
            ways.push(format!("has no verdict for {}", all - verdicts.len()));
        }
        // "one fixed layer" is named once
        ways.iter_mut().skip(1).for_each(|way| {
            *way = ["against", "as", "over", "than"]
                .iter()
                .fold(way.clone(), |text, word| text.replace(&format!(" {word} one fixed layer"), ""));
        });
        let facts = || verdicts.iter().map(|verdict| verdict.facts);
        let facts = match (facts().min(), facts().max()) {
            (Some(least), Some(most)) if least < most => format!(" ({least} to {})", many(most, "fact")),
            (_, Some(most)) => format!(" ({})", many(most, "fact")),
            _ => String::new(),
        };
        let losses: Vec<f64> = verdicts.iter().map(|verdict| verdict.loss.estimate).collect();
        let range = losses.iter().copied().reduce(f64::min).zip(losses.iter().copied().reduce(f64::max));
        let range = range.map_or(String::new(), |(least, most)| {
            let [least, most] = [least, most].map(|loss| super::fixed(loss, 2));
            format!("; the loss is between {least} and {most}")
        });
        format!(
            "By {}, picking the layer by {name} {} of {} of method and objective{range}{facts}.",
            spoken(score),
            ways.join(", "),
            many(all, "pair")
        )
    };
    names.iter().map(of).collect()
}
