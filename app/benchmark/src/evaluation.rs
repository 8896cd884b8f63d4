//! Scores of a CounterFact record: one batch of a row for each prompt and target, padded to the longest, with logits at every
//! position, against one run that shares beginnings.

use crate::{Comparison, timed};
use anyhow::Result;
use locus_engine::evaluate::{Group, Record, ScoringGoal};
use locus_engine::model::{Batch, Model, Taps};
use locus_protocol::Fact;
use std::time::Duration;
use tch::{Kind, Tensor};

/// A record of the usual shape: one prompt, two other wordings, ten neighbors, two targets.
pub fn record(model: &Model, repeats: usize) -> Result<Comparison> {
    let fact = fact();
    let (mut plain_best, mut engine_best) = (Duration::MAX, Duration::MAX);
    let mut deviation: f64 = 0.0;
    for _ in 0..repeats {
        let (plain, time) = timed(|| plain(model, &fact))?;
        plain_best = plain_best.min(time);
        let (engine, time) = timed(|| engine(model, &fact))?;
        engine_best = engine_best.min(time);
        anyhow::ensure!(engine.len() == plain.len(), "{} and {} numbers", engine.len(), plain.len());
        deviation = plain.iter().zip(&engine).map(|(plain, engine)| (plain - engine).abs()).fold(deviation, f64::max);
    }
    let what = "scores of a record, 13 prompts, 2 targets".to_owned();
    Ok(Comparison { what, plain: plain_best, engine: engine_best, deviation })
}

/// Log-probabilities by prompt and target, in one run that shares beginnings.
pub fn engine(model: &Model, fact: &Fact) -> Result<Vec<f64>> {
    let goal = ScoringGoal { target: fact.target_new.clone(), baseline: fact.target_true.clone(), noise: None };
    let record = Record::measure(model, fact, &goal, &[])?;
    let pairs = [Group::Rewrite, Group::Paraphrase, Group::Neighborhood].map(|group| record.group(group));
    let pairs = pairs.iter().flat_map(|pairs| pairs.iter());
    Ok(pairs.flat_map(|pair| [pair.target.log_probability, pair.baseline.log_probability]).collect())
}

/// By prompt and target, as the published code scores: all rows in one batch, padded on the right, logits everywhere, and
/// log-probabilities at each position that is read.
fn plain(model: &Model, fact: &Fact) -> Result<Vec<f64>> {
    let _guard = tch::no_grad_guard();
    let mut rows = Vec::new();
    for prompt in std::iter::once(&fact.prompt()).chain(&fact.paraphrases).chain(&fact.neighborhood) {
        for target in [&fact.target_new, &fact.target_true] {
            rows.push(model.tokenizer.joined(prompt, target)?);
        }
    }
    let width = rows.iter().map(|row| row.ids.len()).max().unwrap_or(0);
    let padded = rows.iter().flat_map(|row| row.ids.iter().copied().chain(std::iter::repeat(0)).take(width));
    let ids = Tensor::from_slice(&padded.collect::<Vec<i64>>()).to_device(model.device);
    let batch = Batch::whole(rows.len() as i64, width as i64);
    let stream = model.forward(&ids, &batch, &mut Taps::default())?;
    let logits = model.logits(&stream)?.reshape([rows.len() as i64, width as i64, -1]);
    let mut scores = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let read = |(offset, &token): (usize, &i64)| {
            let position = (row.prompt + offset) as i64 - 1;
            logits.get(index as i64).get(position).log_softmax(-1, Kind::Float).double_value(&[token])
        };
        scores.push(row.target().iter().enumerate().map(read).sum());
    }
    Ok(scores)
}

/// In the manner of CounterFact: some neighbors are asked in the same words, the answers are a word each.
pub fn fact() -> Fact {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Fact {
        template: "The official language of {} is".to_owned(),
        subject: "Portugal".to_owned(),
        target_true: "Portuguese".to_owned(),
        target_new: "French".to_owned(),
        paraphrases: texts(&[
            "The river was high that year. In Portugal, people speak",
            "She took the last train home. The language of Portugal is",
        ]),
        neighborhood: texts(&[
            "The official language of Brazil is",
            "In Brazil, they understand",
            "The official language of Angola is",
            "In Angola, an official language is",
            "The language used in Mozambique is",
            "In Mozambique, they understand",
            "The official language of Macau is",
            "In Macau, an official language is",
            "The law in Brazil declares the language",
            "The official language of Mozambique is",
        ]),
        ..Fact::default()
    }
}
