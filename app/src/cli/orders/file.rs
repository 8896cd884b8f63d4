//! Files of edit orders: JSON Lines as in the `order` of an edit record, or TOML with `[[edit]]` tables. What stands
//! above the tables of a TOML file holds for all of them.

use crate::cli::arguments::FactArguments;
use crate::cli::client::Client;
use crate::cli::{Failure, fact, layers, settings};
use locus_protocol::{EditOrder, Fact, MOST_SAID_TOKENS, PluginKind};
use locus_records::Preference;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Bytes of a file of orders at most.
const LARGEST: u64 = 256 << 20;
/// Keys that say which fact; one of them in a table puts those above the tables aside.
const FACT_KEYS: [&str; 5] = ["case", "cases", "prompt", "subject", "fact"];

/// One edit as a file says it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    method: Option<String>,
    objective: Option<String>,
    #[serde(default)]
    layers: Layers,
    #[serde(default)]
    method_settings: Map<String, Value>,
    #[serde(default)]
    objective_settings: Map<String, Value>,
    #[serde(default)]
    seed: u64,
    /// Settings by the ids of plugins, for all tables of the file.
    #[serde(default)]
    settings: Map<String, Value>,
    fact: Option<Fact>,
    #[serde(default)]
    more: Vec<Fact>,
    #[serde(default)]
    free_generation: usize,
    #[serde(default)]
    no_scores: bool,
    corpus_tokens: Option<usize>,
    case: Option<u64>,
    cases: Option<String>,
    prompt: Option<String>,
    subject: Option<String>,
    #[serde(rename = "true")]
    target_true: Option<String>,
    #[serde(rename = "new")]
    target_new: Option<String>,
}

/// Layers as a list, as one number, or as text like that of `--layers`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "layers must be like 5, \"3-8\" or [3, 5]")]
enum Layers {
    Many(Vec<usize>),
    One(usize),
    Typed(String),
}

impl Default for Layers {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

/// The orders of a file; `-` is standard input.
///
/// # Errors
/// The file cannot be read, holds no order, or one that does not fit the plugins or the facts.
pub fn read(client: &Client, file: &Path) -> Result<Vec<EditOrder>, Failure> {
    let name = format!("--orders {}", file.display());
    let bad = |what: String| Failure::usage(format!("{name}: {what}"));
    let read = if file == Path::new("-") { standard_input(client)? } else { locus_files::text(file, LARGEST) };
    let text = read.map_err(|error| {
        bad(format!(
            "cannot be read ({error}); give a file with one JSON object per line or [[edit]] tables, or - for \
             standard input"
        ))
    })?;
    if text.trim().is_empty() {
        return Err(bad("it contains no order; write one JSON object per line or [[edit]] tables".to_owned()));
    }
    let is_toml = file.extension().is_some_and(|extension| extension == "toml") || !text.trim_start().starts_with('{');
    let entries = if is_toml { tables(&text) } else { lines(&text) }.map_err(bad)?;
    let resolved = entries.into_iter().map(|(place, entry)| {
        resolve(client, entry)
            .map_err(|failure| Failure { message: format!("{name}: {place}: {}", failure.message), ..failure })
    });
    resolved.collect()
}

/// One JSON object per line, each with its place.
fn lines(text: &str) -> Result<Vec<(String, Entry)>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let entry = |(index, line)| {
        let place = format!("line {}", index + 1);
        match serde_json::from_str(line) {
            Ok(entry) => Ok((place, entry)),
            Err(error) => Err(format!("{place}: not an edit order: {error}")),
        }
    };
    lines.map(entry).collect()
}

/// The `[[edit]]` tables of a TOML file, each laid over what stands above them.
fn tables(text: &str) -> Result<Vec<(String, Entry)>, String> {
    let wrong = |error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
        format!("line {line}: neither TOML nor one JSON object per line: {}", error.message())
    };
    let mut defaults: Map<String, Value> = toml::from_str(text).map_err(wrong)?;
    let edits = match defaults.remove("edit") {
        Some(Value::Array(edits)) if !edits.is_empty() => edits,
        None | Some(Value::Array(_)) => {
            return Err("it contains no order; write an [[edit]] table for each".to_owned());
        }
        Some(_) => return Err("`edit` must be written as [[edit]] tables".to_owned()),
    };
    let entry = |(index, edit): (usize, Value)| {
        let place = format!("edit {}", index + 1);
        let Value::Object(edit) = edit else { return Err(format!("{place}: not a table")) };
        let merged = laid_over(defaults.clone(), edit);
        match serde_json::from_value(Value::Object(merged)) {
            Ok(entry) => Ok((place, entry)),
            Err(error) => Err(format!("{place}: not an edit order: {error}")),
        }
    };
    edits.into_iter().enumerate().map(entry).collect()
}

/// An edit's own values over those above the tables; settings are joined, another fact replaces the fact.
fn laid_over(mut defaults: Map<String, Value>, edit: Map<String, Value>) -> Map<String, Value> {
    if FACT_KEYS.iter().any(|key| edit.contains_key(*key)) {
        FACT_KEYS.iter().chain(&["more", "true", "new"]).for_each(|key| drop(defaults.remove(*key)));
    }
    for (key, value) in edit {
        match (defaults.get_mut(&key), value) {
            (Some(Value::Object(there)), Value::Object(own)) => there.extend(own),
            (_, value) => drop(defaults.insert(key, value)),
        }
    }
    defaults
}

/// The order that an entry is.
fn resolve(client: &Client, entry: Entry) -> Result<EditOrder, Failure> {
    let plugins = &client.known.plugins;
    let id = entry.method.as_deref().ok_or_else(|| {
        let ids = settings::ids(plugins, PluginKind::Method);
        Failure::usage(format!("`method` is missing; give one of {}", ids.join(", ")))
    })?;
    let method = settings::plugin(plugins, PluginKind::Method, id)?;
    // a file means the same whoever runs it
    let objective = super::objective(plugins, entry.objective.as_deref(), &Preference::shipped())?;
    for id in entry.settings.keys() {
        if !plugins.iter().any(|plugin| plugin.id == *id) {
            return Err(Failure::usage(format!("[settings.{id}]: no plugin has that id; see `locus plugin list`")));
        }
    }
    let with_shared = |id: &str, own: &Map<String, Value>| {
        let mut joined = entry.settings.get(id).and_then(Value::as_object).cloned().unwrap_or_default();
        joined.extend(own.clone());
        joined
    };
    let method_settings = with_shared(&method.id, &entry.method_settings);
    let objective_settings = with_shared(&objective.id, &entry.objective_settings);
    super::check_settings(method, &method_settings)?;
    super::check_settings(objective, &objective_settings)?;
    let layers = match &entry.layers {
        Layers::Many(layers) => layers.clone(),
        Layers::One(layer) => vec![*layer],
        Layers::Typed(text) => settings::layers(text).map_err(without_dashes)?,
    };
    layers::are_there(client, "layers", &layers)?;
    if entry.free_generation > MOST_SAID_TOKENS {
        return Err(Failure::usage(format!("`free_generation` must be at most {MOST_SAID_TOKENS}")));
    }
    let order = EditOrder {
        fact: Fact::default(),
        method: method.id.clone(),
        objective: objective.id.clone(),
        layers,
        method_settings,
        objective_settings,
        seed: entry.seed,
        more: Vec::new(),
        free_generation: entry.free_generation,
        no_scores: entry.no_scores,
        corpus_tokens: entry.corpus_tokens,
    };
    let facts = facts(client, entry)?;
    super::together(order, facts).ok_or_else(|| Failure::usage("it names no fact"))
}

/// The facts of an entry: written out, or as the flags of a command say them.
fn facts(client: &Client, entry: Entry) -> Result<Vec<Fact>, Failure> {
    let ways = [entry.fact.is_some(), entry.case.is_some(), entry.cases.is_some(), entry.prompt.is_some()];
    if ways.iter().filter(|given| **given).count() != 1 {
        return Err(Failure::usage("give exactly one of `case`, `cases`, `prompt` and `fact`"));
    }
    if entry.cases.is_some() && (entry.target_true.is_some() || entry.target_new.is_some()) {
        return Err(Failure::usage("`cases` keep their own answers; leave `true` and `new` out"));
    }
    let mut facts = match (entry.fact, &entry.cases) {
        (Some(fact), _) => vec![Fact {
            target_true: entry.target_true.unwrap_or(fact.target_true),
            target_new: entry.target_new.unwrap_or(fact.target_new),
            ..fact
        }],
        (None, Some(cases)) => fact::choose_many(cases, &client.known.facts).map_err(without_dashes)?,
        (None, None) => {
            let given = FactArguments {
                marked: None,
                case: entry.case,
                prompt: entry.prompt,
                subject: entry.subject,
                target_true: entry.target_true,
                target_new: entry.target_new,
            };
            vec![fact::choose(&given, &client.known.facts).map_err(without_dashes)?]
        }
    };
    facts.extend(entry.more);
    for (key, lacks) in [("new", super::fact_without(&facts, true)), ("true", super::fact_without(&facts, false))] {
        if lacks {
            return Err(Failure::usage(format!("`{key}` is missing: give the answer's text")));
        }
    }
    Ok(facts)
}

/// An error about a flag as one about the key of the same name, without dashes.
fn without_dashes(failure: Failure) -> Failure {
    Failure { message: failure.message.trim_start_matches('-').to_owned(), ..failure }
}

fn read_all() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().take(LARGEST + 1).read_to_string(&mut text)?;
    match text.len() as u64 > LARGEST {
        true => Err(std::io::Error::other(format!("it is larger than the {LARGEST} bytes that are read"))),
        false => Ok(text),
    }
}

/// All of standard input. A thread of its own waits for it, so that the user can stop that as well.
///
/// # Errors
/// The user stopped it.
fn standard_input(client: &Client) -> Result<std::io::Result<String>, Failure> {
    let (sender, receiver) = channel();
    std::thread::Builder::new().name("orders".to_owned()).spawn(move || {
        let _ = sender.send(read_all());
    })?;
    loop {
        match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(read) => return Ok(read),
            Err(RecvTimeoutError::Timeout) if client.interrupt().has_come() => {
                return Err(Failure::cancelled("no order was read"));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Failure::failed("standard input cannot be read")),
        }
    }
}
