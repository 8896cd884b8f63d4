//! What kept values from going further, in words.

use locus_plugin::{Course, Edit};

/// What kept a value from going further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueLimit {
    /// Its δ was as long as it may be from this step on.
    Clamp(i64),
    /// How the objective's loss went.
    Loss(Course),
    /// Nothing: with it the model gives the target. What is written into the weights may give less.
    Reached,
    /// The loss was low enough before anything was changed.
    Idle,
}

impl ValueLimit {
    fn words(self, reached: &str) -> String {
        match self {
            Self::Clamp(step) => format!("the clamp was reached at step {step}: raise clamp"),
            Self::Loss(course) => course.limit("raise steps", "raise learning_rate, or edit an earlier layer"),
            Self::Reached => format!("the optimized value gives the target, but the weights do not: {reached}"),
            Self::Idle => "the loss was below stop_below before anything was changed: lower stop_below".to_owned(),
        }
    }

    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
            && match (self, other) {
                (Self::Loss(one), Self::Loss(other)) => std::mem::discriminant(&one) == std::mem::discriminant(&other),
                _ => true,
            }
    }
}

/// A sentence for each kind of limit; of several facts it says how many and names the first.
pub(crate) fn words(limits: &[Option<ValueLimit>], edits: &[Edit], reached: &str) -> Vec<String> {
    let mut told: Vec<ValueLimit> = Vec::new();
    let mut sentences = Vec::new();
    for (edit, limit) in edits.iter().zip(limits).filter_map(|(edit, limit)| Some((edit, (*limit)?))) {
        if told.iter().any(|known| known.is_like(limit)) {
            continue;
        }
        told.push(limit);
        let words = limit.words(reached);
        sentences.push(match edits.len() {
            1 => words,
            facts => {
                let alike = limits.iter().flatten().filter(|other| other.is_like(limit)).count();
                format!("{alike} of {facts} facts ({} is the first): {words}", edit.subject)
            }
        });
    }
    sentences
}
