//! Edits as lists show them.

use crate::{AimVerdict, Fact, Grade, WeightChange};
use serde::{Deserialize, Serialize};

/// Most prompts of an edit that a list has.
const PROMPTS: usize = 64;

/// An edit in place, or an undone one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EditInPlace {
    /// Its number, from 1; never reused.
    pub number: u64,
    /// A few words: method, layer, fact.
    pub title: String,
    /// Norm of all its changes together.
    #[serde(default, with = "crate::number::single")]
    pub norm: f64,
    /// The largest `‖ΔW‖ / ‖W‖` of a parameter.
    #[serde(default, with = "crate::number::single")]
    pub relative: f64,
    /// Facts that it edits.
    #[serde(default)]
    pub facts: usize,
    /// The prompts that it edits, the first 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<String>,
    /// Its operation in the journal, where it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<u64>,
    /// Whether it took when it was made; `None` if that was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// The verdict from when it was made; `None` if nothing was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<AimVerdict>,
}

impl EditInPlace {
    /// An edit with the norms of its changes.
    #[must_use]
    pub fn new(number: u64, title: &str, changes: &[WeightChange], facts: usize) -> Self {
        let norm = changes.iter().map(|change| change.norm * change.norm).sum::<f64>().sqrt();
        let relative = changes.iter().map(|change| change.relative).fold(0.0, f64::max);
        Self { number, title: title.to_owned(), norm, relative, facts, ..Self::default() }
    }

    /// The same edit with the prompts of its facts.
    #[must_use]
    pub fn of_facts<'a>(self, facts: impl IntoIterator<Item = &'a Fact>) -> Self {
        Self { prompts: facts.into_iter().take(PROMPTS).map(Fact::prompt).collect(), ..self }
    }

    /// Whether it edits a fact, by the prompt.
    #[must_use]
    pub fn edits(&self, fact: &Fact) -> bool {
        self.prompts.contains(&fact.prompt())
    }

    /// The same edit with the verdict on it.
    #[must_use]
    pub fn judged(self, verdict: Option<&AimVerdict>) -> Self {
        Self { success: verdict.map(|verdict| verdict.success), verdict: verdict.cloned(), ..self }
    }

    /// A mark before its title, in parentheses and with a trailing space, if its verdict is that it did not take, or
    /// that something else broke; otherwise empty.
    #[must_use]
    pub fn mark(&self) -> &'static str {
        match (self.verdict.as_ref().map(AimVerdict::grade), self.success) {
            (Some(Grade::DidNotTake), _) | (None, Some(false)) => "(did not take) ",
            (Some(Grade::TookBut), _) => "(took, but) ",
            _ => "",
        }
    }
}
