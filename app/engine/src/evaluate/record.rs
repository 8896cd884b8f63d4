//! All prompts of a record, scored in one batch.

use super::noise::ScoringNoise;
use super::question::{Likelihood, Question, answer};
use super::success::Group;
use crate::error::Result;
use crate::model::Model;
use locus_protocol::Fact;

/// What an objective wants of a fact, as far as scoring goes (spec objectives.md 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// The text whose probability is scored, `target_new` of the published code.
    pub target: String,
    /// The text it is compared with, `request_baseline` of the published code.
    pub baseline: String,
    /// Noise on the subject in every prompt of the record.
    pub noise: Option<ScoringNoise>,
}

/// A prompt and both texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The prompt.
    pub prompt: String,
    /// The target.
    pub target: Likelihood,
    /// The baseline.
    pub baseline: Likelihood,
}

/// A record's likelihoods under one model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// By group in the order of [`Group::ALL`], tokenised apart.
    groups: [Vec<Pair>; 4],
    /// The same tokenised jointly, where that was asked for.
    joint: [Vec<Pair>; 4],
    /// The true answers of other facts about the subject, never under noise.
    pub relations: Vec<Likelihood>,
}

/// A record before and after an edit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Before.
    pub before: Record,
    /// After.
    pub after: Record,
}

impl Record {
    /// Scores all prompts of `fact`, and the true answers of `relations`, other facts about its subject. With `joint`
    /// both are scored on their joint text as well, as ROME and MEMIT do; where that is the same, at no cost.
    ///
    /// # Errors
    /// An empty prompt or target; a prompt that exceeds the context.
    pub fn measure(model: &Model, fact: &Fact, goal: &Goal, relations: &[&Fact], joint: bool) -> Result<Self> {
        let prompts = prompts(fact);
        let both = [goal.target.as_str(), goal.baseline.as_str()];
        let apart = prompts.iter().flatten().map(|prompt| Question::new(prompt, &both));
        let mut questions: Vec<Question> = apart.collect();
        let asked = questions.len();
        let jointly: Vec<Question> =
            if joint { questions.iter().cloned().map(Question::joint).collect() } else { Vec::new() };
        let related = relations.iter().map(|other| Question::new(other.prompt(), &[&other.target_true]));
        let (likelihoods, jointly, relations) = match &goal.noise {
            None => {
                questions.extend(jointly);
                questions.extend(related);
                let mut all = answer(model, &questions, None)?;
                let related = all.split_off(all.len() - relations.len());
                let jointly = all.split_off(asked);
                (all, jointly, related)
            }
            // draws are counted over the rows of one call
            noise => {
                let related: Vec<Question> = related.collect();
                (
                    answer(model, &questions, noise.as_ref())?,
                    answer(model, &jointly, noise.as_ref())?,
                    answer(model, &related, None)?,
                )
            }
        };
        Ok(Self {
            groups: grouped(&prompts, &likelihoods),
            joint: if joint { grouped(&prompts, &jointly) } else { Default::default() },
            relations: relations.into_iter().flatten().collect(),
        })
    }

    /// The prompts of a group, target and baseline tokenised apart from them.
    #[must_use]
    pub fn group(&self, group: Group) -> &[Pair] {
        &self.groups[group as usize]
    }

    /// Puts other likelihoods in the place of a group's, tokenised apart.
    pub fn set_group(&mut self, group: Group, pairs: Vec<Pair>) {
        self.groups[group as usize] = pairs;
    }

    /// The prompts of a group, tokenised jointly; none where that was not asked for.
    #[must_use]
    pub fn joint_group(&self, group: Group) -> &[Pair] {
        &self.joint[group as usize]
    }
}

/// By group of [`Group::ALL`].
fn prompts(fact: &Fact) -> [Vec<String>; 4] {
    [vec![fact.prompt()], fact.paraphrases.clone(), fact.neighborhood.clone(), fact.attributes.clone()]
}

fn grouped(prompts: &[Vec<String>; 4], likelihoods: &[Vec<Likelihood>]) -> [Vec<Pair>; 4] {
    let mut likelihoods = likelihoods.iter();
    let mut pair = |prompt: &String| {
        let both = likelihoods.next()?;
        Some(Pair { prompt: prompt.clone(), target: both[0], baseline: both[1] })
    };
    std::array::from_fn(|group| prompts[group].iter().filter_map(&mut pair).collect())
}
