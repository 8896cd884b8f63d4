//! Whether an edit took, fact by fact, and what became of the other prompts of the first.

use super::measuring::{goal, likeliness, rewrite};
use crate::error::Error;
use locus_engine::evaluate::{Comparison, Group, Pair, Question, Record, ScoringGoal, answer, wins};
use locus_engine::model::Model;
use locus_plugin::SubjectNoise;
use locus_protocol::{Aim, AimVerdict, EditOrder, Fact, Held, Likeliness, is_lowered};

/// Facts that are scored at once.
const AT_ONCE: usize = 64;
/// Positions of a prompt and both its targets, about.
const POSITIONS: u64 = 16;

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

    /// Parts in which [`Self::further`] scores, each of which it tells: about how many positions run in each.
    pub fn parts(&self) -> Vec<u64> {
        let further: Vec<_> = self.0.iter().skip(1).collect();
        further.chunks(AT_ONCE).map(|part| part.len() as u64 * POSITIONS).collect()
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

/// Paraphrases that follow an edit: the published success, or, where the target is to be lowered, what the edited prompt
/// itself is judged by.
pub fn following(comparison: &Comparison, lowers: bool) -> Option<Held> {
    let (before, after) = (comparison.before.group(Group::Paraphrase), comparison.after.group(Group::Paraphrase));
    let of = |pair: &Pair| likeliness(&pair.target, &pair.baseline);
    let follows = |(before, after): (&Pair, &Pair)| match lowers {
        true => is_lowered(of(before), of(after)),
        false => wins(Group::Paraphrase, after, false),
    };
    count(before.iter().zip(after).map(follows))
}

/// Neighbors that had their answer before an edit, and those of them that still have it: the published success, the
/// true answer ahead of the other text, whichever of them the objective aims at.
pub fn kept(comparison: &Comparison, aim: &Aim, fact: &Fact) -> Option<Held> {
    let is_true = aim.target.trim() == fact.target_true.trim();
    // the target's side wins where it is the true answer
    let group = if is_true { Group::Rewrite } else { Group::Neighborhood };
    let (before, after) = (comparison.before.group(Group::Neighborhood), comparison.after.group(Group::Neighborhood));
    let had = before.iter().zip(after).filter(|(before, _)| wins(group, before, false));
    let kept = count(had.map(|(_, after)| wins(group, after, false)));
    kept.or((!before.is_empty()).then(Held::default))
}

/// How many of some prompts are as they should be; nothing where there are none.
fn count(prompts: impl Iterator<Item = bool>) -> Option<Held> {
    let held =
        prompts.fold(Held::default(), |held, holds| Held { hold: held.hold + usize::from(holds), of: held.of + 1 });
    (held.of > 0).then_some(held)
}

#[cfg(test)]
mod tests {
    use super::{following, kept};
    use locus_engine::evaluate::{Comparison, Group, Likelihood, Pair, Record};
    use locus_protocol::{Aim, Fact, Held};

    /// A group of a record by the probabilities of target and baseline, the more probable one the model's answer.
    fn record(group: Group, pairs: &[[f64; 2]]) -> Record {
        let likelihood = |probability: f64| Likelihood {
            log_probability: probability.ln(),
            tokens: 1,
            hits: usize::from(probability > 0.5),
        };
        let pair = |[target, baseline]: &[f64; 2]| Pair {
            prompt: String::new(),
            target: likelihood(*target),
            baseline: likelihood(*baseline),
        };
        let mut record = Record::default();
        record.set_group(group, pairs.iter().map(pair).collect());
        record
    }

    fn comparison(group: Group, before: &[[f64; 2]], after: &[[f64; 2]]) -> Comparison {
        Comparison { before: record(group, before), after: record(group, after) }
    }

    #[test]
    fn a_paraphrase_follows_where_the_target_wins_or_is_lowered() {
        let raised = comparison(Group::Paraphrase, &[[0.1, 0.8]; 3], &[[0.6, 0.3], [0.4, 0.4], [0.2, 0.7]]);
        assert_eq!(following(&raised, false), Some(Held { hold: 1, of: 3 }), "a tie is no success");
        let lowered = comparison(Group::Paraphrase, &[[0.8, 0.1]; 3], &[[0.3, 0.1], [0.7, 0.1], [0.05, 0.1]]);
        assert_eq!(following(&lowered, true), Some(Held { hold: 2, of: 3 }));
        assert_eq!(following(&Comparison::default(), false), None);
    }

    #[test]
    fn a_neighbor_breaks_that_had_its_answer_and_has_it_no_more() {
        let fact = Fact { target_new: " Oslo".into(), target_true: " Thimphu".into(), ..Fact::default() };
        let aim = |target: &str| Aim { target: target.into(), ..Aim::default() };
        let (before, after) = ([[0.1, 0.8], [0.2, 0.6], [0.7, 0.1]], [[0.1, 0.8], [0.6, 0.2], [0.9, 0.1]]);
        let injected = comparison(Group::Neighborhood, &before, &after);
        assert_eq!(kept(&injected, &aim("Oslo"), &fact), Some(Held { hold: 1, of: 2 }), "the third had none");
        // an objective about the true answer has it on the other side
        let swap = |pairs: [[f64; 2]; 3]| pairs.map(|[target, baseline]| [baseline, target]);
        let erased = comparison(Group::Neighborhood, &swap(before), &swap(after));
        assert_eq!(kept(&erased, &aim("Thimphu"), &fact), Some(Held { hold: 1, of: 2 }));
        let unknown = comparison(Group::Neighborhood, &[[0.7, 0.1]], &[[0.9, 0.1]]);
        assert_eq!(kept(&unknown, &aim("Oslo"), &fact), Some(Held::default()));
        assert_eq!(kept(&Comparison::default(), &aim("Oslo"), &fact), None);
    }
}
