//! A model's view of prompts: their tokens, the next tokens, and the probabilities of targets.

use serde::{Deserialize, Serialize};

/// One token of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenText {
    /// Its text, leading space included.
    pub text: String,
    /// Whether it belongs to the subject.
    pub subject: bool,
}

/// A candidate for the next token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopToken {
    /// Its text, leading space included.
    pub text: String,
    #[serde(with = "crate::number::single")]
    pub probability: f64,
}

/// Scores before and after an edit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BeforeAfter {
    pub before: Scores,
    pub after: Scores,
}

/// Probabilities of both targets for the prompts of a record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The most probable next tokens of the rewrite prompt.
    pub top: Vec<TopToken>,
    /// The prompt that was edited.
    pub rewrite: Vec<PromptScore>,
    /// Prompts for the same fact in other words.
    pub paraphrase: Vec<PromptScore>,
    /// Other subjects with the same true answer.
    pub neighborhood: Vec<PromptScore>,
}

/// Probabilities of both targets for one prompt: joint over the target's tokens, not normalized by length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PromptScore {
    pub prompt: String,
    /// Probability of the new target.
    #[serde(with = "crate::number::single")]
    pub new: f64,
    /// Probability of the true target.
    #[serde(rename = "true", with = "crate::number::single")]
    pub truth: f64,
}
