//! What measuring a fact takes, step by step, so that its progress goes with its time: the record is one run of all its
//! prompts, a text that is generated one run of a few positions for each token.

use super::measuring::{Case, speaks_freely, takes_texts};
use crate::error::Error;
use locus_engine::evaluate::FLUENCY_TOKENS;
use locus_engine::model::Model;
use locus_protocol::{Fact, Measures};

/// Positions for which a run takes no longer than for one: it reads all weights either way.
const LEAST: u64 = 16;

/// The positions that run until each step, of which [`super::measuring::measure`] tells the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Before each step, the first of them 0.
    before: Vec<u64>,
    all: u64,
}

impl Effort {
    /// That of measuring a case under a model.
    ///
    /// # Errors
    /// A prompt that is none of tokens.
    pub fn of(model: &Model, case: &Case<'_>, measures: &Measures) -> Result<Self, Error> {
        let tokens = |text: &String| Ok::<_, Error>(model.tokenizer.encode(text)?.len() as u64);
        let prompt = case.fact.prompt();
        let prompts = std::iter::once(&prompt).chain(&case.fact.paraphrases).chain(&case.fact.neighborhood);
        let lengths = prompts.map(tokens).collect::<Result<Vec<_>, _>>()?;
        let attributes = case.fact.attributes.iter().map(tokens).sum::<Result<u64, _>>()?;
        let targets = tokens(&case.goal.target)? + tokens(&case.goal.baseline)?;
        let asked = lengths.len() + case.fact.attributes.len();
        let mut effort = Self::default();
        effort.step(lengths.iter().sum::<u64>() + attributes + targets * asked as u64);
        let spoken = case.spoken.iter().map(tokens).collect::<Result<Vec<_>, _>>()?;
        effort.text(&spoken, measures.said_tokens);
        if takes_texts(case, measures) {
            let starts = case.fact.generation.iter().map(tokens).collect::<Result<Vec<_>, _>>()?;
            let shortest = starts.iter().copied().min().unwrap_or(0);
            effort.text(&starts, FLUENCY_TOKENS.saturating_sub(shortest as usize));
        }
        if speaks_freely(case, measures) {
            effort.text(&lengths, measures.free_generation);
        }
        Ok(effort)
    }

    /// Positions of a record of both targets of a fact, see [`locus_engine::evaluate::scores`].
    ///
    /// # Errors
    /// A prompt that is none of tokens.
    pub fn of_record(model: &Model, fact: &Fact) -> Result<u64, Error> {
        let tokens = |text: &String| Ok::<_, Error>(model.tokenizer.encode(text)?.len() as u64);
        let prompt = fact.prompt();
        let prompts = std::iter::once(&prompt).chain(&fact.paraphrases).chain(&fact.neighborhood);
        let targets = tokens(&fact.target_new)? + tokens(&fact.target_true)?;
        prompts.map(|prompt| Ok(tokens(prompt)? + targets)).sum()
    }

    /// Adds a step that computes this many positions.
    pub fn step(&mut self, positions: u64) {
        self.before.push(self.all);
        self.all = self.all.saturating_add(positions.max(LEAST));
    }

    /// Texts after prompts of these lengths, by so many tokens at most.
    pub fn text(&mut self, prompts: &[u64], tokens: usize) {
        for token in 0..tokens {
            // the prompts run with the first token
            self.step(if token == 0 { prompts.iter().sum() } else { prompts.len() as u64 });
        }
    }

    /// How many steps there are.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.before.len()
    }

    /// What has run when a step begins; all where there are no more steps than that.
    #[must_use]
    pub fn before(&self, step: usize) -> u64 {
        self.before.get(step).copied().unwrap_or(self.all)
    }

    /// What all steps take.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::{Effort, LEAST};

    #[test]
    fn a_record_weighs_more_than_a_token_of_a_text() {
        let mut effort = Effort::default();
        effort.step(200);
        effort.text(&[8, 9], 3);
        let seen: Vec<u64> = (0..6).map(|step| effort.before(step)).collect();
        assert_eq!(seen, [0, 200, 217, 217 + LEAST, 217 + 2 * LEAST, 217 + 2 * LEAST]);
        assert_eq!(effort.all(), 217 + 2 * LEAST);
    }
}
