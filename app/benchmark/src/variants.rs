//! What a further variant in the comparison costs: its changes, against the size of the model.

use anyhow::{Context, Result, bail};
use locus_engine::resident;
use locus_plugin_host::SearchPaths;
use locus_protocol::{Command, EditOrder, Event, Fact, Load, ModelSource, Outcome, Start, Task, Tried, TriedOn, Try};
use locus_session::{Handles, SessionOptions};
use serde_json::json;
use std::path::Path;

/// Variants beside each other.
const VARIANTS: usize = 4;
/// What is said where the system does not say it.
const UNKNOWN: &str = "the resident memory of this process cannot be read";

/// Tries four variants of one edit on the model in `folder`, one layer each, and prints what each of them costs.
pub fn cost(folder: &Path, parameters: u64) -> Result<()> {
    let cache = tempfile::tempdir()?;
    let mut session = Session::open(folder, cache.path())?;
    let model = 4 * parameters;
    println!("{:<52} {:>12} {:>10} {:>14}", "variants of ROME beside the model", "changes", "of model", "resident set");
    for variant in 0..VARIANTS {
        let before = resident().context(UNKNOWN)?;
        let tried = session.attempt(variant)?;
        let after = resident().context(UNKNOWN)?;
        println!(
            "{:<52} {:>8.1} KiB {:>9.4}% {:>+10.1} MiB",
            format!("variant {}, layer {variant}", variant + 1),
            tried.bytes as f64 / 1024.0,
            100.0 * tried.bytes as f64 / model as f64,
            (after as f64 - before as f64) / 1024.0 / 1024.0
        );
    }
    session.close();
    Ok(())
}

/// A session on the model, as the workbench has one.
struct Session {
    handles: Handles,
    jobs: u64,
    fact: Fact,
}

impl Session {
    fn open(folder: &Path, cache: &Path) -> Result<Self> {
        let plugins = std::env::current_exe()?.parent().map(Path::to_owned);
        let search = SearchPaths::new(plugins.as_deref(), None, None, &[]);
        let start = Start { threads: Some(tch::get_num_threads()), ..Start::default() };
        let handles = locus_session::start(SessionOptions::new(start, cache.to_owned(), search))?;
        let mut session = Self { handles, jobs: 0, fact: Fact::default() };
        let source = ModelSource::Folder(folder.to_owned());
        for event in session.job(Load { source })? {
            if let Event::Facts { facts, .. } = event {
                session.fact = facts.into_iter().next().context("there are no facts")?;
            }
        }
        Ok(session)
    }

    fn attempt(&mut self, layer: usize) -> Result<Tried> {
        let settings = json!({"steps": 3, "second_moment": false, "contexts": 0});
        let order = EditOrder {
            fact: self.fact.clone(),
            method: "rome".to_owned(),
            objective: "error-injection".to_owned(),
            layers: vec![layer],
            method_settings: settings.as_object().cloned().unwrap_or_default(),
            objective_settings: serde_json::Map::new(),
            seed: 0,
            more: Vec::new(),
            free_generation: 0,
            no_scores: false,
            corpus_tokens: None,
        };
        let events = self.job(Try { order, on: TriedOn::Unedited })?;
        let tried =
            events.into_iter().find_map(|event| if let Event::Tried(tried) = event { Some(tried) } else { None });
        tried.context("the variant was not measured")
    }

    fn job(&mut self, task: impl Into<Task>) -> Result<Vec<Event>> {
        let id = self.jobs;
        self.jobs += 1;
        self.handles.commands.send(Command::start(id, task))?;
        let mut events = Vec::new();
        loop {
            match self.handles.events.recv()? {
                Event::Finished { job, outcome: Outcome::Done, .. } if job == id => return Ok(events),
                Event::Finished { job, outcome, .. } if job == id => bail!("{outcome:?}"),
                event => events.push(event),
            }
        }
    }

    fn close(self) {
        let _ = self.handles.commands.send(Command::Quit);
        drop(self.handles.events);
        let _ = self.handles.thread.join();
    }
}
