//! The subset of facts whose trace is concentrated in few layers (table 2 of Hase et al. 2023).

use crate::panel::{Localizer, Panel};
use crate::published::{Published, published};
use crate::rows::Rows;
use crate::unavailable::{Computed, Unavailable};
use serde::Serialize;

/// So many layers besides the largest may reach half of it.
const OTHERS: usize = 3;

/// Whether at most three layers other than the largest reach half of the largest effect.
pub fn is_concentrated(curve: &[f64]) -> bool {
    let Some(largest) = curve.iter().copied().reduce(f64::max) else { return false };
    curve.iter().filter(|effect| **effect >= 0.5 * largest).count() <= OTHERS + 1
}

/// The published row over facts with a concentrated trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Concentrated {
    /// Whether curves over all layers of the model were there; else those of the edited layers decide.
    pub all_layers: bool,
    pub published: Published,
}

/// The published row over facts with a concentrated trace.
///
/// # Errors
///
/// Where no fact is concentrated, and as [`published`].
pub fn concentrated(panel: &Panel, localizer: &Localizer) -> Computed<Concentrated> {
    let is_in = |place: usize| match &localizer.curves {
        Some(curves) => is_concentrated(&curves[place]),
        None => {
            let curve: Option<Vec<f64>> = localizer.effects[place].iter().map(|cell| cell.value()).collect();
            curve.is_some_and(|curve| is_concentrated(&curve))
        }
    };
    let rows = Rows::of(panel, localizer, is_in);
    if rows.scores.is_empty() {
        return Err(Unavailable::NoneConcentrated);
    }
    Ok(Concentrated { all_layers: localizer.curves.is_some(), published: published(&rows)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_others_may_reach_half() {
        assert!(is_concentrated(&[1.0, 0.5, 0.5, 0.5, 0.1]));
        assert!(!is_concentrated(&[1.0, 0.5, 0.5, 0.5, 0.5, 0.1]));
        assert!(!is_concentrated(&[0.0; 9]), "a trace of nothing is at no place");
        assert!(!is_concentrated(&[]));
    }
}
