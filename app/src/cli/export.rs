//! `locus export`.

use crate::cli::arguments::{Common, EditArguments};
use crate::cli::{Failure, edit, orders, output};
use locus_files::FolderDraft;
use locus_protocol::SaveTarget;
use locus_protocol::shown::shown;
use std::path::Path;

/// Makes the edits, all in one model, and writes it as a folder that transformers loads, or its changes as one that
/// peft loads.
///
/// # Errors
/// Those of the jobs.
pub fn run(
    common: &Common,
    arguments: &EditArguments,
    folder: Option<&Path>,
    adapter: Option<&Path>,
) -> Result<(), Failure> {
    for (flag, folder) in [("--folder", folder), ("--adapter", adapter)] {
        if let Some(folder) = folder {
            // tried, and given up at once: the engine writes it at the end
            let refused = |refusal| Failure::usage(format!("{flag} {}: {refusal}", folder.display()));
            FolderDraft::new(folder).map(drop).map_err(refused)?;
        }
    }
    edit::check_save(arguments)?;
    orders::check(common, arguments)?;
    let mut client = edit::client(common, arguments)?;
    let orders = orders::read(&mut client, arguments)?;
    edit::sequence(&mut client, arguments, orders)?;
    edit::save(&mut client, arguments)?;
    // first what may be refused
    let adapter = adapter.map(|folder| (SaveTarget::Adapter(folder.to_owned()), "the changes as an adapter", folder));
    let model = folder.map(|folder| (SaveTarget::Model(folder.to_owned()), "the edited model", folder));
    for (target, what, folder) in adapter.into_iter().chain(model) {
        client.job(target, &mut |_| {})?;
        if !client.json() {
            output::print(&format!("wrote {what} to {}", shown(&folder.display().to_string())))?;
        }
    }
    Ok(())
}
