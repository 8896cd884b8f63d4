//! The next tokens of the selected fact: asked for once the selection rests.

use super::State;
use locus_protocol::{LayerRow, TokenText, TopToken};
use std::time::Duration;

/// How long a selection has to rest before its next tokens are asked for.
const DELAY: Duration = Duration::from_millis(120);

/// The next tokens of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    pub prompt: String,
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
}

/// What was told last, and when to ask again.
#[derive(Clone, Debug, Default)]
pub struct NextTokens {
    /// Next tokens of the last prompt that was asked.
    pub told: Option<Prediction>,
    /// When to ask for those of the selected fact.
    pub due: Option<Duration>,
}

impl State {
    /// Has the next tokens of the selected fact asked for once the selection rests.
    pub fn want_prediction(&mut self) {
        self.next_tokens.due = Some(self.now + DELAY);
    }

    /// The prediction for the selected fact with the edits that are in place, if it has come.
    #[must_use]
    pub fn prediction(&self) -> Option<&Prediction> {
        let prompt = self.fact()?.prompt();
        let in_place = self.edits.numbers();
        let told = self.next_tokens.told.as_ref();
        told.filter(|prediction| prediction.prompt == prompt && prediction.is_of(&in_place))
    }
}
