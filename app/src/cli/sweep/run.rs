//! `locus sweep run`.

use super::tables;
use crate::cli::arguments::Common;
use crate::cli::arguments::SweepRun;
use crate::cli::client::Client;
use crate::cli::{Failure, output};
use locus_protocol::{Event, SweepOrder, SweepStarted, counted};
use locus_sweep::{Grid, Ledger};
use std::path::Path;

/// Sweeps a grid, or goes on with one, and prints the scores by layer.
///
/// # Errors
/// A grid that makes no sense on the model; a folder that holds something else; those of the job.
pub fn run(common: &Common, asked: &SweepRun) -> Result<(), Failure> {
    let folder = std::path::absolute(&asked.out)?;
    let mut common = common.clone();
    let grid = match &asked.grid {
        Some(path) => {
            let (grid, text) = Grid::read(path).map_err(usage)?;
            let beside = path.parent().unwrap_or(Path::new(""));
            common.facts = common.facts.or_else(|| grid.facts.file.as_ref().map(|file| beside.join(file)));
            Some(text)
        }
        None => {
            let ledger = Ledger::read(&folder).map_err(usage)?;
            let source = Path::new(&ledger.identity().facts_source).to_owned();
            common.facts = common.facts.or_else(|| Some(source).filter(|file| file.is_absolute() && file.exists()));
            None
        }
    };
    let mut client = Client::with_model(&common)?;
    let order = SweepOrder {
        folder: folder.clone(),
        grid,
        shard: asked.shard,
        retry_failed: asked.retry_failed,
        estimate_only: asked.estimate,
    };
    let json = client.json();
    let mut told: Option<SweepStarted> = None;
    let mut last = None;
    client.job(order, &mut |event| {
        if let Event::Sweep(started) = event {
            if !json {
                match (&told, started.seconds) {
                    (None, _) => beginning(started).iter().for_each(|line| output::complain(line)),
                    (Some(known), Some(seconds)) if known.seconds.is_none() && seconds > 1.0 => {
                        output::complain(&format!(
                            "about {} left, estimated from the first cells of each \
                                                   kind",
                            duration(seconds)
                        ));
                    }
                    _ => {}
                }
            }
            told = Some(started.clone());
            last = Some(started.clone());
        }
    })?;
    if json || asked.estimate {
        return Ok(());
    }
    let failed = locus_sweep::status(&folder)?.failed.values().sum::<usize>();
    if failed > 0 {
        output::complain(&format!("{failed} cells failed; `locus sweep status {}` says why", asked.out.display()));
    }
    Ok(output::print(&tables(&folder, &[]).or_else(|_| nothing(last.as_ref()))?)?)
}

/// A grid of localizers alone has no scores.
fn nothing(last: Option<&SweepStarted>) -> Result<String, Failure> {
    let count = last.map_or(0, |started| started.localizations);
    Ok(format!("{} in the ledger", counted(count, "localization")))
}

/// What a sweep starts from, as lines.
fn beginning(started: &SweepStarted) -> Vec<String> {
    let facts = counted(started.facts, "fact");
    let mut lines = vec![format!(
        "{}: {facts}, {}, {} of which are done",
        if started.title.is_empty() { "sweep" } else { &started.title },
        counted(started.cells + started.localizations, "cell"),
        started.done
    )];
    lines.extend(started.left_out.iter().map(|(why, count)| format!("  {} left out: {why}", counted(*count, "fact"))));
    lines.extend(started.remarked.iter().map(|(what, count)| format!("  {}: {what}", counted(*count, "fact"))));
    if started.free > 0 && started.bytes > started.free {
        let (needed, free) = (locus_files::size(started.bytes), locus_files::size(started.free));
        lines.push(format!(
            "  the rows need about {needed}, but only {free} are free: make room, or the sweep stops \
                            there"
        ));
    }
    lines
}

/// A time in the unit that fits.
fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

fn usage(error: locus_sweep::Error) -> Failure {
    Failure::usage(error.to_string())
}
