//! Scores and effects by layer.

use super::super::number::slug;
use super::super::svg::{Anchor, Drawing, Figure, Point, Scale};
use super::axes::{layer_numbers, legend, series, upwards};
use crate::analysis::PanelResults;
use crate::profile::LayerProfile;

/// Mean score by layer, and below it the mean effect of each localizer as a share of its largest.
pub fn layers(panel: &PanelResults) -> Option<Figure> {
    let there: Vec<_> = panel.localizers.iter().filter(|own| !own.profile.is_empty()).collect();
    let longest = there.iter().max_by_key(|own| own.profile.len())?;
    let numbers: Vec<usize> = longest.profile.iter().map(|own| own.layer).collect();
    let (first, last) = (*numbers.first()? as f64, *numbers.last()? as f64);
    let (width, left, right) = (900.0, 76.0, 600.0);
    let (upper, lower) = ((14.0, 190.0), (224.0, 400.0));
    let below = lower.0 + 20.0 + 54.0 * there.len() as f64;
    let mut drawing = Drawing::new(width, (lower.1 + 54.0_f64).max(below));
    let x = Scale::new([first, last].into_iter(), left, right);
    let points = |profile: &[LayerProfile], y: Scale, of: &dyn Fn(&LayerProfile) -> f64| -> Vec<Point> {
        profile.iter().map(|own| (x.at(own.layer as f64), y.at(of(own)))).collect()
    };
    let curve = |points: Vec<Point>, class: &str, drawing: &mut Drawing| {
        drawing.path(&points, class);
        let color = class.replace("dashed ", "");
        points.iter().for_each(|point| drawing.dot(*point, &color));
    };
    let scores = Scale::new(longest.profile.iter().map(|own| own.score).chain([0.0]), upper.1, upper.0);
    upwards(&mut drawing, scores, (left, right), (upper.0 + upper.1) / 2.0, "mean score");
    curve(points(&longest.profile, scores, &|own| own.score), series(0), &mut drawing);
    legend(&mut drawing, (right + 20.0, upper.0 + 10.0), &panel.score, series(0), 32);
    let largest = |profile: &[LayerProfile]| {
        let largest = profile.iter().map(|own| own.effect.abs()).fold(0.0, f64::max);
        if largest > 0.0 { largest } else { 1.0 }
    };
    let shares = there.iter().flat_map(|own| own.profile.iter().map(|at| at.effect / largest(&own.profile)));
    let effects = Scale::new(shares.chain([0.0]), lower.1, lower.0);
    upwards(&mut drawing, effects, (left, right), (lower.0 + lower.1) / 2.0, "mean effect, of its largest");
    let mut next = lower.0 + 10.0;
    for (number, own) in there.iter().enumerate() {
        let (class, unit) = (series(number + 1), largest(&own.profile));
        curve(points(&own.profile, effects, &|at| at.effect / unit), class, &mut drawing);
        next = legend(&mut drawing, (right + 20.0, next), &own.name, class, 32);
    }
    layer_numbers(&mut drawing, &numbers, x, lower.1);
    drawing.words(((left + right) / 2.0, lower.1 + 42.0), Anchor::Middle, "layer of the edit", "soft");
    let title = format!("Means by layer: {}", panel.title());
    Some(Figure { id: format!("layers-{}", slug(&panel.title())), svg: drawing.finish(&title), title })
}
