//! What an objective aims at.

use serde::{Deserialize, Serialize};

/// What an objective made of a fact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Aim {
    /// The text whose probability its loss is about.
    pub target: String,
    /// The text that it is compared with.
    pub baseline: String,
    /// Standard deviation of the noise on the subject while editing and scoring; 0 for none.
    #[serde(default)]
    pub noise_level: f64,
    /// The target's tokens after the prompt, as they are scored and optimised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_tokens: Vec<String>,
    /// Those of the text that it is compared with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline_tokens: Vec<String>,
    /// Whether the target's probability is to be low.
    #[serde(default)]
    pub lowers: bool,
}
