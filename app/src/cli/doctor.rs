//! `locus doctor`.

use crate::cli::arguments::Common;
use crate::cli::client::Client;
use crate::cli::places::Places;
use crate::cli::{Failure, output, tables};
use locus_protocol::{DeviceRequest, NumberFormat};
use locus_session::choose;
use serde_json::{Map, Value};

/// Says what a bug report needs. Nothing is changed and no model is loaded.
///
/// # Errors
/// There is no home folder.
pub fn run(common: &Common) -> Result<(), Failure> {
    let places = Places::find()?;
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| "not set".to_owned());
    let device = match choose(DeviceRequest::Automatic, NumberFormat::Float32) {
        Ok(choice) => format!("{} ({})", choice.info.name, choice.info.reason),
        Err(error) => error.to_string(),
    };
    let mut findings = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("libtorch", libtorch()),
        ("device", device),
        ("cpu threads", tch::get_num_threads().to_string()),
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
    ];
    let mut client = Client::start(&Common { json: false, ..common.clone() })?;
    match client.plugins() {
        Ok(()) => {
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

/// The libtorch that runs.
fn libtorch() -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let file = maps.lines().find_map(|line| line.ends_with("/libtorch_cpu.so").then(|| line.split_once('/')).flatten());
    file.map_or_else(|| "not found".to_owned(), |(_, path)| format!("/{path}"))
}
