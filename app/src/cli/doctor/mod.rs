//! `locus doctor`: what a bug report needs, in as many lines as fit into one.

mod disk;
mod terminal;

use crate::cli::arguments::Common;
use crate::cli::client::Client;
use crate::cli::{Failure, output, reproducible, tables};
use locus_protocol::{Inspect, Inspected};
use locus_records::Places;
use serde_json::{Map, Value};

/// What was found, by names that stay.
type Findings = Vec<(&'static str, String)>;

/// Prints what a bug report needs. Nothing is changed and no model is loaded.
///
/// # Errors
/// There is no home folder.
pub fn run(common: &Common) -> Result<(), Failure> {
    let places = Places::find()?;
    let mut findings: Findings = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    let system = rustix::system::uname();
    let (name, release) = (system.sysname().to_string_lossy(), system.release().to_string_lossy());
    findings.push(("system", format!("{name} {release} {}", system.machine().to_string_lossy())));
    findings.extend(machine(common));
    findings.push(("reproducible", common.reproducible.to_string()));
    findings.extend(terminal::findings());
    findings.push((
        "settings",
        match reproducible::preference(common) {
            Ok(preference) => {
                let listed = preference.listed();
                listed.into_iter().map(|(name, value, _)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
            }
            Err(failure) => failure.message,
        },
    ));
    findings.extend(disk::findings(&places));
    match plugins(common) {
        Ok(client) => {
            let ids = client.known.plugins.iter().map(|plugin| format!("{} {}", plugin.id, plugin.interface));
            findings.push(("plugins", ids.collect::<Vec<_>>().join(", ")));
            findings.extend(client.known.refused.iter().map(|refused| ("refused", refused.reason.clone())));
        }
        Err(failure) => findings.push(("plugins", failure.message)),
    }
    if common.json {
        return Ok(output::json(&record(findings))?);
    }
    Ok(output::print(&tables::pairs(findings))?)
}

/// One object; what was found more than once is a list.
fn record(findings: Findings) -> Map<String, Value> {
    let mut record = Map::new();
    for (name, value) in findings {
        match record.get_mut(name) {
            None => drop(record.insert(name.to_owned(), Value::from(value))),
            Some(Value::Array(all)) => all.push(Value::from(value)),
            Some(one) => *one = Value::Array(vec![one.take(), Value::from(value)]),
        }
    }
    record
}

/// What the engine says of its machine.
fn machine(common: &Common) -> Findings {
    let machine = match Client::inspect(common, Inspect::Machine) {
        Ok(Inspected::Machine(machine)) => machine,
        Ok(_) => return Vec::new(),
        Err(failure) => return vec![("engine", failure.message)],
    };
    let driver = if machine.driver.is_empty() { "none".to_owned() } else { machine.driver.clone() };
    let mut findings = vec![
        ("libtorch", machine.libtorch),
        ("built with", machine.built_with),
        ("processor", machine.processor),
        ("cpu threads", format!("{}; {}", machine.threads, machine.waiting)),
        ("GPU driver", driver),
    ];
    findings.extend(machine.cards.into_iter().map(|card| ("GPU", card)));
    // which of them is taken, and why, or why none is
    findings.push(("device", machine.device));
    findings
}

/// An engine that has told its plugins.
fn plugins(common: &Common) -> Result<Client, Failure> {
    let mut client = Client::start(&Common { json: false, ..common.clone() })?;
    client.plugins()?;
    Ok(client)
}
