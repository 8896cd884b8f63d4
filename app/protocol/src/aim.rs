//! What an objective aims at.

use serde::{Deserialize, Serialize};

/// Target and baseline that an objective chose for a fact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Aim {
    /// The text whose probability its loss is about.
    pub target: String,
    /// The text that it is compared with in scores.
    pub baseline: String,
    /// Standard deviation of the noise on the subject while editing and scoring; 0 for none.
    #[serde(default)]
    pub noise_level: f64,
    /// The target's tokens after the prompt, as they are scored and optimized.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_tokens: Vec<String>,
    /// The baseline's tokens after the prompt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline_tokens: Vec<String>,
    /// Whether the edit should lower the target's probability.
    #[serde(default)]
    pub lowers: bool,
}
