//! Times the engine against plain full forwards on the same model in the same run, and prints the ratios.
//!
//! The plain way is what the published code does: the whole network, all positions, all logits, for every cell of a
//! heat map and for every step of an optimisation. Both ways are checked to give the same numbers.

mod editing;
mod moments;
mod shape;
mod tracing;

use anyhow::Result;
use clap::Parser;
use locus_engine::model::Model;
use std::time::{Duration, Instant};

/// Times causal tracing and ROME's value optimisation against full forwards.
#[derive(Parser)]
struct Arguments {
    /// Layers of the random GPT-2-shaped model.
    #[arg(long, default_value_t = 12)]
    layers: i64,
    /// Width of its residual stream.
    #[arg(long, default_value_t = 768)]
    hidden: i64,
    /// Its vocabulary.
    #[arg(long, default_value_t = 50257)]
    vocabulary: i64,
    /// CPU threads; all cores without it.
    #[arg(long)]
    threads: Option<i32>,
    /// Repetitions of each step; the fastest counts.
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Tokens of the corpus for second moments; eight times as many for the built-in model.
    #[arg(long, default_value_t = 4096)]
    corpus_tokens: usize,
    /// Only second moments.
    #[arg(long)]
    only_moments: bool,
}

/// One comparison.
pub struct Comparison {
    what: String,
    plain: Duration,
    engine: Duration,
    deviation: f64,
}

impl Comparison {
    fn print(&self) {
        println!(
            "{:<52} {:>9.3}s {:>9.3}s {:>6.1}x {:>10.1e}",
            self.what,
            self.plain.as_secs_f64(),
            self.engine.as_secs_f64(),
            self.plain.as_secs_f64() / self.engine.as_secs_f64(),
            self.deviation
        );
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(threads) = arguments.threads {
        tch::set_num_threads(threads);
    }
    let folder = tempfile::tempdir()?;
    shape::write(folder.path(), arguments.layers, arguments.hidden, arguments.vocabulary)?;
    let model = Model::load(folder.path(), tch::Device::cuda_if_available(), tch::Kind::Float)?;
    println!(
        "random GPT-2 shape: {} layers, width {}, {} million parameters, {:?}, {} threads",
        arguments.layers,
        arguments.hidden,
        model.parameter_count() / 1_000_000,
        model.device,
        tch::get_num_threads()
    );
    println!("{:<52} {:>10} {:>10} {:>7} {:>10}", "", "plain", "engine", "ratio", "deviation");
    if !arguments.only_moments {
        tracing::hidden(&model)?.print();
        tracing::window(&model)?.print();
        let layers = arguments.layers as usize;
        for layer in [0, layers / 3, 2 * layers / 3, layers - 2] {
            editing::value_step(&model, layer, arguments.repeats)?.print();
        }
    }
    moments::compare(&model, arguments.corpus_tokens, arguments.repeats)?.iter().for_each(Comparison::print);
    let cache = tempfile::tempdir()?;
    let built_in = Model::load(&locus_demo::materialise(cache.path())?, model.device, tch::Kind::Float)?;
    println!("built-in model:");
    moments::compare(&built_in, 8 * arguments.corpus_tokens, arguments.repeats)?.iter().for_each(Comparison::print);
    Ok(())
}

/// Result and time of a piece of work.
pub fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let start = Instant::now();
    let result = work()?;
    Ok((result, start.elapsed()))
}
