//! Sums over the rows of a layer, from which all three published regressions follow in closed form. Facts can be
//! weighted, so that a resample or a fold costs one pass.

use crate::rows::Rows;
use crate::unavailable::{Computed, Unavailable};

/// A layer whose spread of effects is below this share of the spread of all has the same effect for all facts.
const CONSTANT: f64 = 1e-20;
/// What rounding leaves of a sum of squares that cancels.
const CANCELED: f64 = 1e-12;

/// Sums of one layer, of scores and effects less the layer's means over all rows (so that little cancels).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerSums {
    rows: f64,
    score: f64,
    effect: f64,
    score_score: f64,
    effect_effect: f64,
    score_effect: f64,
}

impl LayerSums {
    fn add(&mut self, weight: f64, score: f64, effect: f64) {
        self.rows += weight;
        self.score += weight * score;
        self.effect += weight * effect;
        self.score_score += weight * score * score;
        self.effect_effect += weight * effect * effect;
        self.score_effect += weight * score * effect;
    }

    /// The sums without the rows of `other`, which must be among them.
    pub fn without(&self, other: &Self) -> Self {
        Self {
            rows: self.rows - other.rows,
            score: self.score - other.score,
            effect: self.effect - other.effect,
            score_score: self.score_score - other.score_score,
            effect_effect: self.effect_effect - other.effect_effect,
            score_effect: self.score_effect - other.score_effect,
        }
    }
}

/// A least-squares line: score = intercept + slope × effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub intercept: f64,
    pub slope: f64,
}

impl Line {
    /// The score that it expects.
    pub fn at(&self, effect: f64) -> f64 {
        self.intercept + self.slope * effect
    }
}

/// What the three regressions leave over.
#[derive(Clone, Debug, PartialEq)]
pub struct Models {
    /// Sum of the rows' weights: their number, if all weigh 1.
    pub rows: f64,
    /// Layers with a row.
    pub layers: usize,
    /// Layers where effects differ between facts.
    pub varying: usize,
    /// Sum of squares about the mean of all scores.
    pub total: f64,
    /// Left by the layer alone.
    pub left_by_layer: f64,
    /// Left by the effect alone.
    pub left_by_trace: Computed<f64>,
    /// Left by layer, effect and their interaction.
    pub left_by_both: f64,
    /// Slope of the effect alone, over all rows.
    pub slope: Computed<f64>,
}

impl Models {
    /// Explained by the layer.
    pub fn layer(&self) -> f64 {
        1.0 - self.left_by_layer / self.total
    }

    /// Explained by the effect alone.
    ///
    /// # Errors
    ///
    /// Where all effects are equal.
    pub fn trace(&self) -> Computed<f64> {
        self.left_by_trace.clone().map(|left| 1.0 - left / self.total)
    }

    /// Explained by layer and effect with their interaction.
    pub fn both(&self) -> f64 {
        1.0 - self.left_by_both / self.total
    }

    /// What the effect explains beyond the layer.
    pub fn difference(&self) -> f64 {
        (self.left_by_layer - self.left_by_both) / self.total
    }
}

/// Rows with their layer's means taken off.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums {
    /// `[fact]`: layer, score and effect of each row.
    facts: Vec<Vec<(usize, f64, f64)>>,
    /// `[layer]`: the mean score that was taken off.
    mean_score: Vec<f64>,
    /// `[layer]`: the mean effect that was taken off.
    mean_effect: Vec<f64>,
    /// Sums of squares over all rows with weight 1.
    total_score: f64,
    total_effect: f64,
}

impl Sums {
    /// Takes off the means.
    pub fn new(rows: &Rows) -> Self {
        let layers = rows.centers.len();
        let mean = |values: &[f64]| {
            let mut sums = vec![(0.0, 0.0); layers];
            for (layer, value) in rows.layers.iter().zip(values) {
                sums[*layer].0 += value;
                sums[*layer].1 += 1.0;
            }
            sums.into_iter().map(|(sum, count): (f64, f64)| sum / count.max(1.0)).collect::<Vec<f64>>()
        };
        let (mean_score, mean_effect) = (mean(&rows.scores), mean(&rows.effects));
        let row = |row: &usize| {
            let layer = rows.layers[*row];
            (layer, rows.scores[*row] - mean_score[layer], rows.effects[*row] - mean_effect[layer])
        };
        let facts = rows.by_fact().iter().map(|own| own.iter().map(row).collect()).collect();
        let (total_score, total_effect) = (squares(&rows.scores), squares(&rows.effects));
        Self { facts, mean_score, mean_effect, total_score, total_effect }
    }

    /// How many facts there are.
    pub fn facts(&self) -> usize {
        self.facts.len()
    }

    /// Rows of one fact: layer, score and effect, as they were.
    pub fn rows_of(&self, fact: usize) -> impl Iterator<Item = (usize, f64, f64)> {
        let whole = |(layer, score, effect): &(usize, f64, f64)| {
            (*layer, score + self.mean_score[*layer], effect + self.mean_effect[*layer])
        };
        self.facts[fact].iter().map(whole)
    }

    /// Sums of each layer over some facts, each with its weight.
    pub fn of(&self, facts: impl Iterator<Item = (usize, f64)>) -> Vec<LayerSums> {
        let mut sums = vec![LayerSums::default(); self.mean_score.len()];
        for (fact, weight) in facts {
            for (layer, score, effect) in &self.facts[fact] {
                sums[*layer].add(weight, *score, *effect);
            }
        }
        sums
    }

    /// Sums over all facts.
    pub fn all(&self) -> Vec<LayerSums> {
        self.of((0..self.facts.len()).map(|fact| (fact, 1.0)))
    }

    /// Squares of effects about their mean in one layer, or 0 where they are all the same.
    fn spread(&self, sums: &LayerSums) -> f64 {
        let spread = sums.effect_effect - sums.effect * sums.effect / sums.rows;
        let least = (CONSTANT * self.total_effect).max(CANCELED * sums.effect_effect);
        if self.total_effect > 0.0 && spread > least { spread } else { 0.0 }
    }

    /// The line of one layer. Without spread of the effect it is level; without rows there is none.
    pub fn line(&self, layer: usize, sums: &LayerSums) -> Option<Line> {
        if sums.rows <= 0.0 {
            return None;
        }
        let spread = self.spread(sums);
        let joint = sums.score_effect - sums.score * sums.effect / sums.rows;
        let slope = if spread > 0.0 { joint / spread } else { 0.0 };
        let mean_score = self.mean_score[layer] + sums.score / sums.rows;
        let mean_effect = self.mean_effect[layer] + sums.effect / sums.rows;
        Some(Line { intercept: mean_score - slope * mean_effect, slope })
    }

    /// The mean score of one layer.
    pub fn level(&self, layer: usize, sums: &LayerSums) -> Option<f64> {
        (sums.rows > 0.0).then(|| self.mean_score[layer] + sums.score / sums.rows)
    }

    /// The line through the rows of all layers, the mean of all scores, and the three sums that both rest on.
    pub fn pooled(&self, sums: &[LayerSums]) -> (Computed<Line>, f64, [f64; 3]) {
        let rows: f64 = sums.iter().map(|sums| sums.rows).sum();
        let center = |means: &[f64], own: fn(&LayerSums) -> f64| {
            let sum = |(sums, mean): (&LayerSums, &f64)| own(sums) + sums.rows * mean;
            sums.iter().zip(means).map(sum).sum::<f64>() / rows
        };
        let mean_score = center(&self.mean_score, |sums| sums.score);
        let mean_effect = center(&self.mean_effect, |sums| sums.effect);
        let mut squares = [0.0; 3];
        for (layer, sums) in sums.iter().enumerate() {
            let (score, effect) = (self.mean_score[layer] - mean_score, self.mean_effect[layer] - mean_effect);
            squares[0] += sums.score_score + 2.0 * score * sums.score + sums.rows * score * score;
            squares[1] += sums.effect_effect + 2.0 * effect * sums.effect + sums.rows * effect * effect;
            squares[2] += sums.score_effect + score * sums.effect + effect * sums.score + sums.rows * score * effect;
        }
        let varies = self.total_effect > 0.0 && squares[1] > CONSTANT * self.total_effect;
        let slope = if varies { Ok(squares[2] / squares[1]) } else { Err(Unavailable::EffectsConstant) };
        let line = slope.map(|slope| Line { intercept: mean_score - slope * mean_effect, slope });
        (line, mean_score, squares)
    }

    /// The three regressions in closed form.
    ///
    /// # Errors
    ///
    /// Where there are no rows, one layer, or no variance of the score.
    pub fn models(&self, sums: &[LayerSums]) -> Computed<Models> {
        let there: Vec<&LayerSums> = sums.iter().filter(|sums| sums.rows > 0.0).collect();
        match there.len() {
            0 => return Err(Unavailable::NoRows),
            1 => return Err(Unavailable::OneLayer),
            _ => {}
        }
        let (line, _, [total, _, joint]) = self.pooled(sums);
        if total <= CONSTANT * self.total_score || self.total_score <= 0.0 {
            return Err(Unavailable::AllScoresEqual);
        }
        let (mut left_by_layer, mut left_by_both, mut varying) = (0.0, 0.0, 0);
        for sums in &there {
            let within = (sums.score_score - sums.score * sums.score / sums.rows).max(0.0);
            let spread = self.spread(sums);
            let joint = sums.score_effect - sums.score * sums.effect / sums.rows;
            let explained = if spread > 0.0 { (joint * joint / spread).min(within) } else { 0.0 };
            varying += usize::from(spread > 0.0);
            left_by_layer += within;
            left_by_both += within - explained;
        }
        let slope = line.map(|line| line.slope);
        Ok(Models {
            rows: there.iter().map(|sums| sums.rows).sum(),
            layers: there.len(),
            varying,
            total,
            left_by_layer: left_by_layer.min(total),
            left_by_trace: slope.clone().map(|slope| (total - slope * joint).clamp(0.0, total)),
            left_by_both: left_by_both.min(total),
            slope,
        })
    }
}

/// The sum of squares about the mean; 0 where all are the same number.
fn squares(values: &[f64]) -> f64 {
    let Some(first) = values.first() else { return 0.0 };
    if values.iter().all(|value| value == first) {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean) * (value - mean)).sum()
}
