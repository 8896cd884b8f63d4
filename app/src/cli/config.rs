//! `locus config`: what the program starts with, and which file each setting comes from.

use crate::cli::arguments::{Common, ConfigAction};
use crate::cli::client::Client;
use crate::cli::{Failure, output, reproducible, tables};
use locus_protocol::ModelReady;
use locus_records::{ModelDefaults, Places, Preference};
use locus_tui::{Colors, Keymap, KeymapError, actions};
use serde_json::{Map, Value};
use std::path::Path;

/// Bytes of a keymap at most.
const LARGEST: u64 = 1 << 20;

/// A setting as it is, and the file that it comes from.
struct Setting {
    name: String,
    value: String,
    origin: String,
}

/// Does what the arguments say.
///
/// # Errors
/// A file that cannot be read or holds something else; the model cannot be loaded.
pub fn run(common: &Common, action: Option<&ConfigAction>) -> Result<(), Failure> {
    match action {
        None => show(common, false, ""),
        Some(ConfigAction::Show { origin, name }) => show(common, *origin, name.as_deref().unwrap_or_default()),
        Some(ConfigAction::Path) => path(common),
        Some(ConfigAction::Schema) => {
            let schema = Preference::schema(&Colors::ALL.map(|(_, name, _)| name));
            Ok(output::print(&format!("{schema:#}"))?)
        }
    }
}

fn show(common: &Common, origin: bool, wanted: &str) -> Result<(), Failure> {
    let places = Places::find()?;
    let preference = reproducible::preference(common)?;
    let shipped = |file: Option<&Path>, name: &str| file.map_or_else(|| name.to_owned(), |it| it.display().to_string());
    let mut settings: Vec<Setting> = Vec::new();
    for (name, value, file) in preference.listed() {
        settings.push(Setting { name: name.to_owned(), value, origin: shipped(file, "configs/workbench.toml") });
    }
    let keys = keys(&places.config.join("keymap.toml"))?;
    let client = Client::with_model_alone(&Common { json: false, ..common.clone() })?;
    settings.extend(client.known.model.iter().flat_map(of_model));
    settings.extend(keys);
    settings.retain(|setting| setting.name.starts_with(wanted));
    if settings.is_empty() {
        let message =
            format!("no setting begins with `{wanted}`; available: method, theme, bell, layers, settings, pair, keys");
        return Err(Failure::usage(message));
    }
    if common.json {
        return settings.iter().try_for_each(|setting| {
            let Setting { name, value, origin } = setting;
            Ok(output::json(&serde_json::json!({"setting": name, "value": value, "origin": origin}))?)
        });
    }
    let head = ["setting", "value", "origin"];
    let columns = if origin { 3 } else { 2 };
    let mut table = tables::table(&head[..columns]);
    for Setting { name, value, origin } in settings {
        table.add_row([name, value, origin].into_iter().take(columns));
    }
    Ok(output::print(&table.to_string())?)
}

/// What suits a model, where something is known of it.
fn of_model(model: &ModelReady) -> Vec<Setting> {
    let defaults = ModelDefaults::of(&model.family, model.layers, model.hidden);
    let mut settings = Vec::new();
    let mut add = |name: String, value: String| {
        settings.push(Setting { name, value, origin: defaults.file.to_owned() });
    };
    for (method, layers) in &defaults.layers {
        let layers: Vec<String> = layers.iter().map(usize::to_string).collect();
        add(format!("layers.{method}"), layers.join(","));
    }
    let mut all = |front: String, given: &Map<String, Value>| {
        given.iter().for_each(|(name, value)| add(format!("{front}.{name}"), value.to_string()));
    };
    defaults.settings.iter().for_each(|(plugin, given)| all(format!("settings.{plugin}"), given));
    for (method, objectives) in &defaults.pair {
        objectives.iter().for_each(|(objective, given)| all(format!("pair.{method}.{objective}"), given));
    }
    settings
}

/// Every key, with the user's own file over those that ship.
fn keys(own: &Path) -> Result<Vec<Setting>, Failure> {
    let failed = |error: KeymapError| Failure::failed(error.to_string());
    let shipped = actions::keymap().map_err(failed)?;
    let mut keymap = actions::keymap().map_err(failed)?;
    if own.is_file() {
        let text = locus_files::text(own, LARGEST).map_err(|error| {
            Failure::failed(format!("{}: cannot be read ({error}); check the path and its permissions", own.display()))
        })?;
        keymap.lay_over(&own.display().to_string(), &text).map_err(failed)?;
    }
    let listed = |keymap: &Keymap| -> Vec<(String, &'static str)> {
        let name = |scope: &str, keys: &[locus_tui::Key]| {
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            format!("keys.{scope}.{}", keys.join(" "))
        };
        keymap.bindings().map(|(scope, keys, action)| (name(scope, keys), action)).collect()
    };
    let before = listed(&shipped);
    let setting = |(name, action): (String, &'static str)| {
        let is_shipped = before.iter().any(|known| *known == (name.clone(), action));
        let origin = if is_shipped { "configs/keymap.toml".to_owned() } else { own.display().to_string() };
        Setting { name, value: action.to_owned(), origin }
    };
    Ok(listed(&keymap).into_iter().map(setting).collect())
}

/// Lists the places of files.
fn path(common: &Common) -> Result<(), Failure> {
    let places = Places::find()?;
    let (workbench, keymap) = (places.config.join("workbench.toml"), places.config.join("keymap.toml"));
    let rows = [
        ("settings", &workbench),
        ("keys", &keymap),
        ("plugins", &places.plugins),
        ("cache", &places.cache),
        ("state", &places.state),
        ("sweeps", &places.sweeps),
    ];
    if common.json {
        let record: Map<String, Value> =
            rows.iter().map(|(name, path)| ((*name).to_owned(), path.display().to_string().into())).collect();
        return Ok(output::json(&record)?);
    }
    let mut table = tables::table(["what", "path", "state"]);
    for (name, path) in rows {
        let state = if path.exists() { "exists" } else { "not created yet" };
        table.add_row([name.to_owned(), path.display().to_string(), state.to_owned()]);
    }
    Ok(output::print(&table.to_string())?)
}
