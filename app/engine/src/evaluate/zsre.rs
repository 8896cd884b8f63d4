//! Accuracy as ROME and MEMIT report it on zsRE.

use super::question::{Question, answer};
use crate::error::Result;
use crate::model::Model;

/// Share of an answer's tokens that are the most probable ones, each after the prompt and the answer's tokens before
/// it: one share for each prompt and answer. The answer's tokens are those that are scored everywhere else; the published
/// code puts them together as text and tokenizes them anew, which gives the same but for odd merges.
///
/// # Errors
/// An empty prompt or answer; a prompt that exceeds the context.
pub fn accuracies(model: &Model, questions: &[(&str, &str)]) -> Result<Vec<f64>> {
    let questions: Vec<Question> = questions.iter().map(|&(prompt, answer)| Question::new(prompt, &[answer])).collect();
    let likelihoods = answer(model, &questions, None)?;
    Ok(likelihoods.iter().flatten().map(|likelihood| likelihood.accuracy()).collect())
}
