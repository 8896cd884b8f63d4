//! The exact null: whole traces change hands between facts, layers stay in line. This keeps how traces and scores go
//! over the layers and breaks only the link of a fact with its own trace.

use crate::centered::{less_facts_and_layers, less_layers};
use crate::randomness::{generator, shuffled};
use crate::rows::{Rows, Whole};
use crate::settings::Settings;
use crate::unavailable::{Computed, Unavailable};
use serde::Serialize;

/// How often traces of other facts do as well.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Permuted {
    /// Facts without a gap; others cannot give or take a trace.
    pub facts: usize,
    /// Facts with a gap.
    pub left_out: usize,
    pub permutations: usize,
    /// What the effect explains beyond the layer.
    #[serde(with = "crate::computed")]
    pub difference: Computed<Tested>,
    /// The size of the slope within facts.
    #[serde(with = "crate::computed")]
    pub slope_within_facts: Computed<Tested>,
}

/// A statistic among those of permuted traces.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tested {
    pub observed: f64,
    /// Its mean over the permutations.
    pub expected: f64,
    /// (1 + permutations that reach it) / (1 + permutations).
    pub p: f64,
}

/// Permutes whole traces between facts.
///
/// # Errors
///
/// Where fewer than three facts have scores and effects at all layers, or there is one layer.
pub fn permutation(rows: &Rows, settings: &Settings, names: &[&str]) -> Computed<Permuted> {
    if rows.centers.len() == 1 {
        return Err(Unavailable::OneLayer);
    }
    let whole = rows.whole()?;
    let facts = whole.scores.len();
    if facts < 3 {
        return Err(Unavailable::TooFewWholeFacts { have: facts, need: 3 });
    }
    let explained = Explained::new(&whole)?;
    let slope = Slope::new(&whole);
    let order: Vec<usize> = (0..facts).collect();
    let observed = (explained.of(&order), slope.as_ref().map(|slope| slope.of(&order)).map_err(Unavailable::clone));
    let (mut of_explained, mut of_slope) = (Tally::default(), Tally::default());
    let mut draws = generator(settings.seed, &[names, &["permutation"]].concat());
    for _ in 0..settings.permutations {
        let order = shuffled(facts, &mut draws);
        if let Some(observed) = observed.0 {
            of_explained.add(explained.of(&order).unwrap_or_default(), observed);
        }
        if let (Ok(slope), Ok(observed)) = (&slope, &observed.1) {
            of_slope.add(slope.of(&order).abs(), observed.abs());
        }
    }
    Ok(Permuted {
        facts,
        left_out: whole.left_out,
        permutations: settings.permutations,
        difference: observed.0.map(|own| of_explained.tested(own)).ok_or(Unavailable::EffectsConstantAtEveryLayer),
        slope_within_facts: observed.1.map(|own| of_slope.tested(own)),
    })
}

#[derive(Default)]
struct Tally {
    draws: usize,
    reached: usize,
    sum: f64,
}

impl Tally {
    fn add(&mut self, value: f64, observed: f64) {
        self.draws += 1;
        self.sum += value;
        // the same permutation summed in another order is no smaller
        self.reached += usize::from(value >= observed * (1.0 - 1e-12));
    }

    fn tested(&self, observed: f64) -> Tested {
        let expected = self.sum / self.draws.max(1) as f64;
        Tested { observed, expected, p: (1 + self.reached) as f64 / (1 + self.draws) as f64 }
    }
}

/// R² of both less R² of the layer, for any order of traces.
struct Explained {
    scores: Vec<Vec<f64>>,
    effects: Vec<Vec<f64>>,
    /// `[layer]`: squares of effects, 0 where all facts have the same.
    spread: Vec<f64>,
    total: f64,
}

impl Explained {
    fn new(whole: &Whole) -> Computed<Self> {
        let all: Vec<f64> = whole.scores.iter().flatten().copied().collect();
        if all.windows(2).all(|pair| pair[0] == pair[1]) {
            return Err(Unavailable::AllScoresEqual);
        }
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let (scores, effects) = (less_layers(&whole.scores), less_layers(&whole.effects));
        let largest = whole.effects.iter().flatten().fold(0.0_f64, |largest, effect| largest.max(effect.abs()));
        let of_layer = |layer: usize| {
            let spread: f64 = effects.iter().map(|row| row[layer] * row[layer]).sum();
            if spread > 1e-20 * largest * largest { spread } else { 0.0 }
        };
        let spread = (0..effects[0].len()).map(of_layer).collect();
        Ok(Self { spread, scores, effects, total: all.iter().map(|score| (score - mean).powi(2)).sum() })
    }

    fn of(&self, order: &[usize]) -> Option<f64> {
        let mut joint = vec![0.0; self.spread.len()];
        for (fact, other) in order.iter().enumerate() {
            let pairs = self.scores[fact].iter().zip(&self.effects[*other]);
            joint.iter_mut().zip(pairs).for_each(|(sum, (score, effect))| *sum += score * effect);
        }
        let varying = joint.iter().zip(&self.spread).filter(|(_, spread)| **spread > 0.0);
        let explained = varying.map(|(joint, spread)| joint * joint / spread);
        explained.reduce(|sum, next| sum + next).map(|sum| sum / self.total)
    }
}

/// The slope within facts, for any order of traces: without gaps, both tables less the means of facts and layers.
struct Slope {
    scores: Vec<Vec<f64>>,
    effects: Vec<Vec<f64>>,
    spread: f64,
}

impl Slope {
    fn new(whole: &Whole) -> Computed<Self> {
        let effects = less_facts_and_layers(&whole.effects);
        let spread: f64 = effects.iter().flatten().map(|effect| effect * effect).sum();
        let raw: f64 = whole.effects.iter().flatten().map(|effect| effect * effect).sum();
        if spread <= 1e-20 * raw {
            return Err(Unavailable::NoEffectWithinFacts);
        }
        Ok(Self { scores: less_facts_and_layers(&whole.scores), effects, spread })
    }

    fn of(&self, order: &[usize]) -> f64 {
        let rows = order.iter().enumerate().map(|(fact, other)| self.scores[fact].iter().zip(&self.effects[*other]));
        rows.flatten().map(|(score, effect)| score * effect).sum::<f64>() / self.spread
    }
}
