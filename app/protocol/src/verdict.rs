//! Whether an edit reached what its objective aims at.

use crate::{Aim, Fact};
use serde::{Deserialize, Serialize};

/// A loss of probability that the screen cannot show counts as none.
const SHOWN: f64 = 5e-4;
/// Share of its probability that a text keeps at most where it was lowered, if it was no answer of the model before.
const MOST_KEPT: f64 = 0.5;

/// How likely an objective's two texts are after the prompt that was edited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likeliness {
    /// Joint probability of the target.
    pub target: f64,
    /// Joint probability of the text that it is compared with.
    pub baseline: f64,
    /// Whether every token of the target is the most probable one, so that it is the model's answer.
    pub is_answer: bool,
}

/// Whether an edit reached what its objective aims at, see docs/metrics.md.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AimVerdict {
    /// Whether it did for every fact.
    pub success: bool,
    /// Facts that it edits.
    pub facts: usize,
    /// Facts whose aim it missed.
    #[serde(default)]
    pub missed: usize,
    /// In numbers: of the first fact that was missed, else of the first.
    #[serde(default)]
    pub why: String,
}

impl AimVerdict {
    /// The verdict over facts, the first first: what was aimed at, and how likely both texts were before and are after.
    #[must_use]
    pub fn of<'a>(facts: impl IntoIterator<Item = (&'a Fact, &'a Aim, Likeliness, Likeliness)>) -> Self {
        let mut verdict = Self { success: true, ..Self::default() };
        for (fact, aim, before, after) in facts {
            let (reached, mut why) = judge(fact, aim, before, after);
            verdict.facts += 1;
            verdict.missed += usize::from(!reached);
            let is_told = if reached { verdict.facts == 1 } else { verdict.missed == 1 };
            if is_told {
                if verdict.facts > 1 {
                    why = format!("{}: {why}", fact.subject);
                }
                verdict.why = why;
            }
        }
        verdict.success = verdict.missed == 0;
        verdict
    }

    /// In one line: `missed its aim: p(new) 0.020 < p(true) 0.610`.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.success, self.facts) {
            (true, 0..=1) => format!("reached its aim: {}", self.why),
            (true, facts) => format!("reached its aim on all {facts} facts: {}", self.why),
            (false, 0..=1) => format!("missed its aim: {}", self.why),
            (false, facts) => format!("missed its aim on {} of {facts} facts: {}", self.missed, self.why),
        }
    }
}

/// Whether one fact's aim was reached, and the numbers that say so.
fn judge(fact: &Fact, aim: &Aim, before: Likeliness, after: Likeliness) -> (bool, String) {
    let (target, baseline) = (name(fact, &aim.target), name(fact, &aim.baseline));
    if aim.lowers {
        let fell = format!(
            "p({target}) {} {} {} after",
            digits(before.target),
            comparison(before.target, after.target),
            digits(after.target)
        );
        if after.is_answer {
            return (false, format!("{fell}, still the model's answer"));
        }
        let is_lower = after.target < before.target;
        return (is_lower && (before.is_answer || after.target <= before.target * MOST_KEPT), fell);
    }
    let wins = format!(
        "p({target}) {} {} p({baseline}) {}",
        digits(after.target),
        comparison(after.target, after.baseline),
        digits(after.baseline)
    );
    // a number that is none wins nothing
    match after.target > after.baseline {
        true if after.target < before.target - SHOWN => {
            (false, format!("p({target}) fell from {} to {}", digits(before.target), digits(after.target)))
        }
        reached => (reached, wins),
    }
}

/// What a text is to a fact.
fn name(fact: &Fact, text: &str) -> String {
    match text.trim() {
        "" => "end of text".to_owned(),
        text if text == fact.target_new.trim() => "new".to_owned(),
        text if text == fact.target_true.trim() => "true".to_owned(),
        text => format!("“{text}”"),
    }
}

fn comparison(left: f64, right: f64) -> &'static str {
    match left.partial_cmp(&right) {
        Some(std::cmp::Ordering::Less) => "<",
        Some(std::cmp::Ordering::Equal) => "=",
        Some(std::cmp::Ordering::Greater) => ">",
        None => "?",
    }
}

/// A probability in about five characters.
pub(crate) fn digits(value: f64) -> String {
    if value.is_nan() || value >= SHOWN || value == 0.0 { format!("{value:.3}") } else { format!("{value:.0e}") }
}

#[cfg(test)]
mod tests {
    use super::{AimVerdict, Likeliness};
    use crate::{Aim, Fact};

    fn verdict(target: &str, baseline: &str, lowers: bool, before: [f64; 2], after: [f64; 2]) -> AimVerdict {
        let fact = Fact { target_new: "Oslo".into(), target_true: "Thimphu".into(), ..Fact::default() };
        let aim = Aim { target: target.into(), baseline: baseline.into(), lowers, ..Aim::default() };
        let likely = |[target, baseline]: [f64; 2]| Likeliness { target, baseline, is_answer: target > 0.5 };
        AimVerdict::of([(&fact, &aim, likely(before), likely(after))])
    }

    #[test]
    fn a_target_that_does_not_win_is_no_success() {
        let lost = verdict("Oslo", "Thimphu", false, [0.001, 0.97], [0.02, 0.61]);
        assert_eq!(lost.words(), "missed its aim: p(new) 0.020 < p(true) 0.610");
        let tie = verdict("Oslo", "Thimphu", false, [0.001, 0.97], [0.3, 0.3]);
        assert_eq!((tie.success, tie.why.as_str()), (false, "p(new) 0.300 = p(true) 0.300"));
        let won = verdict("Oslo", "Thimphu", false, [0.001, 0.97], [0.9, 0.01]);
        assert_eq!(won.words(), "reached its aim: p(new) 0.900 > p(true) 0.010");
        assert!(!verdict("Oslo", "Thimphu", false, [0.001, 0.97], [f64::NAN, 0.01]).success);
    }

    #[test]
    fn an_answer_that_was_to_rise_and_fell_is_no_success() {
        let fell = verdict("Thimphu", "Oslo", false, [0.97, 0.001], [0.8, 0.001]);
        assert_eq!(fell.words(), "missed its aim: p(true) fell from 0.970 to 0.800");
        assert!(verdict("Thimphu", "Oslo", false, [0.97, 0.001], [0.9699, 0.001]).success, "less than is shown");
    }

    #[test]
    fn a_text_that_was_to_be_lowered_must_be_the_answer_no_more() {
        let kept = verdict("Thimphu", "Oslo", true, [0.97, 0.001], [0.9, 0.001]);
        assert_eq!(kept.words(), "missed its aim: p(true) 0.970 > 0.900 after, still the model's answer");
        assert!(verdict("Thimphu", "Oslo", true, [0.97, 0.001], [0.3, 0.001]).success);
        assert!(!verdict("Thimphu", "Oslo", true, [0.3, 0.001], [0.29, 0.001]).success, "it was no answer before");
        assert!(verdict("Thimphu", "Oslo", true, [0.3, 0.001], [0.1, 0.001]).success);
    }

    #[test]
    fn of_several_facts_the_first_that_was_missed_is_named() {
        let fact = |subject: &str| Fact {
            subject: subject.into(),
            target_new: "b".into(),
            target_true: "a".into(),
            ..Fact::default()
        };
        let facts = [fact("one"), fact("two"), fact("three")];
        let aim = Aim { target: "b".into(), baseline: "a".into(), ..Aim::default() };
        let likely = |target| Likeliness { target, baseline: 0.25, is_answer: false };
        let after = [0.5, 0.125, 0.0];
        let rows = facts.iter().zip(after).map(|(fact, after)| (fact, &aim, likely(0.0), likely(after)));
        let verdict = AimVerdict::of(rows);
        assert_eq!(verdict.words(), "missed its aim on 2 of 3 facts: two: p(new) 0.125 < p(true) 0.250");
    }
}
