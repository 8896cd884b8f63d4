//! A sweep of ROME against the same orders one by one with `locus edit --orders`: the program itself, in turn, on one
//! thread.

use anyhow::{Context, Result, ensure};
use locus_protocol::{EditOrder, Fact};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is swept.
pub struct Swept<'a> {
    /// Folder of the model.
    pub folder: &'a Path,
    /// Facts, as records of a file.
    pub records: &'a [Value],
    /// Layers, each edited for each fact.
    pub layers: Vec<usize>,
    /// Times that each way has its turn; the fastest counts.
    pub turns: usize,
}

/// Times both ways, each with the start of the program, and prints cells a second.
///
/// # Errors
/// The program is not beside this one, or ends with an error.
pub fn compare(swept: &Swept<'_>) -> Result<()> {
    let home = tempfile::tempdir()?;
    let at = |name: &str| home.path().join(name);
    let records = serde_json::to_string(swept.records)?;
    let facts = locus_records::facts::parse(&records).map_err(anyhow::Error::msg)?;
    std::fs::write(at("facts.json"), records)?;
    std::fs::write(at("grid.toml"), grid(&swept.layers))?;
    let mut orders = String::new();
    for &layer in &swept.layers {
        for fact in &facts {
            writeln!(orders, "{}", serde_json::to_string(&order(fact, layer))?)?;
        }
    }
    std::fs::write(at("orders.jsonl"), orders)?;
    let (mut alone, mut together) = (Duration::MAX, Duration::MAX);
    for turn in 0..swept.turns {
        alone = alone.min(run(home.path(), swept.folder, "edit --orders orders.jsonl --json")?);
        together = together.min(run(home.path(), swept.folder, &format!("sweep run grid.toml --out swept-{turn}"))?);
    }
    let cells = (swept.layers.len() * facts.len()) as f64;
    println!(
        "{:<52} {:>9.3}s {:>9.3}s {:>6.1}x {:>6.2} cells/s",
        format!("ROME, {} layers × {} facts, orders and sweep", swept.layers.len(), facts.len()),
        alone.as_secs_f64(),
        together.as_secs_f64(),
        alone.as_secs_f64() / together.as_secs_f64(),
        cells / together.as_secs_f64()
    );
    Ok(())
}

/// The published settings but for the second moments, which a model of random weights has no use for.
fn grid(layers: &[usize]) -> String {
    format!(
        "[facts]\n[[edits]]\nmethod = \"rome\"\nobjectives = [\"error-injection\"]\nlayers = {layers:?}\n\
         settings = {{ second_moment = false }}\n"
    )
}

fn order(fact: &Fact, layer: usize) -> EditOrder {
    let settings = json!({"second_moment": false});
    EditOrder {
        fact: fact.clone(),
        method: "rome".to_owned(),
        objective: "error-injection".to_owned(),
        layers: vec![layer],
        method_settings: settings.as_object().cloned().unwrap_or_default(),
        ..EditOrder::default()
    }
}

/// How long the program takes, in a home of its own.
fn run(home: &Path, model: &Path, line: &str) -> Result<Duration> {
    let own = std::env::current_exe()?;
    let program = own.parent().context("the program lies in a folder")?.join("locus");
    let mut command = Command::new(&program);
    command.args(line.split(' ')).args(["--threads", "1", "--facts", "facts.json", "--model"]).arg(model);
    for variable in ["HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env(variable, home);
    }
    let start = Instant::now();
    let ended = command.current_dir(home).stdin(Stdio::null()).output();
    let ended = ended.with_context(|| format!("{} cannot be run; build it first", program.display()))?;
    let took = start.elapsed();
    ensure!(ended.status.success(), "locus {line}: {}", String::from_utf8_lossy(&ended.stderr));
    Ok(took)
}
