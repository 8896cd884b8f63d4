//! The folder of a sweep whose numbers are made up, and the thread that analyzes it, done at once.

use super::Bench;
use locus_protocol::{Event, JobId, Localized, SweepRow, SweepStarted, SweptCell, SweptFact};
use locus_sweep::{Identity, Ledger, Worker};
use locus_tui::{AnalysisEvent, Effect, Input, analyze};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Layers of the model.
pub const LAYERS: usize = 12;

const EDITS: &str = r#"
title = "Two methods on eight facts"
[[edits]]
method = "rome"
objectives = ["error-injection", "fact-erasure"]
[[edits]]
method = "memit"
window = 5
objectives = ["error-injection"]
"#;

const LOCALIZERS: &str = r#"
[[localizers]]
name = "causal trace"
kind = "causal-trace"
[[localizers]]
name = "random layer"
kind = "random-layer"
"#;

/// A sweep in a folder.
pub struct Swept {
    folder: TempDir,
    worker: Worker,
}

/// A number between -1 and 1 that looks like chance and is the same every time.
fn noise(of: &str) -> f64 {
    let mixed = of.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    let mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xc2b2_ae35);
    f64::from(mixed ^ (mixed >> 16)) / f64::from(u32::MAX) * 2.0 - 1.0
}

fn hill(top: f64, layer: usize) -> f64 {
    (-(layer as f64 - top).powi(2) / 10.0).exp()
}

/// The rows of a fact: itself, where it is found, and its cells.
pub fn rows(number: usize) -> Vec<SweepRow> {
    let fact = number.to_string();
    let key = format!("f{number}");
    let mut rows = vec![SweepRow::Fact(SweptFact { key, fact: fact.clone(), index: number, ..SweptFact::default() })];
    for (name, kind) in [("causal trace", "causal-trace"), ("random layer", "random-layer")] {
        let effect = |half: &str| -> Vec<f64> {
            let of = |layer: usize| {
                let top = 4.0 + 2.0 * noise(&fact);
                if name == "causal trace" {
                    0.4 * hill(top, layer) + 0.02 * noise(&format!("{fact}{layer}{half}"))
                } else {
                    0.5 + 0.5 * noise(&format!("r{fact}-{layer}"))
                }
            };
            (0..LAYERS).map(of).collect()
        };
        let halves = if name == "causal trace" { vec![effect("a"), effect("b")] } else { Vec::new() };
        rows.push(SweepRow::Localized(Localized {
            key: format!("{name}{number}"),
            fact: fact.clone(),
            localizer: name.to_owned(),
            kind: kind.to_owned(),
            effects: effect("a"),
            halves,
            ..Localized::default()
        }));
    }
    for (edit, method, window, objective) in [
        ("rome", "rome", 1, "error-injection"),
        ("rome", "rome", 1, "fact-erasure"),
        ("memit-5", "memit", 5, "error-injection"),
    ] {
        rows.extend((0..LAYERS).map(|layer| {
            let key = format!("{edit} {objective} {layer} {number}");
            let early = if method == "rome" { 2.0 } else { 6.0 };
            let score = 0.5 + 0.3 * hill(early, layer) + 0.15 * noise(&key);
            let numbers = [("rewrite_score", score), ("paraphrase_score", 0.8 * score)];
            SweepRow::Cell(SweptCell {
                key,
                fact: fact.clone(),
                edit: edit.to_owned(),
                method: method.to_owned(),
                objective: objective.to_owned(),
                layer,
                window,
                layers: vec![layer],
                numbers: numbers.map(|(name, value)| (name.to_owned(), value)).into(),
                ..SweptCell::default()
            })
        }));
    }
    rows
}

impl Swept {
    /// A sweep of no rows yet, with or without localizers.
    pub fn new(has_localizers: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let identity = Identity {
            layers: LAYERS,
            model: locus_protocol::ModelMark { name: "tiny".into(), ..Default::default() },
            facts_source: "facts.json".into(),
            program: "0.1.0".into(),
            ..Identity::default()
        };
        let grid = if has_localizers { format!("{EDITS}{LOCALIZERS}") } else { EDITS.to_owned() };
        let ledger = Ledger::open(&folder.path().join("sweep"), Some(&grid), &identity).expect("a ledger");
        let worker = Worker::begin(&ledger).expect("a worker");
        Self { folder, worker }
    }

    /// Where it is.
    pub fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("sweep")
    }

    /// Writes the rows of facts and tells them.
    pub fn add(&mut self, bench: &mut Bench, facts: std::ops::Range<usize>) {
        let rows: Vec<SweepRow> = facts.flat_map(rows).collect();
        self.worker.add(&rows).expect("rows");
        bench.hear(rows.into_iter().map(|row| Event::Swept { job: 2, row: Box::new(row) }));
    }
}

/// What the sweep starts from; its folder has the same name in every test.
pub fn started(job: JobId, folder: &str) -> Event {
    Event::Sweep(SweepStarted {
        job,
        folder: folder.into(),
        title: "Two methods on eight facts".into(),
        layers: LAYERS,
        facts: 8,
        cells: 3 * LAYERS * 8,
        localizations: 16,
        ..SweepStarted::default()
    })
}

/// A workbench that is told of a sweep of so many facts.
pub fn told(bench: &mut Bench, facts: usize) -> Swept {
    let mut swept = Swept::new(true);
    bench.hear([started(2, "sweeps/two")]);
    swept.add(bench, 0..facts);
    swept
}

/// The number of the analysis that was asked for last; forgets it.
pub fn asked(bench: &mut Bench) -> Option<(u64, bool)> {
    let effects = std::mem::take(&mut bench.effects);
    effects.into_iter().rev().find_map(|effect| match effect {
        Effect::Analyze { number, fully, .. } => Some((number, fully)),
        _ => None,
    })
}

/// Analyzes a folder as the thread does, and tells what came of it under a number.
pub fn answer(bench: &mut Bench, folder: &Path, number: u64) {
    let mut told = Vec::new();
    let analyzed = analyze(folder, false, &mut |done, all| {
        told.push((done, all));
        true
    });
    let (done, all) = told.last().copied().unwrap_or_default();
    assert_eq!(done, all, "{told:?}");
    let ended = analyzed.map(|analyzed| {
        let mut analyzed = analyzed.expect("it was not stopped");
        analyzed.took = Duration::from_millis(400);
        Arc::new(analyzed)
    });
    bench.feed(Input::Analysis { number, event: AnalysisEvent::Ended(ended) });
}

/// Computes what was asked for.
pub fn compute(bench: &mut Bench, swept: &Swept) {
    let (number, _) = asked(bench).expect("an analysis was asked for");
    answer(bench, &swept.path(), number);
}
