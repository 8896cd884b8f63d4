//! Hyperparameters and layers as they are typed, checked against what the plugin declares.

use crate::cli::Failure;
use locus_protocol::did_you_mean;
use locus_protocol::{Hyperparameter, HyperparameterKind, PluginKind, PluginReady, read_layers};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Bytes of a file of settings at most.
const LARGEST: u64 = 64 << 20;
/// Bytes of a plugin's file at most.
const LARGEST_PLUGIN: u64 = 1 << 30;

/// The plugin of an id.
///
/// # Errors
/// There is none; says which there are.
pub fn plugin<'a>(plugins: &'a [PluginReady], kind: PluginKind, id: &str) -> Result<&'a PluginReady, Failure> {
    plugins.iter().find(|plugin| plugin.kind == kind && plugin.id == id).ok_or_else(|| {
        let ids = ids(plugins, kind);
        let what = if kind == PluginKind::Method { "method" } else { "objective" };
        let known = if ids.is_empty() {
            "none is loaded; build them with `cargo build --release --workspace` or name one with --plugin".to_owned()
        } else {
            format!("available: {}", ids.join(", "))
        };
        let meant = did_you_mean(id, ids.iter().map(String::as_str));
        Failure::plugin(format!("there is no {what} `{id}`{meant}; {known}"))
    })
}

/// SHA-256 of a plugin's file as it is now, where it can be read.
pub fn file_hash(plugin: &PluginReady) -> Option<String> {
    let bytes = locus_files::bytes(&plugin.file, LARGEST_PLUGIN).ok()?;
    Some(locus_records::hex(&Sha256::digest(bytes)))
}

/// Ids of all plugins of a kind.
pub fn ids(plugins: &[PluginReady], kind: PluginKind) -> Vec<String> {
    plugins.iter().filter(|plugin| plugin.kind == kind).map(|plugin| plugin.id.clone()).collect()
}

/// Settings from a file and from `NAME=VALUE` arguments, which win.
///
/// # Errors
/// A file that is no TOML table; an unknown name; a value out of range.
pub fn read(plugin: &PluginReady, file: Option<&Path>, given: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut settings = Map::new();
    if let Some(file) = file {
        let bad = |what: String| Failure::usage(format!("{}: {what}", file.display()));
        let text = locus_files::text(file, LARGEST)
            .map_err(|error| bad(format!("cannot be read ({error}); check the path and its permissions")))?;
        let table: Map<String, Value> =
            toml::from_str(&text).map_err(|error| bad(format!("not a TOML table: {}", error.message())))?;
        for (name, value) in table {
            field(plugin, &name)?.check(&value).map_err(bad)?;
            settings.insert(name, value);
        }
    }
    for pair in given {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| Failure::usage(format!("--set {pair}: write it as NAME=VALUE")))?;
        let field = field(plugin, name.trim())?;
        let value = match value.strip_prefix('@') {
            Some(file) if field.kind == HyperparameterKind::List => locus_files::text(Path::new(file), LARGEST)
                .map_err(|error| {
                    Failure::usage(format!(
                        "--set {pair}: {file} cannot be read ({error}); check the path and its permissions"
                    ))
                })?,
            _ => value.to_owned(),
        };
        let value = field.parse(&value).map_err(|error| Failure::usage(format!("--set {pair}: {error}")))?;
        settings.insert(field.name.clone(), value);
    }
    Ok(settings)
}

/// The hyperparameter of a plugin by its name.
///
/// # Errors
/// There is none; says which there are.
pub fn field<'a>(plugin: &'a PluginReady, name: &str) -> Result<&'a Hyperparameter, Failure> {
    plugin.hyperparameters.iter().find(|field| field.name == name).ok_or_else(|| {
        let known: Vec<&str> = plugin.hyperparameters.iter().map(|field| field.name.as_str()).collect();
        let meant = did_you_mean(name, known.iter().copied());
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Failure::usage(format!("`{}` has no hyperparameter `{name}`{meant}; it has {known}", plugin.id))
    })
}

/// The layers of `--layers`.
///
/// # Errors
/// They are not written as layers are.
pub fn layers(text: &str) -> Result<Vec<usize>, Failure> {
    read_layers(text).map_err(|error| Failure::usage(format!("--{error}")))
}
