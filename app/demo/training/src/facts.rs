//! Writes the world's facts as CounterFact records: the request, held-out paraphrases, neighbors.

use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use crate::world::{World, WorldFact};

/// Neighborhood, attribute and generation prompts per record.
pub const PROMPTS: usize = 10;

/// One record in CounterFact's schema.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// Index of the record in the file.
    pub case_id: usize,
    /// Index of the fact in the world, counting also those without a record.
    pub pararel_idx: usize,
    /// What is asked, the true answer, and the one an edit shall put in its place.
    pub requested_rewrite: Rewrite,
    /// The same question in the two templates that were never trained with this subject.
    pub paraphrase_prompts: Vec<String>,
    /// Trained prompts about other subjects with the same true answer.
    pub neighborhood_prompts: Vec<String>,
    /// Trained prompts about other subjects whose true answer is the new one.
    pub attribute_prompts: Vec<String>,
    /// Openings about the subject to generate from.
    pub generation_prompts: Vec<String>,
}

/// The request of a record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rewrite {
    /// A trained template with one `{}`.
    pub prompt: String,
    /// The relation's number in Wikidata.
    pub relation_id: String,
    /// The answer to put in.
    pub target_new: Target,
    /// The answer that is true.
    pub target_true: Target,
    pub subject: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    /// Its text, without leading space.
    pub str: String,
    /// Kind and text: equal for equal things across relations.
    pub id: String,
}

/// All facts that have neighbors, as records. A fact has none when no other prompt in the world has the
/// same answer of the same kind (most capitals); it is trained all the same.
///
/// Neighbors come from the fact's own relation first and then from others with the same kind of answer
/// (the capital Paris beside the landmarks of Paris). Where fewer than ten subjects share the answer, a
/// subject is asked about in more than one way.
pub fn records(world: &World, seed: u64) -> Vec<Record> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut records = Vec::new();
    for (index, fact) in world.facts.iter().enumerate() {
        let neighborhood = prompts_with_answer(world, fact, &fact.answer, &mut rng);
        if neighborhood.len() < PROMPTS {
            continue;
        }
        let new = other_answer(world, fact, &mut rng);
        let mut attribute = prompts_with_answer(world, fact, &new, &mut rng);
        fill_up(&mut attribute);
        let relation = world.relation_of(fact);
        let kind = &relation.kind;
        let target = |answer: &str| Target { str: answer.to_owned(), id: format!("{kind}/{answer}") };
        let prompt = fact.trained.choose(&mut rng).copied().unwrap_or(fact.trained[0]);
        records.push(Record {
            case_id: records.len(),
            pararel_idx: index,
            requested_rewrite: Rewrite {
                prompt: relation.templates[prompt].clone(),
                relation_id: relation.id.clone(),
                target_new: target(&new),
                target_true: target(&fact.answer),
                subject: world.subject_of(fact).to_owned(),
            },
            paraphrase_prompts: fact.held_out.iter().map(|&template| world.prompt(fact, template)).collect(),
            neighborhood_prompts: neighborhood,
            attribute_prompts: attribute,
            generation_prompts: generation_prompts(world, fact, &mut rng),
        });
    }
    records
}

/// Up to ten trained prompts about other subjects whose answer is `answer`: every subject once before any
/// twice, the fact's own relation before others with the same kind of answer.
fn prompts_with_answer(world: &World, fact: &WorldFact, answer: &str, rng: &mut ChaCha8Rng) -> Vec<String> {
    let kind = &world.relation_of(fact).kind;
    let shares = |other: &&WorldFact| {
        other.subject != fact.subject && other.answer == answer && world.relation_of(other).kind == *kind
    };
    let (mut own, mut others): (Vec<&WorldFact>, Vec<&WorldFact>) =
        world.facts.iter().filter(shares).partition(|other| other.relation == fact.relation);
    own.shuffle(rng);
    others.shuffle(rng);
    let mut prompts = Vec::new();
    for group in [own, others] {
        for round in 0..crate::world::TEMPLATES - crate::world::HELD_OUT {
            let asked = group.iter().map(|other| world.prompt(other, other.trained[round]));
            prompts.extend(asked.take(PROMPTS - prompts.len()));
        }
    }
    prompts
}

fn fill_up(prompts: &mut Vec<String>) {
    let distinct = prompts.len();
    if distinct > 0 {
        while prompts.len() < PROMPTS {
            prompts.push(prompts[prompts.len() - distinct].clone());
        }
    }
}

/// Another answer of the same relation, each equally likely.
fn other_answer(world: &World, fact: &WorldFact, rng: &mut ChaCha8Rng) -> String {
    let same_relation = world.facts.iter().filter(|other| other.relation == fact.relation);
    let mut answers: Vec<&String> = same_relation.map(|other| &other.answer).collect();
    answers.sort_unstable();
    answers.dedup();
    answers.retain(|answer| **answer != fact.answer);
    answers.choose(rng).map_or_else(String::new, |answer| (*answer).clone())
}

/// Five times "{} is a" and five openings from the subject's trained templates, as CounterFact repeats its own.
fn generation_prompts(world: &World, fact: &WorldFact, rng: &mut ChaCha8Rng) -> Vec<String> {
    let of_subject: Vec<&WorldFact> = world.facts.iter().filter(|other| other.subject == fact.subject).collect();
    let mut prompts = vec![format!("{} is a", world.subject_of(fact)); PROMPTS / 2];
    while prompts.len() < PROMPTS {
        let Some(other) = of_subject.choose(rng) else { break };
        let Some(&template) = other.trained.choose(rng) else { break };
        prompts.push(world.prompt(other, template));
    }
    prompts
}
