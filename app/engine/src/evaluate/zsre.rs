//! Accuracy as ROME and MEMIT report it on zsRE (spec metrics.md 1.3).

use super::question::distributions;
use crate::error::{Error, Result};
use crate::model::{Forest, Model, Taps};
use crate::run::check_rows;

/// Share of an answer's tokens that are the most probable ones, each after the prompt and the answer's tokens before
/// it, put together as text and tokenised anew, as the published code does: one share for each prompt and answer.
///
/// # Errors
/// An empty prompt or answer; a prompt that exceeds the context.
pub fn accuracies(model: &Model, questions: &[(&str, &str)]) -> Result<Vec<f64>> {
    let (mut forest, mut cells, mut tokens, mut counts) = (Forest::default(), Vec::new(), Vec::new(), Vec::new());
    for &(prompt, answer) in questions {
        let answer = model.tokenizer.encode_target(answer)?;
        for (index, &token) in answer.iter().enumerate() {
            let context = format!("{prompt}{}", model.tokenizer.decode(&answer[..index])?);
            let row = model.tokenizer.encode(&context)?;
            check_rows(model, std::slice::from_ref(&row))?;
            let wanted = model.tokenizer.encode_following(&model.tokenizer.decode(&[token])?)?;
            let last = forest.plant(&row, |_| false).last().copied();
            let (Some(last), Some(&wanted)) = (last, wanted.first()) else {
                return Err(Error::Request(format!("`{prompt}` or a token of its answer is empty")));
            };
            cells.push(last as i64);
            tokens.push(wanted);
        }
        counts.push(answer.len());
    }
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    let reads: Vec<i64> = (0..cells.len() as i64).collect();
    let (_, hits) = distributions(model, &forest, &mut Taps::default(), &cells, &reads, &tokens)?;
    let mut hits = hits.into_iter();
    let share = |count: usize| hits.by_ref().take(count).filter(|&hit| hit).count() as f64 / count as f64;
    Ok(counts.into_iter().map(share).collect())
}
