//! Other facts whose runs give the activations that ablated ones are replaced by.

use crate::error::Error;
use crate::pace::RunningJob;
use locus_engine::model::Model;
use locus_engine::noise::LegacyRandom;
use locus_engine::trace::{Donor, Means, Replacement, TracedQuestion};
use locus_protocol::{Fact, Intervention, TraceOrder};

/// Prompts that a mean is taken over.
const PROMPTS_OF_A_MEAN: usize = 64;

/// The replacement that an ablation asks for, and the subjects that it comes from.
pub fn replacement(
    job: RunningJob<'_>,
    model: &Model,
    order: &TraceOrder,
    question: &TracedQuestion,
) -> Result<(Replacement, Vec<String>), Error> {
    let loaded = job.loaded;
    let mut random = LegacyRandom::new(order.seed);
    match order.intervention {
        Intervention::AblateMean => {
            let others = drawn(others(&loaded.facts, &order.fact), PROMPTS_OF_A_MEAN, &mut random);
            if others.is_empty() {
                return Err(nobody("a mean is taken over the prompts of other facts"));
            }
            let prompts = others.iter().map(|fact| model.tokenizer.encode(&fact.prompt()));
            let prompts = prompts.collect::<Result<Vec<_>, _>>()?;
            let means = Means::over(model, &prompts, &mut || job.check_cancel())?;
            Ok((Replacement::Mean(means), others.iter().map(|fact| fact.subject.clone()).collect()))
        }
        Intervention::AblateResample => {
            let subjects = drawn(counterparts(&loaded.facts, &order.fact), usize::MAX, &mut random);
            let mut questions = Vec::new();
            for subject in subjects {
                let answer = super::traced_answer(order);
                // a subject that its own tokens hide, or one too long for the context, is no donor
                if let Ok(donor) = TracedQuestion::new(model, &order.fact.template, &subject, &answer) {
                    questions.push((subject, donor));
                }
            }
            // as many tokens as the subject, as long as there are such; the sort keeps the drawn order otherwise
            questions.sort_by_key(|(_, donor)| donor.subject.len().abs_diff(question.subject.len()));
            questions.truncate(order.samples);
            if questions.is_empty() {
                return Err(nobody("resample ablation takes activations from other subjects"));
            }
            let mut donors = Vec::new();
            for (_, donor) in &questions {
                job.check_cancel()?;
                donors.push(Donor::new(model, question, donor)?);
            }
            Ok((Replacement::Resample(donors), questions.into_iter().map(|(subject, _)| subject).collect()))
        }
        _ => Ok((Replacement::Zero, Vec::new())),
    }
}

fn nobody(why: &str) -> Error {
    Error::Request(format!("{why}, and there are none; give a file with --facts"))
}

/// Facts about other subjects, one for each prompt.
fn others<'a>(facts: &'a [Fact], fact: &Fact) -> Vec<&'a Fact> {
    facts.iter().filter(|other| other.subject != fact.subject).collect()
}

/// Subjects that fit into the fact's template and have another answer: those of the same relation, or all.
fn counterparts(facts: &[Fact], fact: &Fact) -> Vec<String> {
    let mut found: Vec<&Fact> =
        others(facts, fact).into_iter().filter(|other| other.target_true != fact.target_true).collect();
    let same = |other: &&Fact| !fact.relation.is_empty() && other.relation == fact.relation;
    if found.iter().any(same) {
        found.retain(same);
    }
    let mut subjects: Vec<String> = found.into_iter().map(|other| other.subject.clone()).collect();
    subjects.sort();
    subjects.dedup();
    subjects
}

/// `count` of them, drawn without putting back, in the order of the draws.
fn drawn<T>(mut from: Vec<T>, count: usize, random: &mut LegacyRandom) -> Vec<T> {
    let count = count.min(from.len());
    for place in 0..count {
        let left = from.len() - place;
        let chosen = place + ((random.uniform() * left as f64) as usize).min(left - 1);
        from.swap(place, chosen);
    }
    from.truncate(count);
    from
}

#[cfg(test)]
mod tests {
    use super::{counterparts, drawn};
    use locus_engine::noise::LegacyRandom;
    use locus_protocol::Fact;

    fn fact(subject: &str, relation: &str, target: &str) -> Fact {
        let text = str::to_owned;
        Fact { subject: text(subject), relation: text(relation), target_true: text(target), ..Fact::default() }
    }

    #[test]
    fn counterparts_share_the_relation_and_not_the_answer() {
        let facts = [
            fact("France", "capital", "Paris"),
            fact("Gaul", "capital", "Paris"),
            fact("Italy", "capital", "Rome"),
            fact("Monet", "profession", "painter"),
        ];
        assert_eq!(counterparts(&facts, &facts[0]), ["Italy"]);
        assert_eq!(counterparts(&facts, &fact("France", "", "Paris")), ["Italy", "Monet"]);
    }

    #[test]
    fn the_seed_decides_the_draw() {
        let draw = |seed| drawn((0..100).collect(), 10, &mut LegacyRandom::new(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let mut all: Vec<i32> = drawn((0..100).collect(), 200, &mut LegacyRandom::new(3));
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>(), "nobody twice");
    }
}
