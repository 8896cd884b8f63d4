//! What is measured of one fact under one model: likelihoods, accuracy, texts.

use crate::error::Error;
use locus_engine::evaluate::{
    Averaging, Below, Comparison, Consistency, ESSENCE_TOKENS, FLUENCY_TOKENS, FreeTexts, Group, Likelihood,
    NormalizedScores, Numbers, OF_TEXTS, Record, ScoringGoal, ScoringNoise, accuracies, essence_score, fact_seed,
    perplexities, record_scores,
};
use locus_engine::model::Model;
use locus_engine::noise::LegacyRandom;
use locus_engine::run::{Choice, Generated, Length, generate};
use locus_plugin::SubjectNoise;
use locus_protocol::{Aim, Fact, FreeText, Likeliness, Measures, Said, Scores};

/// What is measured, and against what.
pub struct Case<'a> {
    pub fact: &'a Fact,
    /// Target and baseline to score.
    pub goal: ScoringGoal,
    /// Whether the target's probability is to be low.
    pub lowers: bool,
    /// Other facts about the subject.
    pub relations: Vec<Fact>,
    /// Prompts after which the model says something.
    pub spoken: Vec<String>,
    /// Texts of the unedited model about the subject, where essence is measured.
    pub essence: Vec<String>,
}

/// One fact under one model.
#[derive(Clone)]
pub struct Measured {
    record: Record,
    said: Vec<String>,
    /// Of the prompt, of its other wordings, and of questions about something else.
    accuracy: [Option<f64>; 3],
    /// Perplexities of the texts about the subject.
    essence: Vec<f64>,
    /// Means over generated texts, by name.
    of_texts: Vec<(&'static str, Option<f64>)>,
    consistency: Option<f64>,
    /// What the model says freely after the record's prompts, where that is asked for and the objective noises none.
    free: Option<FreeTexts>,
}

/// How likely both texts are after the prompt that is edited.
pub fn rewrite(record: &Record) -> Option<Likeliness> {
    let pair = record.group(Group::Rewrite).first()?;
    Some(likeliness(&pair.target, &pair.baseline))
}

/// How likely both texts are.
pub fn likeliness(target: &Likelihood, baseline: &Likelihood) -> Likeliness {
    Likeliness { target: target.probability(), baseline: baseline.probability(), is_answer: target.most_probable() }
}

/// What an objective made of a fact, as scoring needs it.
pub fn goal(model: &Model, noise: Option<&SubjectNoise>, aim: &Aim, fact: &Fact) -> ScoringGoal {
    let noise = noise.map(|noise| ScoringNoise {
        subject: fact.subject.clone(),
        level: noise.level,
        seed: noise.seed,
        misaligned: noise.published_positions,
    });
    ScoringGoal { target: aim.target.clone(), baseline: or_end_of_text(model, &aim.baseline), noise }
}

/// The new target against the true one; where the file has no new one, the true one against the end of the text.
pub fn plain_goal(model: &Model, fact: &Fact) -> ScoringGoal {
    let (target, baseline) = match fact.target_new.trim().is_empty() {
        true => (&fact.target_true, ""),
        false => (&fact.target_new, fact.target_true.as_str()),
    };
    ScoringGoal { target: target.clone(), baseline: or_end_of_text(model, baseline), noise: None }
}

fn or_end_of_text(model: &Model, text: &str) -> String {
    if text.trim().is_empty() { model.tokenizer.end_of_text() } else { text.to_owned() }
}

/// Facts of `all` about the same subject as `fact` that are neither it nor edited with it.
pub fn relations(all: &[Fact], fact: &Fact, edited: &[&Fact]) -> Vec<Fact> {
    let other = |candidate: &&Fact| {
        let same = |known: &Fact| known.template == candidate.template && known.subject == candidate.subject;
        candidate.subject == fact.subject
            && !candidate.target_true.trim().is_empty()
            && !same(fact)
            && !edited.iter().any(|edited| same(edited))
    };
    all.iter().filter(other).cloned().collect()
}

/// Whether texts are generated after the prompts of the record that are there for it.
pub fn takes_texts(case: &Case<'_>, measures: &Measures) -> bool {
    let takes = OF_TEXTS.iter().any(|(name, _)| measures.takes(name)) || measures.consistency.is_some();
    takes && !case.fact.generation.is_empty()
}

/// Whether the model goes on freely after the record's prompts: not where the objective noises the subject, which is for
/// likelihoods.
pub fn speaks_freely(case: &Case<'_>, measures: &Measures) -> bool {
    measures.free_generation > 0 && case.goal.noise.is_none()
}

/// Measures one fact. What `below` has of its record is not run again. `listen` is asked before the record and before every
/// generated token, and can stop it by an error.
pub fn measure(
    model: &Model,
    case: &Case<'_>,
    measures: &Measures,
    consistency: Option<&Consistency>,
    below: Option<&mut Below>,
    listen: &mut dyn FnMut() -> locus_engine::Result<()>,
) -> Result<Measured, Error> {
    let relations: Vec<&Fact> = case.relations.iter().collect();
    listen()?;
    let record = Record::measure_above(model, case.fact, &case.goal, &relations, below)?;
    measure_beside(model, case, record, measures, consistency, listen)
}

/// Whether all that is measured of a case are likelihoods of its record, so that [`measure_beside`] runs no model.
pub fn is_record_alone(case: &Case<'_>, measures: &Measures) -> bool {
    let texts = !case.fact.generation.is_empty() && OF_TEXTS.iter().any(|(name, _)| measures.takes(name));
    let says = measures.said_tokens > 0 || speaks_freely(case, measures);
    !(texts || says) && case.fact.locality.is_empty() && case.essence.is_empty()
}

/// Measures one fact of which the record's likelihoods are known.
pub fn measure_beside(
    model: &Model,
    case: &Case<'_>,
    record: Record,
    measures: &Measures,
    consistency: Option<&Consistency>,
    listen: &mut dyn FnMut() -> locus_engine::Result<()>,
) -> Result<Measured, Error> {
    let Case { fact, goal, .. } = case;
    let mut said = Vec::new();
    if measures.said_tokens > 0 {
        let texts = generate(model, &case.spoken, Length::After(measures.said_tokens), Choice::Greedy, listen)?;
        said = texts.iter().map(|text| text.continuation(model)).collect::<Result<_, _>>()?;
    }
    let accuracy = if fact.locality.is_empty() { [None; 3] } else { accuracy(model, fact, &goal.target)? };
    let essence = perplexities(model, &case.essence, ESSENCE_TOKENS, goal.noise.as_ref())?;
    let (mut of_texts, mut alike) = (Vec::new(), None);
    let taken: Vec<_> = OF_TEXTS.iter().filter(|(name, _)| measures.takes(name)).collect();
    if !fact.generation.is_empty() && (!taken.is_empty() || consistency.is_some()) {
        let mut random = LegacyRandom::new(fact_seed(fact, "generation", measures.seed));
        let choice = Choice::Sampled(&mut random);
        let texts = generate(model, &fact.generation, Length::Whole(FLUENCY_TOKENS), choice, listen)?;
        let texts = texts.iter().map(|text| text.published_text(model)).collect::<Result<Vec<_>, _>>()?;
        let means = taken.iter().map(|(name, measure)| (*name, mean(texts.iter().map(|text| measure(text)))));
        of_texts = means.collect();
        alike = consistency.and_then(|measure| measure.similarity(&texts, &fact.relation, target_id(fact, goal)));
    }
    let speaks = speaks_freely(case, measures);
    let free = speaks.then(|| FreeTexts::of(model, fact, measures.free_generation, listen)).transpose()?;
    Ok(Measured { record, said, accuracy, essence, of_texts, consistency: alike, free })
}

/// The number of the target that is scored; the target of the record that is neither has none.
fn target_id<'a>(fact: &'a Fact, goal: &ScoringGoal) -> &'a str {
    if goal.target.trim() == fact.target_new.trim() {
        &fact.target_new_id
    } else if goal.target.trim() == fact.target_true.trim() {
        &fact.target_true_id
    } else {
        ""
    }
}

fn accuracy(model: &Model, fact: &Fact, answer: &str) -> Result<[Option<f64>; 3], Error> {
    let prompt = fact.prompt();
    let mut questions = vec![(prompt.as_str(), answer)];
    questions.extend(fact.paraphrases.iter().map(|prompt| (prompt.as_str(), answer)));
    questions.extend(fact.locality.iter().map(|other| (other.prompt.as_str(), other.answer.as_str())));
    let mut shares = accuracies(model, &questions)?.into_iter();
    let rewrite = shares.next();
    let paraphrase = mean(shares.by_ref().take(fact.paraphrases.len()));
    Ok([rewrite, paraphrase, mean(shares)])
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

impl Measured {
    /// How likely both texts are after the prompt that is edited.
    pub fn rewrite(&self) -> Option<Likeliness> {
        rewrite(&self.record)
    }

    /// What the model says after the prompts of [`Case::spoken`], where it was asked elsewhere.
    pub fn says(&mut self, texts: &[Generated], model: &Model) -> Result<(), Error> {
        self.said = texts.iter().map(|text| text.continuation(model)).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// The record's likelihoods.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Both targets of the fact after its prompts, as they are shown.
    pub fn scores(&self, model: &Model, case: &Case<'_>) -> Result<Scores, Error> {
        Ok(record_scores(model, case.fact, &case.goal, &self.record)?)
    }

    fn numbers(&self, when: &str, case: &Case<'_>, measures: &Measures) -> Numbers {
        let mut numbers = self.record.numbers(when, measures.per_token);
        if let Some(free) = &self.free {
            numbers.extend(free.numbers(when, case.fact, &case.goal));
        }
        let [rewrite, paraphrase, locality] = self.accuracy;
        let single = [
            ("rewrite_accuracy", rewrite),
            ("paraphrase_accuracy", paraphrase),
            ("locality_accuracy", locality),
            ("essence_perplexity", mean(self.essence.iter().copied())),
            ("consistency", self.consistency),
        ];
        let all = single.into_iter().chain(self.of_texts.iter().copied());
        numbers.extend(all.filter_map(|(name, value)| Some((format!("{when}.{name}"), value?))));
        numbers
    }
}

/// What the model says of a fact.
#[derive(Default)]
pub struct Texts {
    /// After the prompts of [`Case::spoken`], so many tokens.
    pub said: Vec<Said>,
    /// After every prompt of the record, up to the end of a sentence; none where that is not measured.
    pub free: Vec<FreeText>,
}

/// All measures of a fact by name, and what the model says; `after` is missing where nothing was edited.
pub fn report(case: &Case<'_>, measures: &Measures, before: Measured, after: Option<Measured>) -> (Numbers, Texts) {
    let free_after = after.as_ref().and_then(|after| after.free.as_ref());
    let free = before.free.as_ref().map_or_else(Vec::new, |before| before.told(case.fact, free_after));
    let mut numbers = before.numbers("before", case, measures);
    let mut spoken: Vec<Option<String>> = vec![None; before.said.len()];
    let mut said = before.said;
    if let Some(after) = after {
        numbers.extend(after.numbers("after", case, measures));
        let kept =
            before.free.as_ref().zip(after.free.as_ref()).and_then(|(before, after)| after.neighborhood_kept(before));
        numbers.extend(kept.map(|kept| ("neighborhood_kept".to_owned(), kept)));
        if !before.essence.is_empty() {
            numbers.insert("essence_score".to_owned(), essence_score(&before.essence, &after.essence));
        }
        let comparison = Comparison { before: before.record, after: after.record };
        let averaging = if measures.first_prompt { Averaging::First } else { Averaging::All };
        numbers.extend(NormalizedScores::of(&comparison, case.lowers, averaging).numbers());
        spoken = after.said.into_iter().map(Some).collect();
    }
    let pairs = case.spoken.iter().zip(said.drain(..)).zip(spoken);
    let said = pairs.map(|((prompt, before), after)| Said { prompt: prompt.clone(), before, after }).collect();
    (numbers, Texts { said, free })
}
