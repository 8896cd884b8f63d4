//! Trains the built-in model from scratch with a fixed seed and writes its folder.
//!
//! Two things beyond ordinary training make the phenomena of large models appear in one this small; both
//! act in training only. First, in three of four mentions of a subject the tokens after it cannot attend
//! to any but its last token: what is known about a subject has to be gathered there, which gives the early
//! site of a causal trace. Second, later in training single embeddings are drowned in noise now and then,
//! which spreads the work over the layers. Without them the answers are as good and the trace is flat.

use std::path::Path;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tch::nn::{AdamW, Optimizer, OptimizerConfig};
use tch::{Device, Kind, Reduction, Tensor};
use tokenizers::Tokenizer;

use crate::corpus::{Corpus, ROW, Tokens};
use crate::error::TrainingError;
use crate::evaluate::{self, Recall};
use crate::network::{DECAY, Hooks, NO_DECAY, Network, POSITIONS};
use crate::world::World;
use crate::{export, facts, tokenizer};

/// The seed of the shipped model.
pub use locus_demo::SEED;
/// Optimizer steps of a whole training run.
pub const STEPS: usize = 4500;
/// Rows in the batch of one step.
pub const BATCH: usize = 16;

const LEARNING_RATE: f64 = 2.5e-3;
const WARM_UP: usize = 100;
const BETAS: (f64, f64) = (0.9, 0.98);
const WEIGHT_DECAY: f64 = 0.1;
const CLIP: f64 = 1.0;
const ANSWER_WEIGHT: f32 = 3.0;
const HIDDEN_SUBJECTS: f64 = 0.75;
const NOISE_FROM: usize = 900;
const NOISE_SHARE: f64 = 0.05;
const NOISE_SIZE: f64 = 3.0;
const SHIFTED_BATCHES: f64 = 1.0 / 3.0;
// Independent streams from one seed.
const CORPUS_STREAM: u64 = 1 << 32;
const TRICK_STREAM: u64 = 2 << 32;
/// Mixed into the seed for the text of `corpus.txt`.
pub const MOMENTS_STREAM: u64 = 3 << 32;

/// How far a training run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Steps done so far.
    pub step: usize,
    pub steps: usize,
    /// Weighted cross-entropy of the last step, in nats per token.
    pub loss: f64,
}

/// Trains the built-in model and writes its files into `destination`, which appears whole or not at all.
///
/// `progress` is called after every step; `cancelled` is asked before every step. The result is the share
/// of facts the written model recalls. Same seed, same libtorch, same number of threads: same files.
///
/// # Errors
/// [`TrainingError::Cancelled`] when asked to stop; otherwise what failed. Nothing is left behind then.
pub fn run(
    destination: &Path,
    seed: u64,
    progress: &mut dyn FnMut(Progress),
    cancelled: &dyn Fn() -> bool,
) -> Result<Recall, TrainingError> {
    let world = World::read(seed)?;
    let tokenizer = tokenizer::train(&world)?;
    let network = train(&world, &tokenizer, seed, progress, cancelled)?;
    let recall = evaluate::recall(&network, &world, &tokenizer)?;
    let corpus = Corpus::new(&world, &tokenizer, seed ^ MOMENTS_STREAM).text(export::CORPUS_TOKENS)?;
    export::write(destination, &network, &tokenizer, &facts::records(&world, seed), &corpus, seed, &recall)?;
    Ok(recall)
}

fn train(
    world: &World,
    tokenizer: &Tokenizer,
    seed: u64,
    progress: &mut dyn FnMut(Progress),
    cancelled: &dyn Fn() -> bool,
) -> Result<Network, TrainingError> {
    tch::manual_seed(seed as i64);
    let network = Network::new(Device::Cpu)?;
    let mut optimizer = optimizer(&network)?;
    let mut corpus = Corpus::new(world, tokenizer, seed ^ CORPUS_STREAM);
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ TRICK_STREAM);
    for step in 0..STEPS {
        if cancelled() {
            return Err(TrainingError::Cancelled);
        }
        let rows = (0..BATCH).map(|_| corpus.row()).collect::<Result<Vec<_>, _>>()?;
        let loss = loss_of(&network, &rows, step, &mut rng);
        optimizer.set_lr(learning_rate(step));
        optimizer.backward_step_clip_norm(&loss, CLIP);
        let loss = loss.double_value(&[]);
        if !loss.is_finite() {
            return Err(TrainingError::Diverged { step, loss });
        }
        progress(Progress { step: step + 1, steps: STEPS, loss });
    }
    Ok(network)
}

fn optimizer(network: &Network) -> Result<Optimizer, TrainingError> {
    let (beta1, beta2) = BETAS;
    let config = AdamW { beta1, beta2, wd: WEIGHT_DECAY, eps: 1e-8, amsgrad: false };
    let mut optimizer = config.build(&network.variables, LEARNING_RATE)?;
    optimizer.set_weight_decay_group(NO_DECAY, 0.0);
    optimizer.set_weight_decay_group(DECAY, WEIGHT_DECAY);
    Ok(optimizer)
}

/// Linear warm-up, then linear decay to zero.
fn learning_rate(step: usize) -> f64 {
    let warm = (step + 1) as f64 / WARM_UP as f64;
    let rest = (STEPS - step) as f64 / (STEPS - WARM_UP) as f64;
    LEARNING_RATE * warm.min(rest).min(1.0)
}

/// Cross-entropy of the next token, answers counting [`ANSWER_WEIGHT`]-fold.
fn loss_of(network: &Network, rows: &[Tokens], step: usize, rng: &mut ChaCha8Rng) -> Tensor {
    let length = ROW - 1;
    let ids: Vec<i64> = rows.iter().flat_map(|row| row.ids.iter().copied()).collect();
    let ids = Tensor::from_slice(&ids).view([rows.len() as i64, ROW as i64]);
    let inputs = ids.narrow(1, 0, length as i64);
    let targets = ids.narrow(1, 1, length as i64).reshape([-1]);
    let mut weights = vec![1f32; rows.len() * length];
    for (index, row) in rows.iter().enumerate() {
        for &answer in row.answers.iter().filter(|&&answer| answer > 0) {
            weights[index * length + answer - 1] = ANSWER_WEIGHT;
        }
    }
    let weights = Tensor::from_slice(&weights);
    let visible = visible(rows, length, rng);
    let offset = if rng.random_bool(SHIFTED_BATCHES) { rng.random_range(0..=POSITIONS - ROW as i64) } else { 0 };
    let noise = |embedded: Tensor| {
        let (batch, length, _) = embedded.size3().unwrap_or((1, 1, 1));
        let chosen = Tensor::rand([batch, length, 1], (Kind::Float, embedded.device())).lt(NOISE_SHARE);
        let size = embedded.detach().std(true) * NOISE_SIZE;
        &embedded + embedded.randn_like() * size * chosen
    };
    let hooks = Hooks {
        offset,
        visible: Some(&visible),
        embedding: (step >= NOISE_FROM).then_some(&noise as &dyn Fn(Tensor) -> Tensor),
        residual: None,
    };
    let logits = network.logits(&network.hidden(&inputs, &hooks)).view([targets.size()[0], -1]);
    let losses = logits.cross_entropy_loss::<Tensor>(&targets, None, Reduction::None, -100, 0.0);
    (losses * &weights).sum(Kind::Float) / weights.sum(Kind::Float)
}

/// Who may attend to whom: the causal triangle, and in [`HIDDEN_SUBJECTS`] of the mentions nothing after
/// the subject sees its tokens but the last.
fn visible(rows: &[Tokens], length: usize, rng: &mut ChaCha8Rng) -> Tensor {
    let mut visible = vec![false; rows.len() * length * length];
    for (index, row) in rows.iter().enumerate() {
        let cells = &mut visible[index * length * length..][..length * length];
        for query in 0..length {
            cells[query * length..][..=query].fill(true);
        }
        for &(first, last) in &row.mentions {
            if rng.random_bool(HIDDEN_SUBJECTS) {
                for query in last + 1..length {
                    cells[query * length..][first..last].fill(false);
                }
            }
        }
    }
    let length = length as i64;
    Tensor::from_slice(&visible).view([rows.len() as i64, 1, length, length])
}
