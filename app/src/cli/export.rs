//! `locus export`.

use crate::cli::arguments::{Common, EditArguments};
use crate::cli::client::Client;
use crate::cli::{Failure, edit, orders, output};
use locus_protocol::{Command, SaveTarget};
use std::path::Path;

/// Makes the edits, all in one model, and writes it as a folder that transformers loads.
///
/// # Errors
/// Those of the jobs.
pub fn run(common: &Common, arguments: &EditArguments, folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        return Err(Failure::usage(format!("--folder {}: it is there already; name a new one", folder.display())));
    }
    edit::check_save(arguments)?;
    let mut client = Client::with_model(common)?;
    let orders = orders::read(&client, arguments)?;
    edit::sequence(&mut client, arguments, orders)?;
    edit::save(&mut client, arguments)?;
    client.job(|job| Command::Save { job, target: SaveTarget::Model(folder.to_owned()) }, &mut |_| {})?;
    if !client.json() {
        output::print(&format!("wrote the edited model to {}", folder.display()))?;
    }
    Ok(())
}
