//! Cross-validation that holds out whole facts: what the regressions say about facts that they have not seen.

use crate::bootstrap::{Interval, LEAST_FACTS, interval};
use crate::randomness::{generator, shuffled};
use crate::rows::Rows;
use crate::settings::Settings;
use crate::sums::{LayerSums, Sums};
use crate::unavailable::{Computed, Unavailable};
use rand::Rng;
use serde::Serialize;

/// R² on held-out facts, against the mean of the other facts. It can be below 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeldOut {
    pub folds: usize,
    pub layer: f64,
    pub trace: f64,
    pub both: f64,
    /// Both less layer, with its interval over facts (the fitted regressions stay as they are).
    #[serde(with = "crate::computed")]
    pub difference: Computed<Interval>,
}

/// Squared errors of one fact.
#[derive(Clone, Copy, Debug, Default)]
struct Loss {
    mean: f64,
    layer: f64,
    trace: f64,
    both: f64,
}

/// Fits the regressions without each fold of facts and asks them about it.
///
/// # Errors
///
/// Where there are fewer than five facts or two layers, or no variance of the score.
pub fn held_out(rows: &Rows, settings: &Settings, names: &[&str]) -> Computed<HeldOut> {
    let sums = Sums::new(rows);
    let all = sums.all();
    sums.models(&all)?;
    let facts = sums.facts();
    if facts < LEAST_FACTS {
        return Err(Unavailable::TooFewFacts { have: facts, need: LEAST_FACTS });
    }
    let folds = settings.folds.min(facts);
    let mut draws = generator(settings.seed, &[names, &["held out"]].concat());
    let order = shuffled(facts, &mut draws);
    let mut losses = vec![Loss::default(); facts];
    for fold in 0..folds {
        let held: Vec<usize> = order.iter().copied().skip(fold).step_by(folds).collect();
        let own = sums.of(held.iter().map(|fact| (*fact, 1.0)));
        let others: Vec<LayerSums> = all.iter().zip(&own).map(|(all, own)| all.without(own)).collect();
        held.iter().for_each(|fact| losses[*fact] = loss(&sums, &others, *fact));
    }
    let total = |of: fn(&Loss) -> f64| losses.iter().map(of).sum::<f64>();
    let mean = total(|loss| loss.mean);
    if mean <= 0.0 {
        return Err(Unavailable::AllScoresEqual);
    }
    let gained = |times: &dyn Fn(usize) -> f64| {
        let sum =
            |of: fn(&Loss) -> f64| losses.iter().enumerate().map(|(fact, loss)| times(fact) * of(loss)).sum::<f64>();
        let whole = sum(|loss| loss.mean);
        (whole > 0.0).then(|| sum(|loss| loss.layer - loss.both) / whole)
    };
    let resamples = (0..settings.resamples).map(|_| {
        let mut times = vec![0.0; facts];
        (0..facts).for_each(|_| times[draws.random_range(0..facts)] += 1.0);
        gained(&|fact| times[fact])
    });
    let resamples = resamples.collect();
    Ok(HeldOut {
        folds,
        layer: 1.0 - total(|loss| loss.layer) / mean,
        trace: 1.0 - total(|loss| loss.trace) / mean,
        both: 1.0 - total(|loss| loss.both) / mean,
        difference: interval(gained(&|_| 1.0).unwrap_or_default(), resamples, settings.confidence),
    })
}

/// Errors on one fact of regressions on others. A layer that no other fact has is expected at the mean.
fn loss(sums: &Sums, others: &[LayerSums], fact: usize) -> Loss {
    let (line, mean, _) = sums.pooled(others);
    let mut loss = Loss::default();
    for (layer, score, effect) in sums.rows_of(fact) {
        let square = |expected: f64| (score - expected) * (score - expected);
        loss.mean += square(mean);
        loss.layer += square(sums.level(layer, &others[layer]).unwrap_or(mean));
        loss.trace += square(line.as_ref().map_or(mean, |line| line.at(effect)));
        loss.both += square(sums.line(layer, &others[layer]).map_or(mean, |line| line.at(effect)));
    }
    loss
}
