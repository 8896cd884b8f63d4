//! Regret by the number of facts.

use super::super::number::slug;
use super::super::svg::{Anchor, Drawing, Figure, Point, Scale};
use super::axes::{legend, series, upwards};
use crate::analysis::PanelResults;
use crate::regret::{CurvePoint, Regret, Rule};

/// Regret of a fixed layer by the number of facts that it was chosen on, beside rules that need none.
pub fn curve(panel: &PanelResults, regret: &Regret) -> Option<Figure> {
    let last = regret.curve.last()?.facts as f64;
    let lines: Vec<(String, f64)> = regret
        .rules
        .iter()
        .filter(|own| matches!(own.rule, Rule::Localizer(_) | Rule::Random))
        .filter_map(|own| Some((own.rule.name(), own.regret.as_ref().ok()?.estimate)))
        .collect();
    let (width, height, left, right, bottom) = (900.0, 360.0, 76.0, 600.0, 300.0);
    let mut drawing = Drawing::new(width, f64::max(height, 60.0 + 54.0 * (lines.len() + 1) as f64));
    let x = Scale::new([0.0, last.max(2.0).ln()].into_iter(), left, right);
    let values = regret.curve.iter().flat_map(|point| [point.low, point.high, 0.0]);
    let y = Scale::new(values.chain(lines.iter().map(|line| line.1)), bottom, 14.0);
    upwards(&mut drawing, y, (left, right), bottom / 2.0, &format!("regret ({})", panel.score));
    for point in &regret.curve {
        let at = x.at((point.facts as f64).ln());
        drawing.words((at, bottom + 18.0), Anchor::Middle, &point.facts.to_string(), "soft");
    }
    let at = |facts: usize, value: f64| (x.at((facts as f64).ln()), y.at(value));
    let line =
        |of: fn(&CurvePoint) -> f64| regret.curve.iter().map(|own| at(own.facts, of(own))).collect::<Vec<Point>>();
    drawing.band(&line(|point| point.low), &line(|point| point.high), series(0));
    drawing.path(&line(|point| point.regret), series(0));
    let beside = right + 20.0;
    let mut next = legend(&mut drawing, (beside, 24.0), "one layer, the best on other facts", series(0), 32);
    for (number, (name, value)) in lines.iter().enumerate() {
        // after five, the colors come again with other dashes
        let dashes = if number + 1 < 5 { "dashed" } else { "dotted" };
        let class = format!("{dashes} {}", series(number + 1).replace("dashed ", ""));
        drawing.line((left, y.at(*value)), (right, y.at(*value)), &format!("thin {class}"));
        next = legend(&mut drawing, (beside, next), name, &class, 32);
    }
    drawing.words(((left + right) / 2.0, bottom + 42.0), Anchor::Middle, "facts that the layer was chosen on", "soft");
    let title = format!("Regret by the number of facts: {}", panel.title());
    Some(Figure { id: format!("facts-{}", slug(&panel.title())), svg: drawing.finish(&title), title })
}
