//! Times the engine against plain full forwards on the same model in the same run, and prints the ratios.
//!
//! The plain way is what the published code does: the whole network, all positions, all logits, for every cell of a
//! heat map and for every step of an optimization. Both ways are checked to give the same numbers.

mod border;
mod editing;
mod evaluation;
mod growth;
mod loading;
mod memory;
mod methods;
mod moments;
mod phases;
mod plain;
mod published;
mod python;
mod shape;
mod spent;
mod sweeping;
mod tracing;
mod variants;

use anyhow::Result;
use clap::Parser;
use locus_engine::model::Model;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use sweeping::Swept;

/// Times every job of the workbench against the pattern of the published code.
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
    /// Rows of a heat map that are computed together; as many as suit the model without it.
    #[arg(long)]
    at_once: Option<usize>,
    /// Facts of a sweep; it has one layer of the random model and three of the built-in one.
    #[arg(long, default_value_t = 4)]
    sweep_facts: usize,
    /// Only jobs of this kind: trace, step, edit, moments, evaluation, variants, sweep, border.
    #[arg(long)]
    only: Option<String>,
    /// How true progress is and how soon a job ends that is cancelled, on the model in this folder, and nothing else.
    #[arg(long)]
    phases: Option<PathBuf>,
    /// The facts for that, where the folder has none.
    #[arg(long)]
    facts: Option<PathBuf>,
    /// Time and memory of loading a checkpoint of 3 GB, as one file and in shards, and nothing else.
    #[arg(long)]
    load: bool,
    /// How time grows with layers, tokens and facts, beside what counting says, as a plot in this file, and nothing else.
    #[arg(long, value_name = "SVG")]
    growth: Option<PathBuf>,
    /// What `cargo xtask bench-python` gives to the Python libraries, written into this folder, and nothing else.
    #[arg(long, value_name = "FOLDER")]
    for_python: Option<PathBuf>,
    /// What `cargo xtask bench-published` gives to the published code, written into this folder, and nothing else.
    #[arg(long, value_name = "FOLDER")]
    for_published: Option<PathBuf>,
    /// Memory of one ROME edit beyond the model, and nothing else.
    #[arg(long)]
    memory: bool,
    /// What `--memory` runs in a process of its own.
    #[arg(long, hide = true)]
    memory_only: Option<PathBuf>,
    /// What `--load` runs in a process of its own.
    #[arg(long, hide = true)]
    load_only: Option<PathBuf>,
    /// The number format of that.
    #[arg(long, hide = true, default_value = "bfloat16")]
    load_as: String,
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
    if let Some(folder) = &arguments.phases {
        return phases::truth(folder, arguments.facts.as_deref(), arguments.corpus_tokens, arguments.only.as_deref());
    }
    if let Some(folder) = &arguments.load_only {
        return loading::once(folder, &arguments.load_as);
    }
    if let Some(file) = &arguments.growth {
        return growth::plot(file, arguments.hidden, arguments.vocabulary, arguments.repeats);
    }
    if let Some(folder) = &arguments.for_python {
        let shape = [arguments.layers, arguments.hidden, arguments.vocabulary];
        return python::hand_over(folder, shape, arguments.repeats);
    }
    if let Some(folder) = &arguments.for_published {
        let shape = [arguments.layers, arguments.hidden, arguments.vocabulary];
        return published::hand_over(folder, shape, arguments.corpus_tokens);
    }
    if let Some(folder) = &arguments.memory_only {
        return memory::once(folder);
    }
    if arguments.memory {
        return memory::compare();
    }
    if arguments.load {
        return loading::compare();
    }
    let folder = tempfile::tempdir()?;
    shape::write(folder.path(), arguments.layers, arguments.hidden, arguments.vocabulary)?;
    let model = Model::load(folder.path(), tch::Device::cuda_if_available(), tch::Kind::Float)?;
    println!("{:<52} {:>10} {:>10} {:>7} {:>10}", "", "plain", "engine", "ratio", "deviation");
    println!("random GPT-2 shape, {}", described(&model));
    jobs(&model, &arguments, arguments.corpus_tokens)?;
    if arguments.only.as_deref().is_none_or(|only| "variants".contains(only)) {
        variants::cost(folder.path(), model.parameter_count())?;
    }
    let cache = tempfile::tempdir()?;
    let built_in_folder = locus_demo::materialize(cache.path())?;
    let records: Vec<serde_json::Value> =
        serde_json::from_str(&std::fs::read_to_string(built_in_folder.join("facts.json"))?)?;
    let sweep = |folder: &Path, layers: Vec<usize>| {
        let records = &records[..arguments.sweep_facts.min(records.len())];
        sweeping::compare(&Swept { folder, records, layers, turns: arguments.repeats })
    };
    let sweeps = arguments.only.as_deref().is_none_or(|only| "sweep".contains(only));
    if sweeps {
        sweep(folder.path(), vec![model.architecture.layers / 3])?;
    }
    let built_in = Model::load(&built_in_folder, model.device, tch::Kind::Float)?;
    println!("built-in model, {}", described(&built_in));
    jobs(&built_in, &arguments, 8 * arguments.corpus_tokens)?;
    if sweeps {
        let layers = built_in.architecture.layers;
        sweep(&built_in_folder, vec![layers / 6, layers / 2, 3 * layers / 4])?;
    }
    if arguments.only.as_deref().is_none_or(|only| "border".contains(only)) {
        border::cost(cache.path())?;
    }
    Ok(())
}

fn described(model: &Model) -> String {
    let (layers, hidden) = (model.architecture.layers, model.architecture.hidden);
    let millions = model.parameter_count() as f64 / 1e6;
    let threads = tch::get_num_threads();
    format!("{layers} layers, width {hidden}, {millions:.1} million parameters, {:?}, {threads} threads", model.device)
}

/// Where a model is traced and edited.
struct Suited {
    /// Layers of a window.
    window: usize,
    /// Ascending, each once.
    rome: Vec<usize>,
    fine_tuning: usize,
    memit: Vec<usize>,
}

impl Suited {
    /// As published, by the model's depth.
    fn to(model: &Model) -> Self {
        let (layers, hidden) = (model.architecture.layers, model.architecture.hidden);
        // the depth of the published settings: layer 17 of 48, layers 13 to 17 of 48
        let last = layers / 3;
        // the lowest layer that is worth an edit: a narrow model has put its subject together above the first one
        let mut rome = vec![usize::from(hidden < 512), last, layers - 2];
        rome.sort_unstable();
        rome.dedup();
        Self {
            // as wide for a model of its depth that is 96 numbers wide
            window: if hidden < 256 { 3 } else { 10 },
            rome,
            fine_tuning: last,
            memit: (last.saturating_sub(4)..=last).collect(),
        }
    }
}

/// All jobs on one model, each printed as it is done.
fn jobs(model: &Model, arguments: &Arguments, corpus_tokens: usize) -> Result<()> {
    let layers = model.architecture.layers;
    let chosen = |job: &str| arguments.only.as_deref().is_none_or(|only| job.contains(only));
    let suited = Suited::to(model);
    if chosen("trace") {
        tracing::hidden(model, arguments.at_once)?.print();
        tracing::window(model, suited.window, arguments.at_once)?.print();
    }
    if chosen("step") {
        for layer in [0, layers / 3, 2 * layers / 3, layers - 2] {
            editing::value_step(model, layer, arguments.repeats)?.print();
        }
    }
    if chosen("edit") {
        let edits = methods::Editing::new(model, methods::made_up(model)?)?;
        for layer in suited.rome {
            edits.rome(layer)?.print();
        }
        edits.fine_tuning(suited.fine_tuning)?.print();
        edits.memit(&suited.memit)?.print();
    }
    if chosen("evaluation") {
        evaluation::record(model, arguments.repeats)?.print();
    }
    if chosen("moments") {
        moments::compare(model, corpus_tokens, arguments.repeats)?.iter().for_each(Comparison::print);
    }
    Ok(())
}

/// Result and time of a piece of work: on one thread the processor's, so that whatever else the machine does is not counted.
pub fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let (start, spent) = (Instant::now(), processor());
    let result = work()?;
    let is_alone = tch::get_num_threads() == 1 && !tch::Cuda::is_available();
    Ok((result, if is_alone { processor().saturating_sub(spent) } else { start.elapsed() }))
}

/// Time that this process has had of the processor.
fn processor() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}
