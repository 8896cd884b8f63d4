//! `locus doctor`.

use crate::cli::arguments::Common;
use crate::cli::client::Client;
use crate::cli::{Failure, output, tables};
use locus_protocol::{Inspect, Inspected};
use locus_records::Places;
use serde_json::{Map, Value};

/// Says what a bug report needs. Nothing is changed and no model is loaded.
///
/// # Errors
/// There is no home folder.
pub fn run(common: &Common) -> Result<(), Failure> {
    let places = Places::find()?;
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| "not set".to_owned());
    let mut findings = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    match Client::inspect(common, Inspect::Machine) {
        Ok(Inspected::Machine(machine)) => findings.extend([
            ("libtorch", machine.libtorch),
            ("device", machine.device),
            ("cpu threads", machine.threads.to_string()),
        ]),
        Ok(_) => {}
        Err(failure) => findings.push(("engine", failure.message)),
    }
    findings.extend([
        ("reproducible", common.reproducible.to_string()),
        ("terminal", output::has_terminal().to_string()),
        ("TERM", variable("TERM")),
        ("COLORTERM", variable("COLORTERM")),
        ("NO_COLOR", variable("NO_COLOR")),
        ("LANG", variable("LANG")),
        ("TMUX", variable("TMUX")),
        ("SSH_CONNECTION", if std::env::var_os("SSH_CONNECTION").is_some() { "set" } else { "not set" }.to_owned()),
        ("cache", places.cache.display().to_string()),
        ("user's plugins", places.plugins.display().to_string()),
        ("state", places.state.display().to_string()),
    ]);
    match plugins(common) {
        Ok(client) => {
            let ids = client.known.plugins.iter().map(|plugin| format!("{} {}", plugin.id, plugin.interface));
            findings.push(("plugins", ids.collect::<Vec<_>>().join(", ")));
            findings.extend(client.known.refused.iter().map(|refused| ("refused", refused.reason.clone())));
        }
        Err(failure) => findings.push(("plugins", failure.message)),
    }
    if common.json {
        let record: Map<String, Value> =
            findings.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        output::json(&record)?;
        return Ok(());
    }
    output::print(&tables::pairs(findings))?;
    Ok(())
}

/// An engine that has told its plugins.
fn plugins(common: &Common) -> Result<Client, Failure> {
    let mut client = Client::start(&Common { json: false, ..common.clone() })?;
    client.plugins()?;
    Ok(client)
}
