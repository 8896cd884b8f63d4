//! All prompts of a record, scored in one batch.

use super::noise::ScoringNoise;
use super::question::{Asked, Below, Company, Likelihood, Question, SubjectPlace, answer, answer_above, answer_each};
use super::success::Group;
use crate::error::Result;
use crate::model::{LowRankChange, Model};
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
    pub prompt: String,
    pub target: Likelihood,
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
    pub before: Record,
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
        Self::measure_above(model, fact, goal, relations, None)
    }

    /// The same; what `below` has of the same record is not run again, see [`answer_above`].
    ///
    /// # Errors
    /// Those of [`Self::measure`].
    pub fn measure_above(
        model: &Model,
        fact: &Fact,
        goal: &ScoringGoal,
        relations: &[&Fact],
        below: Option<&mut Below>,
    ) -> Result<Self> {
        let mut questions = questions(fact, goal);
        let related = related(relations);
        let (likelihoods, relations) = match &goal.noise {
            None => {
                questions.extend(related);
                let mut all = answer_above(model, &questions, None, below)?;
                let related = all.split_off(all.len() - relations.len());
                (all, related)
            }
            // draws are counted over the rows of one call
            noise => (answer(model, &questions, noise.as_ref())?, answer(model, &related, None)?),
        };
        Ok(Self::of(fact, &likelihoods, relations))
    }

    /// The same for several records, none of them under noise, each under a model of its own that differs from `model` in
    /// changes of low rank, without a copy of any weights.
    ///
    /// # Errors
    /// Those of [`Self::measure`].
    pub fn measure_each<'a>(model: &Model, variants: Vec<VariantOfRecord<'a>>, company: Company) -> Result<Vec<Self>> {
        let ask = |variant: VariantOfRecord<'a>| {
            let mut questions = questions(variant.fact, variant.goal);
            questions.extend(related(variant.relations));
            ((variant.fact, variant.relations.len()), Asked { changes: variant.changes, questions })
        };
        let (facts, asked): (Vec<_>, Vec<Asked>) = variants.into_iter().map(ask).unzip();
        let answers = answer_each(model, &asked, company)?;
        let record = |((fact, relations), mut all): ((&'a Fact, usize), Vec<Vec<Likelihood>>)| {
            let related = all.split_off(all.len() - relations);
            Self::of(fact, &all, related)
        };
        Ok(facts.into_iter().zip(answers).map(record).collect())
    }

    fn of(fact: &Fact, likelihoods: &[Vec<Likelihood>], relations: Vec<Vec<Likelihood>>) -> Self {
        Self { groups: grouped(&prompts(fact), likelihoods), relations: relations.into_iter().flatten().collect() }
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

/// A record to score under a model that differs from others in changes of low rank.
#[derive(Debug)]
pub struct VariantOfRecord<'a> {
    pub changes: Vec<LowRankChange>,
    pub fact: &'a Fact,
    /// What is scored; its noise is passed over.
    pub goal: &'a ScoringGoal,
    /// Other facts about the subject.
    pub relations: &'a [&'a Fact],
}

/// What is asked of all prompts of a fact.
fn questions(fact: &Fact, goal: &ScoringGoal) -> Vec<Question> {
    let both = [goal.target.as_str(), goal.baseline.as_str()];
    let of_group = |(group, prompts): (Group, Vec<String>)| {
        let place = match (group, fact.place()) {
            (Group::Rewrite, Some(place)) => SubjectPlace::At(place),
            (Group::Rewrite | Group::Paraphrase, _) => SubjectPlace::Mentioned,
            _ => SubjectPlace::Elsewhere,
        };
        let ask = move |prompt: String| Question::new(prompt, &both).with_subject(place.clone());
        prompts.into_iter().map(ask).collect::<Vec<_>>()
    };
    Group::ALL.into_iter().zip(prompts(fact)).flat_map(of_group).collect()
}

/// The true answers of other facts.
fn related(relations: &[&Fact]) -> Vec<Question> {
    relations.iter().map(|other| Question::new(other.prompt(), &[&other.target_true])).collect()
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
