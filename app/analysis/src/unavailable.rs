//! Why a number is not there. A report prints the reason where the number would stand, never "NaN".

use crate::words::many;
use serde::{Deserialize, Serialize};

/// Why a number could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Unavailable {
    /// No row has both numbers.
    #[error("no row has both a score and an effect")]
    NoRows,
    /// A rule cannot pick a layer for any fact.
    #[error("no fact has an effect at every layer")]
    NoWholeEffects,
    #[error("{}, but {need} are needed", many(*have, "fact"))]
    TooFewFacts { have: usize, need: usize },
    /// A comparison of layers needs two.
    #[error("only one layer, so layers cannot be compared")]
    OneLayer,
    /// The total sum of squares is 0.
    #[error("all scores are equal, so there is no variance to explain")]
    AllScoresEqual,
    /// The localizer is constant.
    #[error("all effects are equal")]
    EffectsConstant,
    /// The localizer says the same for all facts of a layer, at every layer.
    #[error("at every layer all facts have the same effect")]
    EffectsConstantAtEveryLayer,
    /// The localizer differs between facts in the same way at all layers.
    #[error("after facts and layers are accounted for, no effect is left")]
    NoEffectWithinFacts,
    /// As many coefficients as rows.
    #[error("{} leave no degree of freedom for {}", many(*rows, "row"), many(*coefficients, "coefficient"))]
    NoFreedom { rows: usize, coefficients: usize },
    /// The residual is 0, so that F is infinite.
    #[error("the model fits every score exactly")]
    ExactFit,
    /// Columns of the regression depend on each other.
    #[error("the columns of the regression depend on each other")]
    Collinear,
    /// The estimated variance is 0, alone or of several coefficients together.
    #[error("the clustered variance is zero in some direction, so there is no test")]
    NoVariance,
    /// A joint test of many slopes needs many facts.
    #[error("{} are too few for a joint test of {}", many(*facts, "fact"), many(*slopes, "slope"))]
    TooFewFactsForSlopes { facts: usize, slopes: usize },
    /// The middle half of all effects is one value.
    #[error("the middle half of the effects is one value, so the effect has no step to measure by")]
    NoSpread,
    /// The localizer has no noise draws.
    #[error("effects per noise draw were not recorded")]
    NoDraws,
    /// A split into halves needs two draws.
    #[error("{}, but 2 are needed to split them", many(*have, "noise draw"))]
    TooFewDraws { have: usize },
    /// Noise alone, as far as the halves can tell.
    #[error("the halves of the noise draws do not agree with each other, so there is no reliability to correct by")]
    NoReliability,
    /// Most samples of the bootstrap could not be computed.
    #[error("{unusable} of {draws} resamples could not be computed")]
    TooFewResamples { unusable: usize, draws: usize },
    /// No fact is in the subset.
    #[error("no fact has a concentrated trace")]
    NoneConcentrated,
    /// Facts with a gap have no best layer, and their effects cannot be handed to other facts.
    #[error("{} without a gap, but {need} are needed", many(*have, "fact"))]
    TooFewWholeFacts { have: usize, need: usize },
}

/// A number, or why there is none.
pub type Computed<T> = Result<T, Unavailable>;
