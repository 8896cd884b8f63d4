//! Whether an edit reached its objective's goal.

use crate::{Aim, Fact};
use serde::{Deserialize, Serialize};

/// A smaller loss of probability, which the screen cannot show, counts as none.
const SHOWN: f64 = 5e-4;
/// Most limits in one line.
const LIMITS: usize = 2;
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

/// How many of a group of prompts hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Number of prompts that hold.
    pub hold: usize,
    /// Number of measured prompts.
    pub of: usize,
}

impl Held {
    /// Number of prompts that do not hold.
    #[must_use]
    pub fn broken(self) -> usize {
        self.of.saturating_sub(self.hold)
    }
}

/// Grade of a verdict, for its color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// The edit took, all paraphrases follow and all neighbors hold, if there are any.
    Took,
    /// It took, but a paraphrase does not follow or a neighbor broke.
    TookBut,
    /// It did not take for at least one fact.
    DidNotTake,
}

/// Whether an edit reached its objective's goal, and its effect on the other prompts, see docs/metrics.md.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AimVerdict {
    /// Whether it took for every fact.
    pub success: bool,
    /// Number of edited facts.
    pub facts: usize,
    /// Number of facts for which it did not take.
    #[serde(default)]
    pub missed: usize,
    /// In numbers: of the first fact for which it did not take, else of the first.
    #[serde(default)]
    pub why: String,
    /// Paraphrases of the first fact that follow the edit; `None` if it has none or they were
    /// not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paraphrases: Option<Held>,
    /// Neighbors of the first fact that had their answer before the edit, and how many of them still have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbors: Option<Held>,
    /// What kept the method from going further, with the setting to change; shown if
    /// the edit did not take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
}

impl AimVerdict {
    /// The verdict over facts, in order: the aim, and how likely both texts were before and are after.
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

    /// Whether it took, took with reservations, or did not take.
    #[must_use]
    pub fn grade(&self) -> Grade {
        let is_broken = |held: Option<Held>| held.is_some_and(|held| held.broken() > 0);
        match self.success {
            false => Grade::DidNotTake,
            true if is_broken(self.paraphrases) || is_broken(self.neighbors) => Grade::TookBut,
            true => Grade::Took,
        }
    }

    /// Without numbers of the edited prompt: `took, but 0 of 2 paraphrases hold`.
    #[must_use]
    pub fn headline(&self) -> String {
        let took = match (self.success, self.facts) {
            (true, 0..=1) => "took".to_owned(),
            (true, facts) => format!("took on all {facts} facts"),
            (false, 0..=1) => return "did not take".to_owned(),
            (false, facts) => return format!("did not take on {} of {facts} facts", self.missed),
        };
        let paraphrases = self.paraphrases.filter(|held| held.broken() > 0);
        let paraphrases =
            paraphrases.map(|held| format!("{} of {} {} hold", held.hold, held.of, self.named("paraphrases")));
        let buts: Vec<String> = paraphrases.into_iter().chain(self.broken_neighbors()).collect();
        if buts.is_empty() { took } else { format!("{took}, but {}", buts.join(" and ")) }
    }

    /// In one line: `did not take: p(new) 0.020 < p(true) 0.610; the loss is flat since step 4: raise learning_rate`.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = vec![format!("{}: {}", self.headline(), self.why)];
        if self.success {
            let held = [(self.paraphrases, "paraphrases"), (self.neighbors, "neighbors")];
            let held = held.into_iter().filter_map(|(held, name)| {
                let held = held.filter(|held| held.of > 0 && held.broken() == 0)?;
                Some(format!("{} of {} {}", held.hold, held.of, self.named(name)))
            });
            let held: Vec<String> = held.collect();
            words.extend((!held.is_empty()).then(|| format!("{} hold", held.join(" and "))));
        } else {
            words.extend(self.limits.iter().take(LIMITS).cloned());
            words.extend(self.broken_neighbors());
        }
        words.join("; ")
    }

    fn broken_neighbors(&self) -> Option<String> {
        let held = self.neighbors.filter(|held| held.broken() > 0)?;
        Some(format!("{} of {} {} broke", held.broken(), held.of, self.named("neighbors")))
    }

    /// Only prompts of the first fact are measured; with several facts, says so.
    fn named(&self, prompts: &str) -> String {
        if self.facts > 1 { format!("{prompts} of the first fact") } else { prompts.to_owned() }
    }
}

/// Whether an edit that should lower its target did so at one prompt.
#[must_use]
pub fn is_lowered(before: Likeliness, after: Likeliness) -> bool {
    !after.is_answer && after.target < before.target && (before.is_answer || after.target <= before.target * MOST_KEPT)
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
        let still = if after.is_answer { ", still the model's answer" } else { "" };
        return (is_lowered(before, after), format!("{fell}{still}"));
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

/// Name of a text's role in a fact.
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
    use super::{AimVerdict, Grade, Held, Likeliness};
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
        assert_eq!(lost.words(), "did not take: p(new) 0.020 < p(true) 0.610");
        let tie = verdict("Oslo", "Thimphu", false, [0.001, 0.97], [0.3, 0.3]);
        assert_eq!((tie.success, tie.why.as_str()), (false, "p(new) 0.300 = p(true) 0.300"));
        let won = verdict("Oslo", "Thimphu", false, [0.001, 0.97], [0.9, 0.01]);
        assert_eq!(won.words(), "took: p(new) 0.900 > p(true) 0.010");
        assert!(!verdict("Oslo", "Thimphu", false, [0.001, 0.97], [f64::NAN, 0.01]).success);
    }

    #[test]
    fn an_answer_that_was_to_rise_and_fell_is_no_success() {
        let fell = verdict("Thimphu", "Oslo", false, [0.97, 0.001], [0.8, 0.001]);
        assert_eq!(fell.words(), "did not take: p(true) fell from 0.970 to 0.800");
        assert!(verdict("Thimphu", "Oslo", false, [0.97, 0.001], [0.9699, 0.001]).success, "less than is shown");
    }

    #[test]
    fn a_text_that_was_to_be_lowered_must_be_the_answer_no_more() {
        let kept = verdict("Thimphu", "Oslo", true, [0.97, 0.001], [0.9, 0.001]);
        assert_eq!(kept.words(), "did not take: p(true) 0.970 > 0.900 after, still the model's answer");
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
        assert_eq!(verdict.words(), "did not take on 2 of 3 facts: two: p(new) 0.125 < p(true) 0.250");
    }

    #[test]
    fn what_became_of_the_other_prompts_is_said_with_it() {
        let held = |hold, of| Some(Held { hold, of });
        let took = verdict("Oslo", "Thimphu", false, [0.001, 0.97], [0.9, 0.01]);
        let with = |paraphrases, neighbors| AimVerdict { paraphrases, neighbors, ..took.clone() };
        let numbers = "p(new) 0.900 > p(true) 0.010";
        let whole = with(held(2, 2), held(10, 10));
        assert_eq!(whole.words(), format!("took: {numbers}; 2 of 2 paraphrases and 10 of 10 neighbors hold"));
        assert_eq!((whole.grade(), whole.headline().as_str()), (Grade::Took, "took"));
        let narrow = with(held(0, 2), held(10, 10));
        assert_eq!(narrow.words(), format!("took, but 0 of 2 paraphrases hold: {numbers}; 10 of 10 neighbors hold"));
        let broad = with(held(2, 2), held(7, 10));
        assert_eq!(broad.words(), format!("took, but 3 of 10 neighbors broke: {numbers}; 2 of 2 paraphrases hold"));
        let both = with(held(1, 2), held(7, 10));
        assert_eq!(both.headline(), "took, but 1 of 2 paraphrases hold and 3 of 10 neighbors broke");
        assert_eq!((both.grade(), with(None, held(0, 0)).grade()), (Grade::TookBut, Grade::Took));
        assert_eq!(with(None, held(0, 0)).words(), format!("took: {numbers}"), "no neighbor had its answer before");
        let several = AimVerdict { facts: 3, ..narrow };
        assert_eq!(several.headline(), "took on all 3 facts, but 0 of 2 paraphrases of the first fact hold");
    }

    #[test]
    fn an_edit_that_did_not_take_says_what_held_it() {
        let lost = verdict("Oslo", "Thimphu", false, [0.001, 0.97], [0.02, 0.61]);
        let limits = vec!["the norm constraint was reached at step 12: raise norm_constraint".to_owned()];
        let paraphrases = Some(Held { hold: 0, of: 2 });
        let held = AimVerdict { limits, paraphrases, neighbors: Some(Held { hold: 8, of: 10 }), ..lost };
        let words = "did not take: p(new) 0.020 < p(true) 0.610; the norm constraint was reached at step 12: raise \
                     norm_constraint; 2 of 10 neighbors broke";
        assert_eq!((held.words().as_str(), held.grade()), (words, Grade::DidNotTake));
        let took = AimVerdict { success: true, ..held };
        assert!(!took.words().contains("norm"), "what held an edit that took all the same is no matter");
    }

    #[test]
    fn a_verdict_of_an_older_program_is_read() {
        let old = r#"{"success":true,"facts":1,"missed":0,"why":"p(new) 0.9 > p(true) 0.1"}"#;
        let read: AimVerdict = serde_json::from_str(old).expect("a verdict");
        assert_eq!(read.words(), "took: p(new) 0.9 > p(true) 0.1");
        assert_eq!(serde_json::to_string(&read).expect("JSON"), old, "what was not looked at is not told");
    }
}
