//! All prompts of a record, scored in one batch.

use super::noise::ScoringNoise;
use super::question::{Likelihood, Question, SubjectPlace, answer};
use super::success::Group;
use crate::error::Result;
use crate::model::Model;
use locus_protocol::Fact;

/// What an objective wants of a fact, as far as scoring goes.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoringGoal {
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
    /// By group in the order of [`Group::ALL`].
    groups: [Vec<Pair>; 4],
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
    /// Scores all prompts of `fact`, and the true answers of `relations`, other facts about its subject. Noise is on the
    /// subject in the fact's own prompt and in its other wordings; prompts about others stay clean, even where they
    /// mention the subject.
    ///
    /// # Errors
    /// An empty prompt or target; a prompt that exceeds the context.
    pub fn measure(model: &Model, fact: &Fact, goal: &ScoringGoal, relations: &[&Fact]) -> Result<Self> {
        let prompts = prompts(fact);
        let both = [goal.target.as_str(), goal.baseline.as_str()];
        let mut questions = Vec::new();
        for (group, prompts) in Group::ALL.into_iter().zip(&prompts) {
            let place = || match (group, fact.place()) {
                (Group::Rewrite, Some(place)) => SubjectPlace::At(place),
                (Group::Rewrite | Group::Paraphrase, _) => SubjectPlace::Mentioned,
                _ => SubjectPlace::Elsewhere,
            };
            questions.extend(prompts.iter().map(|prompt| Question::new(prompt, &both).with_subject(place())));
        }
        let related = relations.iter().map(|other| Question::new(other.prompt(), &[&other.target_true]));
        let (likelihoods, relations) = match &goal.noise {
            None => {
                questions.extend(related);
                let mut all = answer(model, &questions, None)?;
                let related = all.split_off(all.len() - relations.len());
                (all, related)
            }
            // draws are counted over the rows of one call
            noise => {
                let related: Vec<Question> = related.collect();
                (answer(model, &questions, noise.as_ref())?, answer(model, &related, None)?)
            }
        };
        Ok(Self { groups: grouped(&prompts, &likelihoods), relations: relations.into_iter().flatten().collect() })
    }

    /// The prompts of a group.
    #[must_use]
    pub fn group(&self, group: Group) -> &[Pair] {
        &self.groups[group as usize]
    }

    /// Puts other likelihoods in the place of a group's.
    pub fn set_group(&mut self, group: Group, pairs: Vec<Pair>) {
        self.groups[group as usize] = pairs;
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
