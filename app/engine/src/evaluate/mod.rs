//! What an edit did, in numbers: likelihoods of targets after prompts, success and magnitude,
//! normalized scores, texts and what they tell, accuracy, filters, and what should be known of a record before its
//! numbers are believed.

mod consistency;
mod essence;
mod filter;
mod fluency;
mod free_generation;
mod noise;
mod normalized;
mod numbers;
mod question;
mod record;
mod remarks;
mod success;
mod words;
mod zsre;

pub use consistency::Consistency;
pub use essence::{ESSENCE_TEXTS, ESSENCE_TOKENS, essence_score, essence_texts, perplexities};
pub use filter::{ANSWER_TOKENS, LEAST_PROBABILITY, is_correct};
pub use fluency::{FLUENCY_TOKENS, n_gram_entropy};
pub use free_generation::{FreeTexts, says, says_exactly};
pub use noise::ScoringNoise;
pub use normalized::{Averaging, NormalizedScores, erased, kept, recovered};
pub use numbers::{Numbers, fact_seed};
pub use question::{Asked, Below, Company, Likelihood, Question, SubjectPlace, answer, answer_above, answer_each};
pub use record::{Comparison, Pair, Record, ScoringGoal, VariantOfRecord};
pub use remarks::{FactRemark, RemarkKind, remarks, without_doubtful_neighbors};
pub use success::{Group, Success, wins};
pub use words::words;
pub use zsre::accuracies;

use crate::error::Result;
use crate::model::Model;
use crate::run::next_token_log_probabilities;
use locus_plugin::Cell;
use locus_protocol::{Fact, PromptScore, Scores, TopToken};
use tch::{Device, Kind};

/// A measure of a text that a model writes, and the name under which it is asked for and told.
pub type TextMeasure = (&'static str, fn(&str) -> f64);

pub const OF_TEXTS: &[TextMeasure] = &[("fluency", n_gram_entropy)];

/// Next tokens that are shown.
const TOP: i64 = 5;

/// Joint natural log-probability of every target after every prompt: `[prompts][targets]`. A target is tokenized
/// together with its prompt, after one space, and cut off; the sum is not normalized by length.
///
/// # Errors
/// An empty prompt or target; a prompt that exceeds the context.
pub fn target_log_probabilities(model: &Model, prompts: &[String], targets: &[&str]) -> Result<Vec<Vec<f64>>> {
    let questions: Vec<Question> = prompts.iter().map(|prompt| Question::new(prompt, targets)).collect();
    let likelihoods = answer(model, &questions, None)?;
    Ok(likelihoods.iter().map(|row| row.iter().map(|likelihood| likelihood.log_probability).collect()).collect())
}

/// The most probable next tokens of a prompt.
///
/// # Errors
/// An empty or overlong prompt.
pub fn top_tokens(model: &Model, prompt: &[i64]) -> Result<Vec<TopToken>> {
    let last = Cell { row: 0, position: prompt.len().saturating_sub(1) };
    let probabilities = next_token_log_probabilities(model, &[prompt.to_vec()], &[last])?.f_get(0)?.f_exp()?;
    let (values, tokens) = probabilities.f_topk(TOP.min(model.architecture.vocabulary), 0, true, true)?;
    let values = Vec::<f64>::try_from(values.f_to_kind(Kind::Double)?.f_to_device(Device::Cpu)?)?;
    let tokens = Vec::<i64>::try_from(tokens.f_to_device(Device::Cpu)?)?;
    let pairs = values.into_iter().zip(tokens);
    pairs.map(|(probability, token)| Ok(TopToken { text: model.tokenizer.decode(&[token])?, probability })).collect()
}

/// All prompts of a fact, the new target against the true one.
///
/// # Errors
/// An empty prompt or target; a prompt that exceeds the context.
pub fn scores(model: &Model, fact: &Fact) -> Result<Scores> {
    let goal = ScoringGoal { target: fact.target_new.clone(), baseline: fact.target_true.clone(), noise: None };
    let shown = Fact { attributes: Vec::new(), ..fact.clone() };
    let record = Record::measure(model, &shown, &goal, &[])?;
    record_scores(model, fact, &goal, &record)
}

/// The same of a record that was measured for a goal; runs nothing anew where the goal is about both targets of the
/// fact, without noise.
///
/// # Errors
/// Those of [`scores`].
pub fn record_scores(model: &Model, fact: &Fact, goal: &ScoringGoal, record: &Record) -> Result<Scores> {
    let is = |target: &str, baseline: &str| goal.target == target && goal.baseline == baseline && goal.noise.is_none();
    let turned = is(&fact.target_true, &fact.target_new);
    if !turned && !is(&fact.target_new, &fact.target_true) {
        return scores(model, fact);
    }
    let score = |pair: &Pair| {
        let (new, truth) = if turned { (&pair.baseline, &pair.target) } else { (&pair.target, &pair.baseline) };
        PromptScore { prompt: pair.prompt.clone(), new: new.probability(), truth: truth.probability() }
    };
    let group = |group: Group| record.group(group).iter().map(score).collect();
    Ok(Scores {
        rewrite: group(Group::Rewrite),
        paraphrase: group(Group::Paraphrase),
        neighborhood: group(Group::Neighborhood),
        top: top_tokens(model, &model.tokenizer.encode(&fact.prompt())?)?,
    })
}
