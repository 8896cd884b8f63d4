//! First-order attribution: the heat map of a causal trace estimated from one gradient (attribution patching, Nanda
//! 2023; Syed et al. 2023).

use super::causal_trace::states;
use super::corruption::{Corruption, SETTINGS};
use super::{Asked, Found, Listen, Localizer};
use crate::error::Result;
use crate::trace::preview;
use std::collections::BTreeMap;

pub const LOCALIZER: Localizer = Localizer {
    kind: "attribution",
    about: "the causal trace's effect, estimated to first order from one gradient",
    settings: &[
        ("states", "mlp, hidden or attention: what is restored; mlp"),
        ("window", "layers that are restored together around each; 5, and 1 for hidden states"),
        SETTINGS[0],
        SETTINGS[1],
        SETTINGS[2],
        SETTINGS[3],
    ],
    find,
};

fn find(asked: &Asked<'_>, listen: Listen<'_>) -> Result<Found> {
    let (kind, window) = states(asked)?;
    let corruption = Corruption::of(asked)?;
    let draws = corruption.count(asked)?.max(1);
    listen()?;
    let runs = corruption.runs(asked, &asked.fact.target_true, 0..draws)?;
    let map = preview(asked.model, &runs, kind, window)?;
    let layers = asked.model.architecture.layers;
    let most = |layer: usize| map.iter().map(|row| row[layer]).fold(f64::NEG_INFINITY, f64::max);
    let effects = (0..layers).map(|layer| most(layer) - runs.corrupted_score).collect();
    let (clean, corrupted) = (runs.clean.score, runs.corrupted_score);
    let numbers = BTreeMap::from([("clean".to_owned(), clean), ("corrupted".to_owned(), corrupted)]);
    Ok(Found { effects, halves: Vec::new(), numbers })
}
