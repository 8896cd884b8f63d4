//! `locus deltas`: files of edits.

use crate::cli::arguments::{Common, DeltasAction};
use crate::cli::client::Client;
use crate::cli::{Failure, output, tables};
use locus_protocol::shown::shown;
use locus_protocol::{DeltaHeader, Inspect, Inspected, counted};
use locus_records::Places;
use locus_records::operations::{Journal, LooseChange};
use std::path::Path;

/// Does what was asked for.
///
/// # Errors
/// A file that is none; those of the jobs.
pub fn run(common: &Common, action: &DeltasAction) -> Result<(), Failure> {
    match action {
        DeltasAction::Show { file } => show(common, file),
        DeltasAction::Apply { files } => {
            let common = Common { apply: common.apply.iter().chain(files).cloned().collect(), ..common.clone() };
            apply(&common)
        }
        DeltasAction::Prune { remove } => prune(common, *remove),
    }
}

/// Lists the edits of a file.
fn show(common: &Common, file: &Path) -> Result<(), Failure> {
    let Inspected::Deltas { header, changes } = Client::inspect(common, Inspect::Deltas(file.to_owned()))? else {
        return Err(Failure::failed("the engine sent something else; please report it"));
    };
    if common.json {
        return Ok(output::json(&header)?);
    }
    let header: DeltaHeader = serde_json::from_value(header).map_err(std::io::Error::from)?;
    let model = &header.model;
    let file = file.display().to_string();
    let (file, name, fingerprint) = (shown(&file), shown(&model.name), shown(&model.fingerprint));
    output::print(&format!("{file}: edits of the model `{name}` ({fingerprint})"))?;
    for (said, changes) in header.edits.iter().zip(changes) {
        let plugin = |mark: &locus_protocol::PluginMark| {
            format!("{} {} ({})", mark.id, mark.version, mark.sha256.get(..12).unwrap_or("unknown file"))
        };
        let mut rows = vec![
            ("edit", said.title.clone()),
            ("prompt", said.order.fact.marked()),
            ("method", plugin(&said.method)),
            ("objective", plugin(&said.objective)),
            ("seed", said.order.seed.to_string()),
        ];
        rows.extend(changes.into_iter().map(|change| ("change", change)));
        output::print(&format!("\n{}", tables::pairs(rows)))?;
    }
    Ok(())
}

/// Lists, or deletes, the changes that no operation names.
fn prune(common: &Common, remove: bool) -> Result<(), Failure> {
    let journal = Journal::new(&Places::find()?.state);
    let loose = journal.loose_changes(remove)?;
    if common.json {
        let record = |change: &LooseChange| {
            let record = serde_json::json!({"file": change.file, "bytes": change.bytes, "removed": remove});
            Ok(output::json(&record)?)
        };
        return loose.iter().try_for_each(record);
    }
    if loose.is_empty() {
        let text =
            format!("every change in {} is named by an operation", shown(&journal.deltas().display().to_string()));
        return Ok(output::print(&text)?);
    }
    let mut table = tables::table(["file", "bytes"]);
    for change in &loose {
        table.add_row([change.file.display().to_string(), change.bytes.to_string()]);
    }
    output::print(&table.to_string())?;
    let bytes: u64 = loose.iter().map(|change| change.bytes).sum();
    let what = format!("{} that no operation names", counted(loose.len(), "change"));
    Ok(output::print(&match remove {
        true => format!("\ndeleted {what}, {bytes} bytes"),
        false => format!("\n{what}, {bytes} bytes; `locus deltas prune --remove` deletes them"),
    })?)
}

/// Puts the edits of files in place and says what the weights are then.
fn apply(common: &Common) -> Result<(), Failure> {
    let client = Client::with_model_alone(common)?;
    if client.json() {
        return Ok(());
    }
    output::print(&tables::in_place(&client.known.in_place, false))?;
    let mut table = tables::table(["parameter", "SHA-256 of its float32 values now"]);
    for (name, hash) in &client.known.weights {
        table.add_row([name, hash]);
    }
    Ok(output::print(&format!("\n{table}"))?)
}
