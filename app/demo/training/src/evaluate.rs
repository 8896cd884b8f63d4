//! Measures the built-in model: recall of its facts, and what a causal trace of them shows.
//!
//! This is a plain second implementation next to the engine's, run on the training network: slow, short,
//! and meant for judging a training run.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tch::{IndexOp, Kind, Tensor, no_grad};
use tokenizers::Tokenizer;

use crate::corpus::{Sentence, tokenize};
use crate::error::TrainingError;
use crate::network::{Hooks, LAYERS, Network, WIDTH};
use crate::tokenizer::token_of_answer;
use crate::world::{World, WorldFact};

/// Share of prompts whose most likely next token is the answer, and the answer's mean probability.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Recall {
    /// Recall on the templates trained with the subject, 0 to 1.
    pub trained: f64,
    /// Recall on the templates held out for the subject, 0 to 1.
    pub held_out: f64,
    /// Mean probability of the answer on trained prompts.
    pub trained_probability: f64,
    /// Mean probability of the answer on held-out prompts.
    pub held_out_probability: f64,
}

/// Mean causal trace over facts: 3-sigma noise on the subject, hidden states restored.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Number of facts that were traced.
    pub facts: usize,
    /// Mean probability of the answer, clean.
    pub clean: f64,
    /// The same with the subject's embeddings noised.
    pub corrupted: f64,
    /// By layer: mean rise over the corrupted run when the last subject token's hidden state is restored.
    pub last_subject: [f64; LAYERS],
    /// By layer: the same at the last token.
    pub last: [f64; LAYERS],
}

/// A prompt ready to run.
struct Prompt {
    ids: Vec<i64>,
    /// First and last subject token.
    subject: (usize, usize),
    answer: i64,
}

/// Asks every fact in all its templates.
///
/// # Errors
/// When tokenizer or libtorch fail.
pub fn recall(network: &Network, world: &World, tokenizer: &Tokenizer) -> Result<Recall, TrainingError> {
    let ask = |pick: &dyn Fn(&WorldFact) -> Vec<usize>| -> Result<(f64, f64), TrainingError> {
        let mut prompts = Vec::new();
        for fact in &world.facts {
            for template in pick(fact) {
                prompts.push(prompt(world, tokenizer, fact, template)?);
            }
        }
        let (mut right, mut probability) = (0.0, 0.0);
        for batch in prompts.chunks(128) {
            let answers = last_logits(network, batch).softmax(-1, Kind::Float);
            let wanted = Tensor::from_slice(&batch.iter().map(|p| p.answer).collect::<Vec<_>>());
            right += answers.argmax(-1, false).eq_tensor(&wanted).sum(Kind::Float).double_value(&[]);
            probability += answers.gather(1, &wanted.unsqueeze(1), false).sum(Kind::Float).double_value(&[]);
        }
        let count = prompts.len() as f64;
        Ok((right / count, probability / count))
    };
    let (trained, trained_probability) = ask(&|fact| fact.trained.clone())?;
    let (held_out, held_out_probability) = ask(&|fact| fact.held_out.clone())?;
    Ok(Recall { trained, held_out, trained_probability, held_out_probability })
}

/// Standard deviation (unbiased) of the embedding entries over the tokens of all subjects.
///
/// # Errors
/// When the tokenizer fails.
pub fn noise_scale(network: &Network, world: &World, tokenizer: &Tokenizer) -> Result<f64, TrainingError> {
    let mut ids = Vec::new();
    for subject in &world.subjects {
        let encoding = tokenizer.encode_fast(subject.name.as_str(), false)?;
        ids.extend(encoding.get_ids().iter().map(|&id| i64::from(id)));
    }
    let entries = network.token_embedding().index_select(0, &Tensor::from_slice(&ids));
    Ok(entries.std(true).double_value(&[]))
}

/// Traces `count` facts drawn by `seed`, each in one trained template, with ten noise samples.
///
/// # Errors
/// When tokenizer or libtorch fail.
pub fn trace(
    network: &Network,
    world: &World,
    tokenizer: &Tokenizer,
    count: usize,
    seed: u64,
) -> Result<Trace, TrainingError> {
    const SAMPLES: i64 = 10;
    let sigma = noise_scale(network, world, tokenizer)?;
    let mut order: Vec<&WorldFact> = world.facts.iter().collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order.truncate(count);
    tch::manual_seed(seed as i64);
    let mut trace =
        Trace { facts: order.len(), clean: 0.0, corrupted: 0.0, last_subject: [0.0; LAYERS], last: [0.0; LAYERS] };
    let share = 1.0 / order.len() as f64;
    for fact in order {
        let prompt = prompt(world, tokenizer, fact, fact.trained[0])?;
        let noise = noise_for(&prompt, SAMPLES, sigma * 3.0);
        let clean = clean_states(network, &prompt);
        let run = |restore: Option<(usize, usize)>| no_grad(|| restored(network, &prompt, &noise, &clean, restore));
        trace.clean += share * probability_of(network, &prompt);
        let corrupted = run(None);
        trace.corrupted += share * corrupted;
        for layer in 0..LAYERS {
            trace.last_subject[layer] += share * (run(Some((layer, prompt.subject.1))) - corrupted);
            trace.last[layer] += share * (run(Some((layer, prompt.ids.len() - 1))) - corrupted);
        }
    }
    Ok(trace)
}

fn prompt(world: &World, tokenizer: &Tokenizer, fact: &WorldFact, template: usize) -> Result<Prompt, TrainingError> {
    let text = world.prompt(fact, template);
    let template = &world.relation_of(fact).templates[template];
    let start = template.find("{}").unwrap_or(0);
    let subject = start..start + world.subject_of(fact).len();
    let tokens = tokenize(tokenizer, &Sentence { text, subject: Some(subject), answer: None }, false)?;
    let subject = tokens.mentions.first().copied().unwrap_or((0, 0));
    Ok(Prompt { ids: tokens.ids, subject, answer: i64::from(token_of_answer(tokenizer, &fact.answer)?) })
}

/// Logits after the last token of each prompt, `[prompts, vocabulary]`; rows are padded on the right.
fn last_logits(network: &Network, prompts: &[Prompt]) -> Tensor {
    let length = prompts.iter().map(|prompt| prompt.ids.len()).max().unwrap_or(1);
    let mut ids = vec![0i64; prompts.len() * length];
    for (row, prompt) in prompts.iter().enumerate() {
        ids[row * length..][..prompt.ids.len()].copy_from_slice(&prompt.ids);
    }
    let ids = Tensor::from_slice(&ids).view([prompts.len() as i64, length as i64]);
    let last: Vec<i64> = prompts.iter().map(|prompt| prompt.ids.len() as i64 - 1).collect();
    no_grad(|| {
        let hidden = network.hidden(&ids, &Hooks::default());
        let last = Tensor::from_slice(&last).view([-1, 1, 1]).expand([-1, 1, WIDTH], false);
        network.logits(&hidden.gather(1, &last, false).squeeze_dim(1))
    })
}

fn probability_of(network: &Network, prompt: &Prompt) -> f64 {
    let row = last_logits(network, std::slice::from_ref(prompt)).softmax(-1, Kind::Float);
    row.double_value(&[0, prompt.answer])
}

/// Noise on the subject's tokens, zero elsewhere, `[samples, length, width]`.
fn noise_for(prompt: &Prompt, samples: i64, size: f64) -> Tensor {
    let noise = Tensor::zeros([samples, prompt.ids.len() as i64, WIDTH], (Kind::Float, tch::Device::Cpu));
    let (first, last) = (prompt.subject.0 as i64, prompt.subject.1 as i64);
    let mut part = noise.narrow(1, first, last - first + 1);
    let fresh = part.randn_like() * size;
    part.copy_(&fresh);
    noise
}

/// Hidden states after every block of the clean run, each `[length, width]`.
fn clean_states(network: &Network, prompt: &Prompt) -> Vec<Tensor> {
    let states = std::cell::RefCell::new(Vec::with_capacity(LAYERS));
    let keep = |_: usize, state: Tensor| {
        states.borrow_mut().push(state.i(0).copy());
        state
    };
    let ids = Tensor::from_slice(&prompt.ids).unsqueeze(0);
    let _ = no_grad(|| network.hidden(&ids, &Hooks { residual: Some(&keep), ..Hooks::default() }));
    states.into_inner()
}

/// Mean probability of the answer over the noised rows, one hidden state put back to its clean value.
fn restored(
    network: &Network,
    prompt: &Prompt,
    noise: &Tensor,
    clean: &[Tensor],
    restore: Option<(usize, usize)>,
) -> f64 {
    let ids = Tensor::from_slice(&prompt.ids).unsqueeze(0).expand([noise.size()[0], -1], false);
    let add = |embedded: Tensor| embedded + noise;
    let put = |layer: usize, state: Tensor| {
        if let Some((_, position)) = restore.filter(|(at, _)| *at == layer) {
            state.i((.., position as i64)).copy_(&clean[layer].i(position as i64));
        }
        state
    };
    let hooks = Hooks { embedding: Some(&add), residual: Some(&put), ..Hooks::default() };
    let hidden = network.hidden(&ids, &hooks);
    let last = network.logits(&hidden.i((.., prompt.ids.len() as i64 - 1))).softmax(-1, Kind::Float);
    last.i((.., prompt.answer)).mean(Kind::Float).double_value(&[])
}
