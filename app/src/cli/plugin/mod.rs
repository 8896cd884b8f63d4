//! `locus plugin`.

mod check;
mod new;

use crate::cli::arguments::{Common, PluginAction};
use crate::cli::client::Client;
use crate::cli::{Failure, output, tables};
use locus_protocol::shown::{message, shown};
use locus_protocol::{Event, PluginKind, PluginReady};

/// Lists, shows or checks plugins.
///
/// # Errors
/// A file that is refused; an id that is not there.
pub fn run(common: &Common, action: Option<&PluginAction>) -> Result<(), Failure> {
    match action {
        None | Some(PluginAction::List) => list(common),
        Some(PluginAction::Show { id }) => show(common, id),
        Some(PluginAction::New(arguments)) => new::run(common, arguments),
        Some(PluginAction::Check { file, edits }) => check::run(common, file, *edits),
    }
}

/// Lists the plugins of one kind.
///
/// # Errors
/// None can be asked for.
pub fn of_kind(common: &Common, wanted: PluginKind) -> Result<(), Failure> {
    let mut client = Client::start(&Common { json: false, ..common.clone() })?;
    client.plugins()?;
    let plugins = client.known.plugins.iter().filter(|plugin| plugin.kind == wanted);
    if common.json {
        return plugins.cloned().try_for_each(|plugin| Ok(output::json(&Event::Plugin(plugin))?));
    }
    let mut table = tables::table(["id", "title", "follows"]);
    for plugin in plugins {
        table.add_row([&plugin.id, &plugin.title, &plugin.cite]);
    }
    output::print(&table.to_string())?;
    Ok(output::below("`locus plugin show ID` lists a plugin's hyperparameters")?)
}

fn list(common: &Common) -> Result<(), Failure> {
    let mut client = Client::start(common)?;
    client.plugins()?;
    if common.json {
        return Ok(());
    }
    let mut table = tables::table(["kind", "id", "version", "title", "follows", "file"]);
    for plugin in &client.known.plugins {
        table.add_row(vec![
            kind(plugin.kind).to_owned(),
            plugin.id.clone(),
            plugin.version.clone(),
            plugin.title.clone(),
            plugin.cite.clone(),
            plugin.file.display().to_string(),
        ]);
    }
    output::print(&table.to_string())?;
    for refused in &client.known.refused {
        output::below(&format!("refused: {}", shown(&message(&refused.reason))))?;
    }
    if client.known.plugins.is_empty() {
        output::below("no plugin was found; build them with `cargo build --release --workspace`")?;
    }
    Ok(())
}

fn show(common: &Common, id: &str) -> Result<(), Failure> {
    let mut client = Client::start(common)?;
    client.plugins()?;
    let plugins: Vec<&PluginReady> = client.known.plugins.iter().filter(|plugin| plugin.id == id).collect();
    if plugins.is_empty() {
        let ids: Vec<&str> = client.known.plugins.iter().map(|plugin| plugin.id.as_str()).collect();
        return Err(Failure::plugin(format!("there is no plugin `{id}`; available: {}", ids.join(", "))));
    }
    if common.json {
        return Ok(());
    }
    for plugin in plugins {
        let (id, title, cite) = (shown(&plugin.id), shown(&plugin.title), shown(&plugin.cite));
        output::print(&format!("{} `{id}` — {title} ({cite})\n", kind(plugin.kind)))?;
        let mut table = tables::table(["hyperparameter", "default", "range", "unit", "help"]);
        for field in &plugin.hyperparameters {
            table.add_row(vec![
                field.name.clone(),
                field.default.to_string(),
                field.range(),
                field.unit.clone(),
                field.help.clone(),
            ]);
        }
        output::print(&table.to_string())?;
    }
    Ok(())
}

fn kind(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Method => "method",
        PluginKind::Objective => "objective",
    }
}
