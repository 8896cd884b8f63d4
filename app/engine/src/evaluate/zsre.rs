//! Accuracy as ROME and MEMIT report it on zsRE (spec metrics.md 1.3).

use super::question::distributions;
use crate::error::Result;
use crate::model::{Forest, Model, Taps};
use crate::run::check_rows;

/// Share of an answer's tokens that are the most probable ones, each after the prompt and the answer's tokens before
/// it: one share for each prompt and answer. The answer's tokens are those that are scored everywhere else; the published
/// code puts them together as text and tokenises them anew, which gives the same but for odd merges.
///
/// # Errors
/// An empty prompt or answer; a prompt that exceeds the context.
pub fn accuracies(model: &Model, questions: &[(&str, &str)]) -> Result<Vec<f64>> {
    let (mut forest, mut cells, mut tokens, mut counts) = (Forest::default(), Vec::new(), Vec::new(), Vec::new());
    for &(prompt, answer) in questions {
        let joined = model.tokenizer.joined(prompt, answer)?;
        let row = joined.ids[..joined.ids.len() - 1].to_vec();
        check_rows(model, std::slice::from_ref(&row))?;
        let path = forest.plant(&row, |_| false);
        cells.extend(path[joined.prompt - 1..].iter().map(|&cell| cell as i64));
        tokens.extend(joined.target());
        counts.push(joined.target().len());
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
