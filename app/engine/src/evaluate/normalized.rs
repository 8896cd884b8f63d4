//! The normalized scores of Hase et al. (2023): how much of the possible change an edit made.

use super::record::{Comparison, Pair};
use super::success::Group;
use locus_records::averages::harmonic_mean;

/// The least recovered score: it keeps the harmonic mean defined.
const LEAST_RECOVERED: f64 = 2e-8;

/// Share of the missing probability that was gained, from `before` to `after`.
#[must_use]
pub fn recovered(before: f64, after: f64) -> f64 {
    let share = 1.0 - (1.0 - after) / (1.0 - before);
    // before = 1 leaves nothing to gain
    if share.is_nan() { LEAST_RECOVERED } else { share.max(LEAST_RECOVERED) }
}

/// Share of the probability that was lost.
#[must_use]
pub fn erased(before: f64, after: f64) -> f64 {
    let share = (before - after) / before;
    // before = 0 leaves nothing to lose
    if share.is_nan() { 0.0 } else { share.max(0.0) }
}

/// One minus the change as a share of the largest possible change.
#[must_use]
pub fn kept(before: f64, after: f64) -> f64 {
    1.0 - (after - before).abs() / ((before - 0.5).abs() + 0.5)
}

/// Over which prompts of a group a score is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Averaging {
    /// The mean over all of them, as the paper says.
    #[default]
    All,
    /// The first one only, as the code of the paper does.
    First,
}

/// Normalized scores of one record; absent where the record has no such prompts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NormalizedScores {
    /// Recovered or erased probability of the target at the edited prompt.
    pub rewrite: Option<f64>,
    /// The same at other wordings.
    pub paraphrase: Option<f64>,
    /// How much of the target's probability stayed as it was for other subjects.
    pub neighborhood: Option<f64>,
    /// How much of the true answers' probability stayed as it was for other facts about the subject.
    pub relations: Option<f64>,
}

impl NormalizedScores {
    /// Scores of a record before and after an edit; `erases` where the objective lowers the target's probability.
    #[must_use]
    pub fn of(comparison: &Comparison, erases: bool, averaging: Averaging) -> Self {
        let change = if erases { erased } else { recovered };
        let of_group = |group: Group, score: fn(f64, f64) -> f64| {
            let (before, after) = (comparison.before.group(group), comparison.after.group(group));
            let probability = |pair: &Pair| pair.target.probability();
            averaged(
                before.iter().zip(after).map(|(before, after)| score(probability(before), probability(after))),
                averaging,
            )
        };
        let relations = comparison.before.relations.iter().zip(&comparison.after.relations);
        Self {
            rewrite: of_group(Group::Rewrite, change),
            paraphrase: of_group(Group::Paraphrase, change),
            neighborhood: of_group(Group::Neighborhood, kept),
            relations: averaged(
                relations.map(|(before, after)| kept(before.probability(), after.probability())),
                Averaging::All,
            ),
        }
    }

    /// The three scores of the paper, if all are there.
    fn three(&self) -> Option<[f64; 3]> {
        Some([self.rewrite?, self.paraphrase?, self.neighborhood?])
    }

    /// Arithmetic mean of rewrite, paraphrase and neighborhood score: the overall score of the paper's tables.
    #[must_use]
    pub fn overall(&self) -> Option<f64> {
        self.three().map(|three| three.iter().sum::<f64>() / 3.0)
    }

    /// Harmonic mean of the three: `target_score` of the published result files; 0 where one of them is 0.
    #[must_use]
    pub fn harmonic(&self) -> Option<f64> {
        self.three().map(|three| harmonic_mean(&three))
    }
}

fn averaged(mut scores: impl Iterator<Item = f64>, averaging: Averaging) -> Option<f64> {
    match averaging {
        Averaging::First => scores.next(),
        Averaging::All => {
            let scores: Vec<f64> = scores.collect();
            (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{erased, kept, recovered};

    /// Worked out by hand from the definitions.
    #[test]
    fn published_examples() {
        assert!((recovered(0.02, 0.8) - 0.795_918).abs() < 1e-6);
        assert!((erased(0.4, 0.1) - 0.75).abs() < 1e-12);
        assert!((kept(0.4, 0.1) - 0.5).abs() < 1e-12);
        assert_eq!((recovered(0.8, 0.2), erased(0.1, 0.4)), (2e-8, 0.0));
        assert_eq!((recovered(1.0, 1.0), erased(0.0, 0.0)), (2e-8, 0.0));
    }
}
