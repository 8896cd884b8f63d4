//! Scores of a record's prompts: probabilities of both targets (spec metrics.md, methods.md 0.3), and the most
//! probable next tokens.

use crate::error::Result;
use crate::model::Model;
use crate::run::next_token_log_probabilities;
use locus_plugin::Cell;
use locus_protocol::{Fact, PromptScore, Scores, TopToken};
use tch::{Device, Kind, Tensor};

/// Next tokens that are shown.
const TOP: i64 = 5;

/// Joint natural log-probability of every target after every prompt: `[prompts][targets]`. Prompt and target are
/// tokenised apart, the target after one space; the sum is not normalised by length.
///
/// # Errors
/// An empty prompt or target; a prompt that exceeds the context.
pub fn target_log_probabilities(model: &Model, prompts: &[String], targets: &[&str]) -> Result<Vec<Vec<f64>>> {
    if prompts.is_empty() || targets.is_empty() {
        return Ok(prompts.iter().map(|_| Vec::new()).collect());
    }
    let targets = targets.iter().map(|target| model.tokenizer.encode_target(target)).collect::<Result<Vec<_>>>()?;
    let mut rows: Vec<Vec<i64>> = Vec::new();
    let (mut cells, mut tokens) = (Vec::new(), Vec::new());
    for prompt in prompts {
        let prompt = model.tokenizer.encode(prompt)?;
        for target in &targets {
            let mut row = prompt.clone();
            row.extend(&target[..target.len() - 1]);
            // targets of one token share their prompt's row
            let index = rows.iter().position(|known| *known == row).unwrap_or(rows.len());
            if index == rows.len() {
                rows.push(row);
            }
            for (offset, &token) in target.iter().enumerate() {
                cells.push(Cell { row: index, position: (prompt.len() + offset).saturating_sub(1) });
                tokens.push(token);
            }
        }
    }
    let index = Tensor::from_slice(&tokens).to_device(model.device).unsqueeze(1);
    let read = next_token_log_probabilities(model, &rows, &cells)?.gather(1, &index, false);
    let read = read.to_kind(Kind::Double).to_device(Device::Cpu).reshape([-1]);
    let mut read = Vec::<f64>::try_from(read)?.into_iter();
    let sums = prompts.iter().map(|_| targets.iter().map(|target| read.by_ref().take(target.len()).sum()).collect());
    Ok(sums.collect())
}

/// The most probable next tokens of a prompt.
///
/// # Errors
/// An empty or overlong prompt.
pub fn top_tokens(model: &Model, prompt: &[i64]) -> Result<Vec<TopToken>> {
    let last = Cell { row: 0, position: prompt.len().saturating_sub(1) };
    let probabilities = next_token_log_probabilities(model, &[prompt.to_vec()], &[last])?.get(0).exp();
    let (values, tokens) = probabilities.topk(TOP.min(model.vocabulary()), 0, true, true);
    let values = Vec::<f64>::try_from(values.to_kind(Kind::Double).to_device(Device::Cpu))?;
    let tokens = Vec::<i64>::try_from(tokens.to_device(Device::Cpu))?;
    let pairs = values.into_iter().zip(tokens);
    pairs.map(|(probability, token)| Ok(TopToken { text: model.tokenizer.decode(&[token])?, probability })).collect()
}

/// All prompts of a fact.
///
/// # Errors
/// An empty prompt or target; a prompt that exceeds the context.
pub fn scores(model: &Model, fact: &Fact) -> Result<Scores> {
    let prompt = fact.prompt();
    let mut prompts = vec![prompt.clone()];
    prompts.extend(fact.paraphrases.iter().chain(&fact.neighborhood).cloned());
    let probabilities = target_log_probabilities(model, &prompts, &[&fact.target_new, &fact.target_true])?;
    let mut scored = prompts.into_iter().zip(probabilities).map(|(prompt, both)| PromptScore {
        prompt,
        new: both[0].exp(),
        truth: both[1].exp(),
    });
    Ok(Scores {
        rewrite: scored.by_ref().take(1).collect(),
        paraphrase: scored.by_ref().take(fact.paraphrases.len()).collect(),
        neighborhood: scored.collect(),
        top: top_tokens(model, &model.tokenizer.encode(&prompt)?)?,
    })
}
