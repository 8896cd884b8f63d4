//! Regret of each rule on one panel.

use super::super::number::slug;
use super::super::svg::{Anchor, Drawing, Figure, Scale};
use super::axes::{across, name};
use crate::analysis::PanelResults;
use crate::regret::Regret;

/// Each rule's regret with its interval.
pub fn rules(panel: &PanelResults, regret: &Regret) -> Option<Figure> {
    let rows: Vec<_> =
        regret.rules.iter().filter_map(|own| Some((own.rule.name(), *own.regret.as_ref().ok()?))).collect();
    if rows.is_empty() {
        return None;
    }
    let (left, width, step) = (380.0, 900.0, 34.0);
    let bottom = 14.0 + step * rows.len() as f64;
    let mut drawing = Drawing::new(width, bottom + 52.0);
    let values = rows.iter().flat_map(|(_, own)| [own.low, own.high, 0.0]);
    let scale = Scale::new(values, left, width - 20.0);
    across(&mut drawing, scale, 5.0, 10.0, bottom);
    drawing.line((scale.at(0.0), 10.0), (scale.at(0.0), bottom), "axis");
    for (place, (rule, own)) in rows.iter().enumerate() {
        let y = 12.0 + step * (place as f64 + 0.5);
        name(&mut drawing, (left - 14.0, y), rule, 50);
        drawing.line((scale.at(own.low), y), (scale.at(own.high), y), "thin s0");
        drawing.dot((scale.at(own.estimate), y), "s0");
    }
    let axis = format!("regret ({}); 0 is each fact's own best layer", panel.score);
    drawing.words(((left + width) / 2.0, bottom + 42.0), Anchor::Middle, &axis, "soft");
    let title = format!("Regret in {}: {}", panel.score, panel.title());
    Some(Figure { id: format!("rules-{}", slug(&panel.title())), svg: drawing.finish(&title), title })
}
