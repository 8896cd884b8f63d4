//! What a table of many layers needs: numbers that say something, and the rows where something changes.

use crate::looks::window_start;

/// Below this a probability is shown as one of many that are alike.
const ALIKE: f64 = 1e-9;
/// Change of a probability that is one.
const CHANGE: f64 = 0.01;

/// Whether so many of the values of a column look alike that their logarithms say more.
pub fn needs_logarithms(values: &[f64]) -> bool {
    let alike = values.iter().filter(|value| **value < ALIKE).count();
    !values.is_empty() && alike * 2 >= values.len()
}

/// The natural logarithm of a probability; one that was too small for float32 has none.
pub fn logarithm(value: f64) -> String {
    written(if value <= 0.0 { f64::NEG_INFINITY } else { value.ln() })
}

/// A natural logarithm that was taken already.
pub fn written(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::NEG_INFINITY => "<-103".to_owned(),
        // no minus sign before a zero
        value => format!("{:.1}", value.min(0.0) + 0.0),
    }
}

/// The first row of a window that has the cursor in it and, of those, as many rows that change as can be; in doubt the one
/// that keeps the cursor in its middle.
pub fn window(cursor: usize, rows: usize, changes: &[Option<f64>]) -> usize {
    let total = changes.len();
    let middle = window_start(cursor, rows, total);
    let first = (cursor + 1).saturating_sub(rows);
    let last = cursor.min(total.saturating_sub(rows));
    let changing = |start: usize| {
        let shown = changes.iter().skip(start).take(rows);
        shown.flatten().filter(|change| change.abs() >= CHANGE).count()
    };
    (first..=last).max_by_key(|start| (changing(*start), std::cmp::Reverse(start.abs_diff(middle)))).unwrap_or(middle)
}

#[cfg(test)]
mod tests {
    use super::{logarithm, needs_logarithms, window};

    #[test]
    fn a_wall_of_small_probabilities_is_told_by_logarithms() {
        assert!(needs_logarithms(&[1e-12, 1e-11, 1e-10, 0.9]) && !needs_logarithms(&[1e-12, 1e-3, 1e-3]));
        assert!(!needs_logarithms(&[]));
        assert_eq!([1e-12, 0.5, 1.0, 0.0, f64::NAN].map(logarithm), ["-27.6", "-0.7", "0.0", "<-103", "NaN"]);
    }

    #[test]
    fn a_window_has_the_cursor_and_the_rows_that_change() {
        let changes: Vec<Option<f64>> = (0..30).map(|layer| Some(if layer >= 26 { 0.3 } else { 0.0 })).collect();
        assert_eq!(window(7, 12, &changes), 1, "none is near: the cursor is in the middle");
        assert_eq!(window(20, 12, &changes), 18, "the last rows change");
        assert_eq!(window(29, 12, &changes), 18);
        let none: Vec<Option<f64>> = vec![None; 30];
        for (rows, cursor) in (1..31).flat_map(|rows| (0..30).map(move |cursor| (rows, cursor))) {
            for changes in [&changes, &none] {
                let start = window(cursor, rows, changes);
                assert!(start <= cursor && cursor < start + rows && start + rows <= 30, "{cursor} {rows} {start}");
            }
        }
    }
}
