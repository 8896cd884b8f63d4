//! `locus trace`.

use crate::cli::arguments::{Common, TraceArguments};
use crate::cli::client::Client;
use crate::cli::trace_csv::TraceTable;
use crate::cli::{Failure, fact, output, tables};
use locus_protocol::{AverageEffects, Event, TraceOrder, TraceStarted};

/// A trace and its heat map, row by row.
#[derive(Default)]
pub struct Traced {
    /// What it started from.
    pub started: Option<TraceStarted>,
    /// Probability of the answer by token and layer.
    pub scores: Vec<Vec<f64>>,
    /// First-order estimate of the same.
    pub preview: Vec<Vec<f64>>,
}

impl Traced {
    /// Keeps what an event says about a trace.
    fn listen(&mut self, event: &Event) {
        match event {
            Event::Trace(started) => *self = Self { started: Some(started.clone()), ..Self::default() },
            Event::TracePreview { scores, .. } => self.preview.clone_from(scores),
            Event::TraceRow { token, scores, .. } => {
                self.scores.resize(self.scores.len().max(token + 1), Vec::new());
                self.scores[*token].clone_from(scores);
            }
            _ => {}
        }
    }

    /// Whether all rows are there.
    fn is_whole(&self) -> bool {
        self.started.as_ref().is_some_and(|started| {
            started.tokens.len() == self.scores.len() && self.scores.iter().all(|row| row.len() == started.layers)
        })
    }
}

/// Traces one fact or all and prints the heat map or the averages.
///
/// # Errors
/// Those of the job; flags that make no sense together.
pub fn run(common: &Common, arguments: &TraceArguments) -> Result<(), Failure> {
    if arguments.csv.is_some() && arguments.preview {
        return Err(Failure::usage("--csv needs exact values; leave out --preview"));
    }
    fact::check(&arguments.fact)?;
    arguments.check()?;
    let mut client = Client::with_model_alone(common)?;
    let layers = client.known.model.as_ref().map_or(usize::MAX, |model| model.layers);
    if let Some(window) = arguments.window.filter(|window| *window > layers) {
        return Err(Failure::usage(format!("--window {window}: this model has {layers} layers")));
    }
    if arguments.all {
        return average(&mut client, arguments);
    }
    let mut fact = fact::choose(&arguments.fact, &client.known.facts)?;
    fact::complete(&mut client, &mut fact, false)?;
    let order = arguments.order(fact)?;
    let table = arguments.csv.as_deref().map(TraceTable::create).transpose()?;
    let traced = trace(&mut client, order)?;
    if let Some(mut table) = table {
        table.add(&traced, &client.known.facts)?;
        table.finish()?;
    }
    if !client.json()
        && let Some(started) = &traced.started
    {
        output::print(&match traced.scores.is_empty() {
            true => tables::trace(started, &traced.preview, true),
            false => tables::trace(started, &traced.scores, false),
        })?;
    }
    Ok(())
}

/// Orders a trace and collects its rows.
///
/// # Errors
/// Those of the job.
pub fn trace(client: &mut Client, order: TraceOrder) -> Result<Traced, Failure> {
    let mut traced = Traced::default();
    client.job(order, &mut |event| traced.listen(event))?;
    Ok(traced)
}

/// Traces all facts and prints their averages.
fn average(client: &mut Client, arguments: &TraceArguments) -> Result<(), Failure> {
    let order = arguments.average(&client.known.facts)?;
    let facts = client.known.facts.clone();
    let mut table = arguments.csv.as_deref().map(TraceTable::create).transpose()?;
    let mut traced = Traced::default();
    let mut effects: Vec<AverageEffects> = Vec::new();
    let mut written = Ok(());
    let done = client.job(order, &mut |event| {
        traced.listen(event);
        if let Event::AverageEffects(found) = event {
            effects.push(found.clone());
        }
        if matches!(event, Event::TraceRow { .. })
            && traced.is_whole()
            && let Some(table) = &mut table
            && written.is_ok()
        {
            written = table.add(&traced, &facts);
        }
    });
    done?;
    written?;
    if let Some(table) = table {
        table.finish()?;
    }
    if !client.json() {
        output::print(&tables::averages(&effects))?;
    }
    Ok(())
}
