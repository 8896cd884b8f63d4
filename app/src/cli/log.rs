//! `locus log` and `locus show`: the journal of operations.

use crate::cli::arguments::Common;
use crate::cli::{Failure, output, tables};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use locus_protocol::shown::shown;
use locus_protocol::{AimVerdict, Deed, EditDeed, Operation, Origin, PluginMark};
use locus_records::Places;
use locus_records::operations::{Journal, Read};
use serde_json::Value;

/// The user's journal and its operations; invalid lines are reported.
///
/// # Errors
/// It cannot be read.
pub fn read() -> Result<(Journal, Read), Failure> {
    let journal = Journal::new(&Places::find()?.state);
    let read = journal.read()?;
    read.complaints.iter().for_each(|complaint| output::complain(complaint));
    Ok((journal, read))
}

/// The same, for a journal that new operations can follow.
///
/// # Errors
/// It cannot be read, or contains what this program does not understand.
pub fn read_to_go_on() -> Result<(Journal, Read), Failure> {
    let (journal, read) = read()?;
    sound(&read)?;
    Ok((journal, read))
}

/// What was shown is all that there is.
fn sound(read: &Read) -> Result<(), Failure> {
    read.refusal().map_or(Ok(()), |refusal| Err(Failure::failed(refusal)))
}

/// Lists all operations of the journal, the oldest first.
///
/// # Errors
/// The journal cannot be read.
pub fn log(common: &Common) -> Result<(), Failure> {
    let (journal, read) = read()?;
    if common.json {
        read.operations.iter().try_for_each(record)?;
        return sound(&read);
    }
    if read.operations.is_empty() {
        sound(&read)?;
        return Ok(output::print(&format!(
            "no operations yet; edits are recorded in {}",
            shown(&journal.file().display().to_string())
        ))?);
    }
    let mut table = tables::table(["number", "when", "model", "what", "verdict", "now", "‖ΔW‖", "‖ΔW‖/‖W‖"]);
    for operation in &read.operations {
        let norms = operation.edit().map(EditDeed::norms);
        let number = |norm: Option<f64>| norm.map_or_else(String::new, |norm| format!("{norm:.4}"));
        table.add_row([
            operation.number.to_string(),
            when(&operation.time, "%Y-%m-%d %H:%M"),
            operation.model.name.clone(),
            what(&read, operation),
            verdict(operation, AimVerdict::headline),
            now(&read, operation).to_owned(),
            number(norms.map(|(norm, _)| norm)),
            number(norms.map(|(_, relative)| relative)),
        ]);
    }
    table.right([0, 6, 7]);
    output::print(&table.to_string())?;
    sound(&read)
}

/// Prints everything known about one operation.
///
/// # Errors
/// There is none of that number.
pub fn show(common: &Common, number: u64) -> Result<(), Failure> {
    let (journal, read) = read()?;
    let operation = find(&read, number)?;
    if common.json {
        record(operation)?;
        return sound(&read);
    }
    let list = |numbers: &[u64]| match numbers {
        [] => "none".to_owned(),
        all => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut rows = vec![
        ("operation", format!("{number}: {}", what(&read, operation))),
        ("when", when(&operation.time, "%Y-%m-%d %H:%M:%S %Z")),
        ("by", format!("{} (run {})", origin(operation.origin), operation.run)),
        ("program", if operation.program.is_empty() { "not recorded".to_owned() } else { operation.program.clone() }),
        ("model", format!("{} ({})", operation.model.name, operation.model.fingerprint)),
    ];
    if !operation.weights.is_empty() {
        rows.push(("--reproducible", if operation.reproducible { "yes" } else { "no" }.to_owned()));
    }
    rows.extend(operation.facts.iter().map(|facts| ("facts", format!("{} ({})", facts.source, facts.sha256))));
    if let Some(edit) = operation.edit() {
        let order = &edit.order;
        let layers: Vec<String> = order.layers.iter().map(ToString::to_string).collect();
        let settings = |settings: &serde_json::Map<String, Value>| {
            settings.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        rows.extend(order.facts().map(|fact| ("fact", format!("{} → {}", fact.marked(), fact.target_new))));
        rows.extend([
            ("method", plugin(&edit.method)),
            ("layers", layers.join(",")),
            ("settings", settings(&order.method_settings)),
            ("objective", plugin(&edit.objective)),
            ("its settings", settings(&order.objective_settings)),
            ("seed", order.seed.to_string()),
            ("found on", found_on(operation, edit)),
            ("change", journal.delta(&edit.delta).display().to_string()),
        ]);
        rows.extend(edit.artifacts.iter().map(|kept| ("artifacts", journal.delta(kept).display().to_string())));
        rows.extend(edit.source.iter().map(|file| ("read from", file.display().to_string())));
        rows.extend(edit.changes.iter().map(|change| {
            ("‖ΔW‖, ‖ΔW‖/‖W‖", format!("{:.4}, {:.4} {}", change.norm, change.relative, change.parameter))
        }));
        rows.push(("verdict", verdict(operation, AimVerdict::words)));
        rows.push(("now", now(&read, operation).to_owned()));
    }
    rows.push(("in place after it", list(&operation.in_place)));
    rows.push(("undone after it", list(&operation.taken_back)));
    rows.extend(operation.weights.iter().map(|(name, hash)| ("weights after it", format!("{hash} {name}"))));
    output::print(&tables::pairs(rows))?;
    if let Some(edit) = operation.edit()
        && let Some(applied) = edit.applied(number)
    {
        let fact = &edit.order.fact;
        output::print(&format!("\n{}", tables::before_after(&applied, &fact.target_new, &fact.target_true)))?;
    }
    sound(&read)
}

/// An operation by its number.
///
/// # Errors
/// There is no such operation.
pub fn find(read: &Read, number: u64) -> Result<&Operation, Failure> {
    let last = read.operations.last().map_or(0, |operation| operation.number);
    read.find(number).ok_or_else(|| match last {
        0 => Failure::failed("the journal of operations is empty"),
        last => Failure::failed(format!("there is no operation {number}; `locus log` lists 1 to {last}")),
    })
}

/// Prints an operation as the journal has it.
///
/// # Errors
/// The output is gone.
pub fn record(operation: &Operation) -> Result<(), Failure> {
    Ok(output::json(operation)?)
}

/// What was done, in a few words.
pub fn what(read: &Read, operation: &Operation) -> String {
    let title = |edit: u64| {
        read.find(edit).and_then(Operation::edit).map_or_else(String::new, |edit| format!(": {}", edit.title))
    };
    match &operation.deed {
        Deed::Edit(edit) => edit.title.clone(),
        Deed::Apply(edit) => format!("applied {}", edit.title),
        Deed::Undo { edit } => format!("undid {edit}{}", title(*edit)),
        Deed::Redo { edit } => format!("redid {edit}{}", title(*edit)),
    }
}

/// The verdict on an edit, in words.
fn verdict(operation: &Operation, words: fn(&AimVerdict) -> String) -> String {
    let Some(edit) = operation.edit() else { return String::new() };
    edit.verdict.as_ref().map_or_else(|| "not recorded".to_owned(), words)
}

/// The state of an edit: what the next start of the workbench does with it.
fn now(read: &Read, operation: &Operation) -> &'static str {
    if operation.edit().is_none() {
        return "";
    }
    let standing = read.standing(&operation.model.fingerprint);
    match operation.origin {
        _ if !read.refusals.is_empty() => "unknown",
        _ if standing.in_place.contains(&operation.number) => "in place",
        _ if standing.taken_back.contains(&operation.number) => "undone",
        Origin::Workbench => "left",
        Origin::Command => "own run",
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Workbench => "the workbench",
        Origin::Command => "a command on a model of its own",
    }
}

/// The model that an edit was computed on.
fn found_on(operation: &Operation, edit: &EditDeed) -> String {
    let before: Vec<String> =
        operation.in_place.iter().filter(|&&number| number != operation.number).map(ToString::to_string).collect();
    match (&operation.deed, &before[..]) {
        (Deed::Apply(_), _) => "not recorded: it was read from a file".to_owned(),
        (_, []) => "the unedited model".to_owned(),
        _ if edit.found_on_unedited => format!("the unedited model, and applied on top of {}", before.join(", ")),
        _ => format!("the model with {} in place", before.join(", ")),
    }
}

fn plugin(mark: &PluginMark) -> String {
    format!("{} {} ({})", mark.id, mark.version, mark.sha256)
}

/// A time as the user's clock shows it.
fn when(time: &str, format: &str) -> String {
    let local =
        time.parse::<Timestamp>().map(|time| time.to_zoned_datetime(TimeZone::system()).strftime(format).to_string());
    local.unwrap_or_else(|_| time.to_owned())
}
