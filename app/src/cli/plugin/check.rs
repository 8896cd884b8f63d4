//! `locus plugin check`.

use super::kind;
use crate::cli::arguments::Common;
use crate::cli::client::Client;
use crate::cli::{Failure, output};
use locus_protocol::shown::{message, shown};
use locus_protocol::{CheckPlugin, Event, Inspect, Inspected, PluginChecked, Verdict};
use std::path::Path;

/// Edits in a row at most.
const MOST_EDITS: usize = 100_000;

/// Checks a file as loading does, and then what it does on the model; one line a check.
///
/// # Errors
/// A file that is refused; a check that failed.
pub fn run(common: &Common, file: &Path, edits: usize) -> Result<(), Failure> {
    if !(1..=MOST_EDITS).contains(&edits) {
        return Err(Failure::usage(format!("--edits must be from 1 to {MOST_EDITS}")));
    }
    // what cannot be loaded needs no model
    let Inspected::Plugin(plugins) = Client::inspect(common, Inspect::Plugin(file.to_owned()))? else {
        return Err(Failure::failed("the engine sent something else; please report it"));
    };
    let mut client = Client::with_model(common)?;
    let quiet = client.json();
    let mut last: Option<usize> = None;
    let mut printed = Ok(());
    let mut listen = |event: &Event| {
        let Event::PluginChecked(checked) = event else { return };
        let place = plugins.iter().position(|known| known.kind == checked.kind && known.id == checked.id);
        let mut lines = Vec::new();
        if let Some(place) = place.filter(|place| last != Some(*place)) {
            last = Some(place);
            let ready = &plugins[place];
            let (id, version, title) = (&ready.id, &ready.version, &ready.title);
            let made = format!("interface {}, compiled by {}", ready.interface, ready.compiler);
            lines.push(shown(&format!("{} `{id}` {version} — {title}: {made}", kind(ready.kind))).into_owned());
        }
        lines.push(line(checked));
        if printed.is_ok() && !quiet {
            printed = client_print(&lines);
        }
    };
    let job = client.job(CheckPlugin { file: file.to_owned(), edits }, &mut listen);
    printed?;
    job.map(|_| ())
}

fn client_print(lines: &[String]) -> std::io::Result<()> {
    output::print(&lines.join("\n"))
}

fn line(checked: &PluginChecked) -> String {
    let verdict = match checked.verdict {
        Verdict::Ok => "ok",
        Verdict::Failed => "FAILED",
        Verdict::Skipped => "skipped",
    };
    format!("  {verdict:<8} {}: {}", shown(&checked.check), shown(&message(&checked.text)))
}
