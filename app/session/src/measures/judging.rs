//! Whether an edit reached what its objective aims at, fact by fact.

use super::measuring::{goal, likeliness, rewrite};
use crate::error::Error;
use locus_engine::evaluate::{Question, Record, ScoringGoal, answer};
use locus_engine::model::Model;
use locus_plugin::SubjectNoise;
use locus_protocol::{Aim, AimVerdict, EditOrder, Fact, Likeliness};

/// Facts that are scored at once.
const AT_ONCE: usize = 64;

/// What is aimed at and what is scored, by fact of an edit.
#[derive(Clone, Default)]
pub struct Aims(Vec<(Aim, ScoringGoal)>);

impl Aims {
    /// The aims of an order, which its objective has told, and the noise on the subjects.
    pub fn new(model: &Model, aims: &[Aim], noise: Option<&SubjectNoise>, order: &EditOrder) -> Self {
        let scored = |(fact, aim): (&Fact, &Aim)| (aim.clone(), goal(model, noise, aim, fact));
        Self(order.facts().zip(aims).map(scored).collect())
    }

    /// What is aimed at with the first fact.
    pub fn first(&self) -> Aim {
        self.0.first().map(|(aim, _)| aim.clone()).unwrap_or_default()
    }

    /// What is scored of the first fact.
    pub fn first_goal(&self) -> Option<&ScoringGoal> {
        self.0.first().map(|(_, goal)| goal)
    }

    /// Parts in which [`Self::further`] scores, each of which it tells.
    pub fn parts(&self) -> u64 {
        self.0.len().saturating_sub(1).div_ceil(AT_ONCE) as u64
    }

    /// How likely both texts of each further fact are under a model; the first is measured at length elsewhere.
    pub fn further(
        &self,
        model: &Model,
        order: &EditOrder,
        listen: &mut dyn FnMut() -> Result<(), Error>,
    ) -> Result<Vec<Likeliness>, Error> {
        let mut found = Vec::new();
        let further: Vec<(&Fact, &ScoringGoal)> =
            order.more.iter().zip(self.0.iter().skip(1).map(|(_, goal)| goal)).collect();
        for part in further.chunks(AT_ONCE) {
            listen()?;
            if part.iter().all(|(_, goal)| goal.noise.is_none()) {
                let ask = |(fact, goal): &(&Fact, &ScoringGoal)| {
                    Question::new(fact.prompt(), &[&goal.target, &goal.baseline])
                };
                let answers = answer(model, &part.iter().map(ask).collect::<Vec<_>>(), None)?;
                found.extend(answers.iter().map(|pair| likeliness(&pair[0], &pair[1])));
                continue;
            }
            for (fact, goal) in part {
                let (paraphrases, neighborhood, attributes) = (Vec::new(), Vec::new(), Vec::new());
                let alone = Fact { paraphrases, neighborhood, attributes, ..(*fact).clone() };
                found.extend(rewrite(&Record::measure(model, &alone, goal, &[])?));
            }
        }
        Ok(found)
    }

    /// The verdict on an edit of these facts, from how likely their texts were before and are after.
    pub fn verdict(&self, order: &EditOrder, before: &[Likeliness], after: &[Likeliness]) -> AimVerdict {
        let both = before.iter().copied().zip(after.iter().copied());
        let facts = order.facts().zip(&self.0).zip(both);
        AimVerdict::of(facts.map(|((fact, (aim, _)), (before, after))| (fact, aim, before, after)))
    }
}
