//! What is plotted: one curve for each variant of the selected fact, or for the last edit.

use super::kind::PlotKind;
use crate::looks::Curve;
use crate::state::{EditView, State};
use locus_protocol::TraceKind;

/// All curves of the chosen plot that have a point.
pub fn curves(kind: PlotKind, state: &State) -> Vec<Curve> {
    if kind == PlotKind::Terms {
        return terms(state);
    }
    let mut curves = Vec::new();
    if kind == PlotKind::TraceAndEdit {
        curves.extend(trace(state));
    }
    let names: Vec<_> = state.compare.variants.list.iter().map(|v| v.names(&state.engine)).collect();
    let alike = |part: fn(&(String, String)) -> &String| names.iter().all(|name| part(name) == part(&names[0]));
    let (same_method, same_objective) = (alike(|name| &name.0), alike(|name| &name.1));
    for (variant, (method, objective)) in state.compare.variants.list.iter().zip(&names) {
        let Some(attempt) = state.attempt_of(variant) else { continue };
        // what tells them apart is enough
        let name = match (same_method, same_objective) {
            (false, true) => method.clone(),
            (true, false) => objective.clone(),
            _ => format!("{method}, {objective}"),
        };
        let style = state.theme().variant(variant.letter);
        curves.push(Curve::new(variant.letter, name, style, points(kind, &attempt.view)));
    }
    let has_variants = curves.iter().any(|curve| curve.letter != 'T');
    if !has_variants
        && let Some(view) = state.edits.shown()
        && state.fact().is_none_or(|fact| *fact == view.order.fact)
    {
        let name = format!("{}, {}", view.order.method, view.order.objective);
        curves.push(Curve::new('E', name, state.theme().accent(), points(kind, view)));
    }
    curves.retain(|curve| curve.points.iter().any(|(_, value)| value.is_finite()));
    curves
}

/// Whose terms are plotted: the selected variant's, or the last edit's.
pub fn of_terms(state: &State) -> Option<(char, &EditView)> {
    let variant = state.compare.variants.selected();
    let attempt = variant.and_then(|variant| Some((variant.letter, &state.attempt_of(variant)?.view)));
    let fact = state.fact();
    attempt.or_else(|| {
        let view = state.edits.shown().filter(|view| fact.is_none_or(|fact| *fact == view.order.fact))?;
        Some(('E', view))
    })
}

/// One curve for each term of the loss, numbered; the total comes first.
fn terms(state: &State) -> Vec<Curve> {
    let Some((_, view)) = of_terms(state) else { return Vec::new() };
    let total = view.terms.get_key_value("loss");
    let others = view.terms.iter().filter(|(name, _)| *name != "loss");
    let curve = |(number, (name, values)): (usize, (&String, &Vec<f64>))| {
        let letter = char::from_digit(u32::try_from(number % 10).unwrap_or(0), 10).unwrap_or('?');
        let style = state.theme().variant(['A', 'B', 'C', 'D'][number % 4]);
        let points = values.iter().enumerate().map(|(step, value)| (place(step), *value)).collect();
        Curve::new(letter, name.clone(), style, points)
    };
    total.into_iter().chain(others).enumerate().map(curve).collect()
}

fn trace(state: &State) -> Option<Curve> {
    let trace = state.traces.of(state.fact()?, TraceKind::Hidden)?;
    let token = trace.last_subject_token()?;
    let points = (0..state.layers()).filter_map(|layer| Some((place(layer), trace.effect(token, layer)?))).collect();
    Some(Curve::new('T', "trace".to_owned(), state.theme().heading(), points))
}

fn points(kind: PlotKind, view: &EditView) -> Vec<(f64, f64)> {
    let by_layer = |value: &dyn Fn(&locus_protocol::LayerRow) -> Option<f64>| {
        view.rows.iter().filter_map(|row| Some((place(row.layer), value(row)?))).collect()
    };
    match kind {
        PlotKind::Loss | PlotKind::Terms => {
            view.history().iter().enumerate().map(|(step, loss)| (place(step), *loss)).collect()
        }
        PlotKind::New => by_layer(&|row| Some(row.probability_new)),
        PlotKind::True => by_layer(&|row| Some(row.probability_true)),
        PlotKind::TraceAndEdit => {
            by_layer(&|row| Some(row.probability_new - view.row_before(row.layer)?.probability_new))
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "steps and layers are small numbers")]
fn place(index: usize) -> f64 {
    index as f64
}
