//! What an analysis may be told.

use serde::{Deserialize, Serialize};

/// How an analysis is done. All of it stands in the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Seed of all random draws of the analysis.
    pub seed: u64,
    /// Number of bootstrap samples of whole facts.
    pub resamples: usize,
    /// Permutations of traces between facts.
    pub permutations: usize,
    /// Folds of the cross-validation that holds out facts.
    pub folds: usize,
    /// Splits of the noise draws into halves.
    pub splits: usize,
    /// Subsets per point of the curve by number of facts.
    pub subsets: usize,
    /// Of intervals, between 0 and 1. The equivalence test has its own: 1 - 2 (1 - confidence).
    pub confidence: f64,
    /// The smallest change of the score that counts, for a step of the effect from its first to its third quartile.
    pub margin: f64,
    /// A score above this is at the ceiling.
    pub ceiling: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            resamples: 2000,
            permutations: 2000,
            folds: 10,
            splits: 200,
            subsets: 200,
            confidence: 0.95,
            margin: 0.05,
            ceiling: 0.95,
        }
    }
}

/// What is wrong with the settings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unusable {
    #[error("{name} is {value}; give a number of at least {least}")]
    TooFew { name: &'static str, value: usize, least: usize },
    #[error("{name} is {value}; give a number above {above} and below {below}")]
    Outside { name: &'static str, value: f64, above: f64, below: f64 },
}

impl Settings {
    /// Refuses settings that nothing can be computed with.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be used.
    pub fn check(&self) -> Result<(), Unusable> {
        let least = [
            ("resamples", self.resamples, 100),
            ("permutations", self.permutations, 100),
            ("folds", self.folds, 2),
            ("splits", self.splits, 1),
            ("subsets", self.subsets, 1),
        ];
        if let Some((name, value, least)) = least.into_iter().find(|(_, value, least)| value < least) {
            return Err(Unusable::TooFew { name, value, least });
        }
        let inside = [
            ("confidence", self.confidence, 0.5, 1.0),
            ("margin", self.margin, 0.0, f64::INFINITY),
            ("ceiling", self.ceiling, f64::NEG_INFINITY, f64::INFINITY),
        ];
        let outside = inside.into_iter().find(|(_, value, above, below)| !(value > above && value < below));
        outside.map_or(Ok(()), |(name, value, above, below)| Err(Unusable::Outside { name, value, above, below }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_settings_can_be_used_and_odd_ones_cannot() {
        assert_eq!(Settings::default().check(), Ok(()));
        let told = |settings: Settings| settings.check().expect_err("odd").to_string();
        assert!(told(Settings { folds: 1, ..Settings::default() }).contains("folds is 1"));
        assert!(told(Settings { confidence: f64::NAN, ..Settings::default() }).contains("confidence"));
    }
}
