//! `locus trace`.

use crate::cli::arguments::{Common, TraceArguments};
use crate::cli::client::Client;
use crate::cli::{Failure, fact, output, tables};
use locus_protocol::{Command, Event, Fact, TraceKind, TraceOrder, TraceStarted};

/// A trace and its heat map, row by row.
#[derive(Default)]
pub struct Traced {
    /// What it started from.
    pub started: Option<TraceStarted>,
    /// Restored probability by token and layer.
    pub scores: Vec<Vec<f64>>,
}

/// Traces one fact and prints the heat map.
///
/// # Errors
/// Those of the job.
pub fn run(common: &Common, arguments: &TraceArguments) -> Result<(), Failure> {
    let mut client = Client::with_model(common)?;
    let fact = fact::choose(&arguments.fact, &client.known.facts)?;
    let order = order(arguments, fact)?;
    let traced = trace(&mut client, order)?;
    if !client.json()
        && let Some(started) = &traced.started
    {
        output::print(&tables::trace(started, &traced.scores))?;
    }
    Ok(())
}

/// Orders a trace and collects its rows.
///
/// # Errors
/// Those of the job.
pub fn trace(client: &mut Client, order: TraceOrder) -> Result<Traced, Failure> {
    let mut traced = Traced::default();
    client.job(|job| Command::Trace { job, order }, &mut |event| match event {
        Event::Trace(started) => traced.started = Some(started.clone()),
        Event::TraceRow { token, scores, .. } => {
            traced.scores.resize(traced.scores.len().max(token + 1), Vec::new());
            traced.scores[*token].clone_from(scores);
        }
        _ => {}
    })?;
    Ok(traced)
}

fn order(arguments: &TraceArguments, fact: Fact) -> Result<TraceOrder, Failure> {
    if fact.target_true.is_empty() {
        return Err(Failure::usage("--true is missing: a trace follows the probability of the true answer"));
    }
    let kind = TraceKind::from(arguments.kind);
    let mut order = TraceOrder::new(fact, kind);
    order.window = arguments.window.unwrap_or(order.window);
    order.samples = arguments.samples;
    order.seed = arguments.seed;
    order.noise_file.clone_from(&arguments.noise_file);
    let text = arguments.noise.as_str();
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    let bad = || Failure::usage(format!("--noise must be a number or sK, as in s3, not `{text}`"));
    match text.strip_prefix('s') {
        Some("") => order.noise_deviations = 1.0,
        Some(deviations) => order.noise_deviations = number(deviations).ok_or_else(bad)?,
        None => order.noise_level = Some(number(text).ok_or_else(bad)?),
    }
    Ok(order)
}
