//! Trains the built-in model from scratch, or measures one that is there (`--check`).

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use locus_demo_training::corpus::Corpus;
use locus_demo_training::evaluate::{self, Recall, Trace};
use locus_demo_training::network::Network;
use locus_demo_training::{export, facts, tokenizer, train, world::World};

/// Trains Locus's built-in model on its closed world of facts.
#[derive(Parser)]
struct Arguments {
    /// Folder the model is written to, or read from with --check.
    #[arg(long, default_value = "app/demo/assets")]
    out: PathBuf,
    /// Random seed of the training.
    #[arg(long, default_value_t = train::SEED)]
    seed: u64,
    /// Threads libtorch computes with; the shipped model was made with one.
    #[arg(long, default_value_t = 1)]
    threads: i32,
    /// Measure the model in the folder instead of training one.
    #[arg(long)]
    check: bool,
    /// Print the world's size, how names and texts split into tokens, and stop.
    #[arg(long)]
    describe: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tch::set_num_threads(arguments.threads);
    if arguments.describe {
        return describe(&arguments);
    }
    if !arguments.check {
        let start = Instant::now();
        let recall = train::run(
            &arguments.out,
            arguments.seed,
            &mut |now| {
                if now.step % 50 == 0 {
                    let elapsed = start.elapsed().as_secs_f64();
                    say(&format!("step {}/{} loss {:.4} after {elapsed:.0} s", now.step, now.steps, now.loss));
                }
            },
            &|| false,
        )?;
        say(&format!("trained in {:.0} s; {}", start.elapsed().as_secs_f64(), recall_line(&recall)));
    }
    check(&arguments)
}

fn check(arguments: &Arguments) -> Result<()> {
    let world = World::read(arguments.seed)?;
    let path = arguments.out.join("tokenizer.json");
    let tokenizer =
        tokenizers::Tokenizer::from_file(&path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    let mut network = Network::new(tch::Device::Cpu)?;
    let weights = arguments.out.join("model.safetensors");
    export::load(&mut network, &weights).with_context(|| format!("reading {}", weights.display()))?;
    say(&format!("from the files: {}", recall_line(&evaluate::recall(&network, &world, &tokenizer)?)));
    say(&format!("noise sigma {:.5}", evaluate::noise_scale(&network, &world, &tokenizer)?));
    say(&trace_lines(&evaluate::trace(&network, &world, &tokenizer, 100, 7)?));
    Ok(())
}

fn describe(arguments: &Arguments) -> Result<()> {
    let world = World::read(arguments.seed)?;
    let tokenizer = tokenizer::train(&world)?;
    let mut lengths = [0usize; 12];
    for subject in &world.subjects {
        let encoding = tokenizer
            .encode(format!(" {}", subject.name), false)
            .map_err(|error| anyhow::anyhow!("{}: {error}", subject.name))?;
        lengths[encoding.len().min(11)] += 1;
    }
    say(&format!(
        "{} subjects, {} facts, {} answers, {} records; vocabulary {}; subjects by length in tokens {lengths:?}",
        world.subjects.len(),
        world.facts.len(),
        world.answers().len(),
        facts::records(&world, arguments.seed).len(),
        tokenizer.get_vocab_size(true),
    ));
    let mut corpus = Corpus::new(&world, &tokenizer, arguments.seed);
    let (mut bytes, mut tokens) = (0, 0);
    for _ in 0..2000 {
        let sentence = corpus.sentence();
        bytes += sentence.text.len();
        tokens += locus_demo_training::corpus::tokenize(&tokenizer, &sentence, true)?.ids.len();
    }
    say(&format!("{:.1} tokens and {:.1} bytes a sentence", tokens as f64 / 2e3, f64::from(bytes as u32) / 2e3));
    Ok(())
}

fn recall_line(recall: &Recall) -> String {
    format!(
        "recall {:.2} % trained (p {:.3}), {:.2} % held out (p {:.3})",
        100.0 * recall.trained,
        recall.trained_probability,
        100.0 * recall.held_out,
        recall.held_out_probability
    )
}

fn trace_lines(trace: &Trace) -> String {
    let row = |values: &[f64]| values.iter().map(|value| format!("{value:5.2}")).collect::<Vec<_>>().join(" ");
    format!(
        "trace of {} facts: clean {:.3}, corrupted {:.3}\n  last subject token {}\n  last token         {}",
        trace.facts,
        trace.clean,
        trace.corrupted,
        row(&trace.last_subject),
        row(&trace.last)
    )
}

fn say(line: &str) {
    // A closed pipe must not end a training run.
    let _ = writeln!(std::io::stdout(), "{line}");
}
