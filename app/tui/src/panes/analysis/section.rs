//! The sections of the pane.

use serde::{Deserialize, Serialize};

/// A section, one of which shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// What picking the layer by a localizer is worth, in sentences.
    #[default]
    Verdict,
    /// What each rule that picks a layer loses.
    Regret,
    /// The regressions of Hase et al. (2023).
    Published,
    /// The same with facts as the unit.
    Facts,
    /// Effect against score at one layer.
    Scatter,
    /// Where localizers are largest.
    Peaks,
}

impl Section {
    /// All, in their order.
    pub const ALL: [Self; 6] = [Self::Verdict, Self::Regret, Self::Published, Self::Facts, Self::Scatter, Self::Peaks];

    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Verdict => "Verdict",
            Self::Regret => "Regret",
            Self::Published => "As published",
            Self::Facts => "As it should be",
            Self::Scatter => "Scatter",
            Self::Peaks => "Peaks",
        }
    }

    /// The next or the previous one.
    #[must_use]
    pub fn step(self, forward: bool) -> Self {
        let place = Self::ALL.iter().position(|section| *section == self).unwrap_or(0);
        Self::ALL[(place + if forward { 1 } else { Self::ALL.len() - 1 }) % Self::ALL.len()]
    }
}
