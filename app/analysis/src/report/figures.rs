//! The figures: regret of each rule, regret by number of facts, and how scores and effects go over the layers.

use super::number::slug;
use super::svg::{Anchor, Drawing, Figure, Point, Scale};
use crate::analysis::{LocalizerResults, PanelResults};
use crate::regret::{Regret, Rule};

/// Series have one of five colors.
fn series(number: usize) -> &'static str {
    ["s0", "s1", "s2", "s3", "s4"][number % 5]
}

/// Each rule's regret with its interval.
pub fn forest(panel: &PanelResults, regret: &Regret) -> Option<Figure> {
    let rows: Vec<_> =
        regret.rules.iter().filter_map(|own| Some((own.rule.name(), *own.regret.as_ref().ok()?))).collect();
    if rows.is_empty() {
        return None;
    }
    let (left, width, step) = (400.0, 820.0, 28.0);
    let bottom = 20.0 + step * rows.len() as f64;
    let mut drawing = Drawing::new(width, bottom + 50.0);
    let values = rows.iter().flat_map(|(_, own)| [own.low, own.high, 0.0]);
    let scale = Scale::new(values, left, width - 20.0);
    across(&mut drawing, scale, 10.0, bottom);
    drawing.line((scale.at(0.0), 10.0), (scale.at(0.0), bottom), "axis");
    for (place, (name, own)) in rows.iter().enumerate() {
        let y = 24.0 + step * place as f64;
        let class = format!("thin {}", series(0));
        drawing.words((left - 14.0, y + 4.0), Anchor::End, &shortened(name, 60), "");
        drawing.line((scale.at(own.low), y), (scale.at(own.high), y), &class);
        drawing.dot((scale.at(own.estimate), y), series(0));
    }
    let title = format!("Regret in {}: {}", panel.score, panel.title());
    drawing.words(((left + width) / 2.0, bottom + 40.0), Anchor::Middle, &format!("regret ({})", panel.score), "soft");
    Some(Figure { id: format!("regret-{}", slug(&panel.title())), svg: drawing.finish(&title), title })
}

/// Regret of a fixed layer by the number of facts that it was chosen on, beside rules that need none.
pub fn curve(panel: &PanelResults, regret: &Regret) -> Option<Figure> {
    let last = regret.curve.last()?.facts as f64;
    let lines: Vec<(String, f64)> = regret
        .rules
        .iter()
        .filter(|own| matches!(own.rule, Rule::Localizer(_) | Rule::Random))
        .filter_map(|own| Some((own.rule.name(), own.regret.as_ref().ok()?.estimate)))
        .collect();
    let (width, height, left, right, bottom) = (820.0, 360.0, 60.0, 560.0, 300.0);
    let mut drawing = Drawing::new(width, height);
    let x = Scale::new([0.0, last.max(2.0).ln()].into_iter(), left, right);
    let values = regret.curve.iter().flat_map(|point| [point.low, point.high, 0.0]);
    let y = Scale::new(values.chain(lines.iter().map(|line| line.1)), bottom, 14.0);
    upwards(&mut drawing, y, left, right);
    for point in &regret.curve {
        let at = x.at((point.facts as f64).ln());
        drawing.words((at, bottom + 18.0), Anchor::Middle, &point.facts.to_string(), "soft");
    }
    let at = |facts: usize, value: f64| (x.at((facts as f64).ln()), y.at(value));
    let line = |of: fn(&crate::regret::CurvePoint) -> f64| {
        regret.curve.iter().map(|point| at(point.facts, of(point))).collect::<Vec<Point>>()
    };
    drawing.band(&line(|point| point.low), &line(|point| point.high), series(0));
    drawing.path(&line(|point| point.regret), series(0));
    legend(&mut drawing, right + 16.0, 0, "one layer, the best on other facts", "");
    for (number, (name, value)) in lines.iter().enumerate() {
        let class = format!("thin dashed {}", series(number + 1));
        drawing.line((left, y.at(*value)), (right, y.at(*value)), &class);
        legend(&mut drawing, right + 16.0, number + 1, name, " dashed");
    }
    drawing.words(((left + right) / 2.0, bottom + 42.0), Anchor::Middle, "facts that the layer was chosen on", "soft");
    let title = format!("Regret by the number of facts: {}", panel.title());
    Some(Figure { id: format!("facts-{}", slug(&panel.title())), svg: drawing.finish(&title), title })
}

/// Mean score and mean effect by layer.
pub fn layers(panel: &PanelResults, localizer: &LocalizerResults) -> Option<Figure> {
    let profile = &localizer.profile;
    let (first, last) = (profile.first()?.layer as f64, profile.last()?.layer as f64);
    let (width, height, left, right, bottom) = (820.0, 340.0, 60.0, 560.0, 280.0);
    let mut drawing = Drawing::new(width, height);
    let x = Scale::new([first, last].into_iter(), left, right);
    let y = Scale::new(profile.iter().flat_map(|own| [own.score, own.effect, 0.0]), bottom, 14.0);
    upwards(&mut drawing, y, left, right);
    for own in profile {
        drawing.words((x.at(own.layer as f64), bottom + 18.0), Anchor::Middle, &own.layer.to_string(), "soft");
    }
    let names = [panel.score.as_str(), localizer.name.as_str()];
    for (number, name) in names.into_iter().enumerate() {
        let value = |own: &crate::profile::LayerProfile| if number == 0 { own.score } else { own.effect };
        let points: Vec<Point> = profile.iter().map(|own| (x.at(own.layer as f64), y.at(value(own)))).collect();
        drawing.path(&points, series(number));
        points.iter().for_each(|point| drawing.dot(*point, series(number)));
        legend(&mut drawing, right + 16.0, number, name, "");
    }
    drawing.words(((left + right) / 2.0, bottom + 42.0), Anchor::Middle, "layer of the edit", "soft");
    let title = format!("Means by layer: {}, {}", panel.title(), localizer.name);
    let id = format!("layers-{}-{}", slug(&panel.title()), slug(&localizer.name));
    Some(Figure { id, svg: drawing.finish(&title), title })
}

/// Rules and numbers of an axis from left to right.
fn across(drawing: &mut Drawing, scale: Scale, top: f64, bottom: f64) {
    let (ticks, digits) = scale.ticks();
    for tick in ticks {
        let x = scale.at(tick);
        drawing.line((x, top), (x, bottom), "rule");
        drawing.words((x, bottom + 18.0), Anchor::Middle, &super::number::fixed(tick, digits), "soft");
    }
}

/// Rules and numbers of an axis upwards.
fn upwards(drawing: &mut Drawing, scale: Scale, left: f64, right: f64) {
    let (ticks, digits) = scale.ticks();
    for tick in ticks {
        let y = scale.at(tick);
        drawing.line((left, y), (right, y), "rule");
        drawing.words((left - 8.0, y + 4.0), Anchor::End, &super::number::fixed(tick, digits), "soft");
    }
}

fn legend(drawing: &mut Drawing, x: f64, number: usize, name: &str, style: &str) {
    let y = 24.0 + 22.0 * number as f64;
    drawing.line((x, y), (x + 22.0, y), &format!("thin {}{style}", series(number)));
    drawing.words((x + 28.0, y + 4.0), Anchor::Start, &shortened(name, 36), "");
}

/// So many letters at most.
fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters - 1).chain(['…']).collect()
}
