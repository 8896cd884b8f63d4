//! Average indirect effects over many facts, by the role that a token plays (Meng et al. 2022, section 2).

use locus_protocol::TokenRole;
use locus_records::averages::Mean;
use std::ops::Range;

/// All roles, in the order of a prompt.
pub const ROLES: [TokenRole; 6] = [
    TokenRole::FirstSubject,
    TokenRole::MiddleSubject,
    TokenRole::LastSubject,
    TokenRole::FirstSubsequent,
    TokenRole::Further,
    TokenRole::Last,
];

/// Positions of a prompt of `tokens` tokens that play `role`. As published, roles overlap: the only token of a
/// subject is its first and its last, and a last token right after the subject plays both parts. With `exclusive`
/// such a token counts once, as the last of its kind.
#[must_use]
pub fn positions_of(role: TokenRole, subject: &Range<usize>, tokens: usize, exclusive: bool) -> Range<usize> {
    let (begin, end, last) = (subject.start, subject.end, tokens.saturating_sub(1));
    let one = |position: usize| position..position + 1;
    let none = 0..0;
    if subject.is_empty() || tokens == 0 {
        return none;
    }
    match role {
        TokenRole::FirstSubject if exclusive && subject.len() == 1 => none,
        TokenRole::FirstSubject => one(begin),
        TokenRole::MiddleSubject => begin + 1..(end - 1).max(begin + 1),
        TokenRole::LastSubject if exclusive && end == tokens => none,
        TokenRole::LastSubject => one(end - 1),
        TokenRole::FirstSubsequent if end > last || (exclusive && end == last) => none,
        TokenRole::FirstSubsequent => one(end),
        TokenRole::Further => end + 1..last.max(end + 1),
        TokenRole::Last => one(last),
    }
}

/// One role's curve over the layers.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleCurve {
    pub role: TokenRole,
    /// Samples: facts, or tokens where several of a fact play the role.
    pub count: usize,
    /// Mean restored probability by layer.
    pub mean: Vec<f64>,
    /// Average indirect effect by layer: the mean minus the mean corrupted probability over all facts. Not clipped.
    pub effect: Vec<f64>,
    /// Half-width of the 95 % confidence interval of the effect by layer: 1.96 population standard deviations of the
    /// samples' effects, each against its own fact's corrupted probability, over the root of their number.
    pub interval: Vec<f64>,
    /// The same of the restored probabilities, which also vary with the facts: the published error band.
    pub probability_interval: Vec<f64>,
}

/// What noise does to all facts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TotalEffect {
    /// Number of facts.
    pub facts: usize,
    /// Mean clean probability.
    pub clean: f64,
    /// Mean corrupted probability.
    pub corrupted: f64,
    /// Half-width of the 95 % confidence interval of their difference, taken fact by fact.
    pub interval: f64,
}

/// Heat maps of one kind, collected.
#[derive(Clone, Debug, Default)]
pub struct Averages {
    exclusive: bool,
    /// By role: restored probability by layer and the corrupted probability of the same fact.
    samples: [Vec<(Vec<f64>, f64)>; 6],
    clean: Vec<f64>,
    corrupted: Vec<f64>,
}

impl Averages {
    /// Nothing collected yet; `exclusive` as in [`positions_of`].
    #[must_use]
    pub fn new(exclusive: bool) -> Self {
        Self { exclusive, ..Self::default() }
    }

    /// Adds one fact's heat map: scores by token and layer, where its subject lies, its clean and its corrupted
    /// probability.
    pub fn add(&mut self, scores: &[Vec<f64>], subject: &Range<usize>, clean: f64, corrupted: f64) {
        for (role, samples) in ROLES.into_iter().zip(&mut self.samples) {
            let positions = positions_of(role, subject, scores.len(), self.exclusive);
            samples.extend(positions.filter_map(|position| Some((scores.get(position)?.clone(), corrupted))));
        }
        self.clean.push(clean);
        self.corrupted.push(corrupted);
    }

    /// Number of facts so far.
    #[must_use]
    pub fn facts(&self) -> usize {
        self.clean.len()
    }

    /// Clean and corrupted probabilities; `None` without facts.
    #[must_use]
    pub fn total(&self) -> Option<TotalEffect> {
        let differences: Vec<f64> = self.clean.iter().zip(&self.corrupted).map(|(high, low)| high - low).collect();
        Some(TotalEffect {
            facts: self.facts(),
            clean: Mean::of(&self.clean)?.mean,
            corrupted: Mean::of(&self.corrupted)?.mean,
            interval: Mean::of(&differences)?.half_width,
        })
    }

    /// One curve for each role that occurs.
    #[must_use]
    pub fn curves(&self) -> Vec<RoleCurve> {
        let Some(total) = self.total() else { return Vec::new() };
        let curves = ROLES.into_iter().zip(&self.samples).filter(|(_, samples)| !samples.is_empty());
        curves
            .map(|(role, samples)| {
                let layers = samples.iter().map(|(row, _)| row.len()).min().unwrap_or(0);
                let over_samples = |value: &dyn Fn(&[f64], f64) -> f64| {
                    Mean::of(&samples.iter().map(|(row, low)| value(row, *low)).collect::<Vec<_>>())
                };
                let probabilities = (0..layers).filter_map(|layer| over_samples(&|row, _| row[layer]));
                let (mean, probability_interval): (Vec<f64>, Vec<f64>) =
                    probabilities.map(|mean| (mean.mean, mean.half_width)).unzip();
                let effects = (0..layers).filter_map(|layer| over_samples(&|row, low| row[layer] - low));
                let interval = effects.map(|mean| mean.half_width).collect();
                let effect = mean.iter().map(|mean| mean - total.corrupted).collect();
                RoleCurve { role, count: samples.len(), mean, effect, interval, probability_interval }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Averages, ROLES, TokenRole, positions_of};

    #[test]
    fn roles_are_the_published_ones() {
        // The | Ei | ff | el | Tower | is | located | in | the
        let positions = |exclusive| ROLES.map(|role| positions_of(role, &(1..5), 9, exclusive));
        assert_eq!(positions(false), [1..2, 2..4, 4..5, 5..6, 6..8, 8..9]);
        assert_eq!(positions(true), positions(false));
    }

    #[test]
    fn short_prompts_overlap_as_published_or_not() {
        // France | is: one subject token, and the last token right after it
        let all = |exclusive| ROLES.map(|role| positions_of(role, &(0..1), 2, exclusive).collect::<Vec<_>>());
        assert_eq!(all(false), [vec![0], vec![], vec![0], vec![1], vec![], vec![1]]);
        assert_eq!(all(true), [vec![], vec![], vec![0], vec![], vec![], vec![1]]);
        // the subject ends the prompt
        assert_eq!(positions_of(TokenRole::FirstSubsequent, &(1..3), 3, false), 0..0);
        assert_eq!(positions_of(TokenRole::LastSubject, &(1..3), 3, false), 2..3);
        assert_eq!(positions_of(TokenRole::Last, &(1..3), 3, false), 2..3);
        assert!(positions_of(TokenRole::Further, &(1..3), 3, false).is_empty());
    }

    /// Two facts by hand: one layer, subjects of one and of three tokens.
    #[test]
    fn curves_are_means_over_tokens_with_their_own_counts() {
        let mut averages = Averages::new(false);
        let rows = |values: &[f64]| values.iter().map(|value| vec![*value]).collect::<Vec<_>>();
        averages.add(&rows(&[0.5, 0.3]), &(0..1), 0.9, 0.1);
        averages.add(&rows(&[0.1, 0.2, 0.4, 0.8, 0.6]), &(0..3), 0.7, 0.3);
        let total = averages.total().expect("facts");
        assert_eq!((total.facts, total.clean, total.corrupted), (2, 0.8, 0.2));
        // differences 0.8 and 0.4: deviation 0.2, over the root of 2
        assert!((total.interval - 1.96 * 0.2 / 2.0_f64.sqrt()).abs() < 1e-12);
        let curves = averages.curves();
        let curve = |role| curves.iter().find(|curve| curve.role == role).expect("the role occurs");
        let last_subject = curve(TokenRole::LastSubject);
        assert_eq!(last_subject.count, 2);
        assert!((last_subject.mean[0] - 0.45).abs() < 1e-12 && (last_subject.effect[0] - 0.25).abs() < 1e-12);
        // probabilities 0.5 and 0.4, effects 0.4 and 0.1
        assert!((last_subject.probability_interval[0] - 1.96 * 0.05 / 2.0_f64.sqrt()).abs() < 1e-12);
        assert!((last_subject.interval[0] - 1.96 * 0.15 / 2.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(curve(TokenRole::MiddleSubject).count, 1);
        assert!(curve(TokenRole::MiddleSubject).interval[0].abs() < 1e-12, "one sample has no spread");
        assert_eq!(curve(TokenRole::FirstSubsequent).count, 2);
        assert!(curves.iter().all(|curve| curve.role != TokenRole::Further), "no such token");
        assert!(Averages::new(false).curves().is_empty() && Averages::new(false).total().is_none());
    }
}
