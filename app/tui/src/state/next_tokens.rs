//! The next tokens of the selected fact: asked for once the selection rests.

use super::State;
use locus_protocol::{Fact, LayerRow, TokenText, TopToken};
use std::collections::VecDeque;
use std::time::Duration;

/// How long a selection has to rest before its next tokens are asked for.
const DELAY: Duration = Duration::from_millis(120);
/// Prompts of which it is remembered with which targets they were asked last.
const ASKED: usize = 16;

/// The new and the true target of a fact, which rows are about.
pub type Targets = [String; 2];

fn targets(fact: &Fact) -> Targets {
    [fact.target_new.clone(), fact.target_true.clone()]
}

/// The next tokens of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    pub prompt: String,
    /// What the rows are about, where it was asked for here: an answer names no targets.
    pub targets: Option<Targets>,
    pub tokens: Vec<TokenText>,
    /// The most probable first.
    pub top: Vec<TopToken>,
    /// Edits that were in place.
    pub edits: usize,
    /// Their numbers; unknown in records of before they were told.
    pub in_place: Vec<u64>,
    /// Rows of the model as it was then; none where the fact lacks a target.
    pub rows: Vec<LayerRow>,
}

impl Prediction {
    /// Whether it is of the model with these edits in place.
    #[must_use]
    pub fn is_of(&self, in_place: &[u64]) -> bool {
        if self.in_place.len() == self.edits { self.in_place == in_place } else { self.edits == in_place.len() }
    }

    /// Whether it is about a fact: facts of the same prompt may have other targets.
    #[must_use]
    pub fn is_about(&self, fact: &Fact) -> bool {
        self.prompt == fact.prompt() && self.targets.as_ref().is_none_or(|known| *known == targets(fact))
    }
}

/// What was told last, and when to ask again.
#[derive(Clone, Debug, Default)]
pub struct NextTokens {
    /// Next tokens of the last prompt that was asked.
    pub told: Option<Prediction>,
    /// When to ask for those of the selected fact.
    pub due: Option<Duration>,
    /// Prompts and targets that were asked for, the last one last; each prompt once.
    asked: VecDeque<(String, Targets)>,
}

impl NextTokens {
    /// Notes that a fact is asked for.
    pub fn ask(&mut self, fact: &Fact) {
        let prompt = fact.prompt();
        self.asked.retain(|(known, _)| *known != prompt);
        if self.asked.len() == ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back((prompt, targets(fact)));
    }

    /// The targets with which a prompt was asked for last.
    #[must_use]
    pub fn asked(&self, prompt: &str) -> Option<Targets> {
        self.asked.iter().find(|(known, _)| known == prompt).map(|(_, targets)| targets.clone())
    }
}

impl State {
    /// Has the next tokens of the selected fact asked for once the selection rests.
    pub fn want_prediction(&mut self) {
        self.next_tokens.due = Some(self.now + DELAY);
    }

    /// The prediction for the selected fact with the edits that are in place, if it has come.
    #[must_use]
    pub fn prediction(&self) -> Option<&Prediction> {
        let fact = self.fact()?;
        let in_place = self.edits.numbers();
        let told = self.next_tokens.told.as_ref();
        told.filter(|prediction| prediction.is_about(fact) && prediction.is_of(&in_place))
    }
}
