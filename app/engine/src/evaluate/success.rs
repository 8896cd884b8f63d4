//! Success and magnitude as in ROME and MEMIT (Meng et al. 2022; 2023).

use super::question::Likelihood;
use super::record::Pair;

/// Groups of a record's prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// The prompt that is edited.
    Rewrite,
    /// Other prompts for the same fact.
    Paraphrase,
    /// Other subjects whose answer should stay.
    Neighborhood,
    /// Other subjects of which the new target is true.
    Attribute,
}

impl Group {
    /// All of them, in the order of the published rows.
    pub const ALL: [Self; 4] = [Self::Rewrite, Self::Paraphrase, Self::Neighborhood, Self::Attribute];

    /// Its name in the published results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rewrite => "rewrite",
            Self::Paraphrase => "paraphrase",
            Self::Neighborhood => "neighborhood",
            Self::Attribute => "attribute",
        }
    }
}

/// How one group of prompts fares, averaged over its prompts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Success {
    /// Share of prompts at which the side that should win does; a tie is no win.
    pub rate: f64,
    /// Mean lead of that side's probability.
    pub magnitude: f64,
    /// Share of prompts at which all tokens of that side are the most probable ones (`*_correct` in MEMIT).
    pub most_probable: f64,
}

/// The text of a pair that should win, and the other.
fn sides(group: Group, pair: &Pair) -> (&Likelihood, &Likelihood) {
    match group {
        Group::Neighborhood => (&pair.baseline, &pair.target),
        _ => (&pair.target, &pair.baseline),
    }
}

fn likeliness(likelihood: &Likelihood, per_token: bool) -> f64 {
    likelihood.log_probability / if per_token { likelihood.tokens as f64 } else { 1.0 }
}

/// Whether the side that should win does at one prompt of a group, as [`Success::rate`] counts it.
#[must_use]
pub fn wins(group: Group, pair: &Pair, per_token: bool) -> bool {
    let (wanted, other) = sides(group, pair);
    likeliness(wanted, per_token) > likeliness(other, per_token)
}

impl Success {
    /// Of the target over the baseline; in the neighborhood, of the baseline over the target. `None` without prompts.
    /// With `per_token` the geometric mean over the tokens is compared, as in ROME and MEMIT, instead of the joint
    /// probability, as in Hase et al. (2023).
    #[must_use]
    pub fn of(group: Group, pairs: &[Pair], per_token: bool) -> Option<Self> {
        if pairs.is_empty() {
            return None;
        }
        let likeliness = |likelihood: &Likelihood| likeliness(likelihood, per_token);
        let mut sum = Self { rate: 0.0, magnitude: 0.0, most_probable: 0.0 };
        for pair in pairs {
            let (wanted, other) = sides(group, pair);
            let (log_wanted, log_other) = (likeliness(wanted), likeliness(other));
            sum.rate += f64::from(u8::from(log_wanted > log_other));
            sum.magnitude += log_wanted.exp() - log_other.exp();
            sum.most_probable += f64::from(u8::from(wanted.most_probable()));
        }
        let count = pairs.len() as f64;
        Some(Self {
            rate: sum.rate / count,
            magnitude: sum.magnitude / count,
            most_probable: sum.most_probable / count,
        })
    }
}
