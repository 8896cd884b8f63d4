//! Essence drift: whether what the unedited model says of the subject has become unlikely (Meng et al. 2022).

use super::noise::ScoringNoise;
use super::question::{Question, SubjectPlace, distributions};
use crate::error::{Error, Result};
use crate::model::{Forest, Model, Taps};
use crate::noise::LegacyRandom;
use crate::run::sample;

/// Texts that are sampled from the unedited model.
pub const ESSENCE_TEXTS: usize = 5;
/// Tokens of such a text, the prompt included; more are not read.
pub const ESSENCE_TOKENS: usize = 100;
/// A rise of the mean perplexity that scores 0.
const WORST_RISE: f64 = 5.0;

/// Texts of the model on “{subject} is a”, the prompt included. The unedited model's are wanted.
///
/// # Errors
/// Those of [`sample`].
pub fn essence_texts(
    model: &Model,
    subject: &str,
    seed: u32,
    listen: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<String>> {
    let tokens = ESSENCE_TOKENS.min(model.architecture.longest_text(1) as usize);
    sample(model, &format!("{subject} is a"), ESSENCE_TEXTS, tokens, &mut LegacyRandom::new(seed), listen)
}

/// Perplexity of each text's first `limit` tokens: `exp(-(1/N) Σ log p(x_i | x_<i))` over N tokens, of which the first
/// has no probability. With noise, each text's first mention of the subject is noised by a fresh generator.
///
/// # Errors
/// An empty text; under noise, a text that does not mention the subject.
pub fn perplexities(model: &Model, texts: &[String], limit: usize, noise: Option<&ScoringNoise>) -> Result<Vec<f64>> {
    texts.iter().map(|text| perplexity(model, text, limit, noise)).collect()
}

fn perplexity(model: &Model, text: &str, limit: usize, noise: Option<&ScoringNoise>) -> Result<f64> {
    let mut ids = model.tokenizer.encode(text)?;
    ids.truncate(limit.min(model.architecture.context as usize));
    if ids.is_empty() {
        return Err(Error::Request("a text is empty; its perplexity is not defined".to_owned()));
    }
    let mut forest = Forest::of(model);
    let mut taps = Taps::default();
    let path = forest.plant(&ids, |_| false);
    if let Some(noise) = noise {
        // the text begins with the subject, and names it again at will: the first mention is noised, as published
        let place = text.find(noise.subject.trim()).map(|start| start..start + noise.subject.trim().len());
        let missing = || Error::SubjectNotFound { subject: noise.subject.clone(), prompt: text.to_owned() };
        let place = place.ok_or_else(missing)?;
        let range = model.tokenizer.range_of(text, &place)?;
        let drawn = noise.draw(model, &[Question::new(text, &[""]).with_subject(SubjectPlace::At(place))])?;
        let cells: Vec<usize> = range.filter_map(|position| path.get(position).copied()).collect();
        if !cells.is_empty() {
            taps = Taps::new(vec![drawn.tap(model, 0, &[cells], std::iter::once(&ids[..]))?]);
        }
    }
    let count = ids.len() - 1;
    let cells: Vec<i64> = path[..count].iter().map(|&cell| cell as i64).collect();
    let reads: Vec<i64> = (0..count as i64).collect();
    let (values, _) = distributions(model, &forest, &mut taps, &cells, &reads, &ids[1..])?;
    Ok((-values.iter().sum::<f64>() / ids.len() as f64).exp())
}

/// 1 minus the rise of the mean perplexity, cut to 0 to 5, over 5.
#[must_use]
pub fn essence_score(before: &[f64], after: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    1.0 - (mean(after) - mean(before)).clamp(0.0, WORST_RISE) / WORST_RISE
}

#[cfg(test)]
mod tests {
    use super::essence_score;

    #[test]
    fn a_fall_scores_one_and_a_rise_of_five_zero() {
        assert_eq!(essence_score(&[4.0, 6.0], &[1.0, 2.0]), 1.0);
        assert_eq!(essence_score(&[4.0, 6.0], &[9.0, 12.0]), 0.0);
        assert!((essence_score(&[4.0, 6.0], &[5.0, 7.5]) - 0.75).abs() < 1e-12);
    }
}
