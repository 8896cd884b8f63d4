//! How many facts it takes to choose a fixed layer.

use super::{expected, largest};
use crate::distributions::quantile;
use crate::randomness::{generator, shuffled};
use crate::settings::Settings;
use serde::Serialize;

/// Regret of a fixed layer that was chosen on so many facts, on the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    pub facts: usize,
    /// Mean regret over subsets of so many facts.
    pub regret: f64,
    /// Bounds over subsets, at the confidence of the settings.
    pub low: f64,
    pub high: f64,
}

/// Numbers of facts in the steps of Fibonacci, up to half of all: the other half is asked.
fn sizes(facts: usize) -> Vec<usize> {
    let mut steps = vec![1, 2];
    while let [.., one, two] = steps[..]
        && one + two <= facts / 2
    {
        steps.push(one + two);
    }
    steps.retain(|size| *size <= facts / 2);
    steps
}

/// Chooses a layer on random subsets of each size. `scores` is `[fact][layer]`, `best` the largest of each fact.
pub(super) fn curve(scores: &[Vec<f64>], best: &[f64], settings: &Settings, title: &str) -> Vec<CurvePoint> {
    let mut draws = generator(settings.seed, &[title, "curve"]);
    let layers = scores.first().map_or(0, Vec::len);
    let point = |size: usize| {
        let mut lost: Vec<f64> = (0..settings.subsets)
            .map(|_| {
                let order = shuffled(scores.len(), &mut draws);
                let (chosen, rest) = order.split_at(size);
                let sum = |layer: usize| chosen.iter().map(|fact| scores[*fact][layer]).sum::<f64>();
                let picks = largest(&(0..layers).map(|layer| sum(layer) / size as f64).collect::<Vec<f64>>());
                let lost = |fact: &usize| (best[*fact] - expected(&picks, &scores[*fact])).max(0.0);
                rest.iter().map(lost).sum::<f64>() / rest.len() as f64
            })
            .collect();
        lost.sort_by(f64::total_cmp);
        let tail = (1.0 - settings.confidence) / 2.0;
        let bounds = quantile(&lost, tail).zip(quantile(&lost, 1.0 - tail));
        let mean = lost.iter().sum::<f64>() / lost.len().max(1) as f64;
        let (low, high) = bounds.unwrap_or((mean, mean));
        CurvePoint { facts: size, regret: mean, low, high }
    };
    sizes(scores.len()).into_iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_rise_and_leave_half_to_ask() {
        assert_eq!(super::sizes(17), [1, 2, 3, 5, 8]);
        assert_eq!(super::sizes(2), [1]);
        assert_eq!(super::sizes(5), [1, 2]);
    }
}
