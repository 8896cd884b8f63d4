//! Edit orders: the ones that the flags make, or those of a file.

mod file;
mod published;

use crate::cli::arguments::{Common, EditArguments, FactArguments, OrderArguments};
use crate::cli::client::Client;
use crate::cli::{Failure, fact, layers, output, settings};
use locus_protocol::shown::message;
use locus_protocol::{EditOrder, Fact, Hyperparameter, HyperparameterKind, MOST_SAID_TOKENS, PluginKind, PluginReady};
use locus_records::Preference;
use serde_json::{Map, Value};
use std::path::Path;

/// Name of the hyperparameter that makes a plugin reproduce published code down to its quirks.
const PARITY: &str = "parity";

/// The orders of a file, or those that the flags make.
///
/// # Errors
/// A file that holds none; flags that do not fit the plugins or the facts.
pub fn read(client: &mut Client, arguments: &EditArguments) -> Result<Vec<EditOrder>, Failure> {
    let mut orders = match &arguments.order.orders {
        Some(path) => of_file(client, path, arguments.order.parity.as_deref())?,
        // the edits of --apply are all there is
        None if arguments.order.method.is_none() && arguments.fact.marked.is_none() => Vec::new(),
        None => from_flags(client, arguments)?,
    };
    if let Some(tokens) = arguments.free_generation {
        orders.iter_mut().for_each(|order| order.free_generation = tokens);
    }
    if arguments.no_scores {
        orders.iter_mut().for_each(|order| order.no_scores = true);
    }
    Ok(orders)
}

/// Checks the flags of an edit before anything is loaded for it.
///
/// # Errors
/// A prompt that marks no subject, or that no new answer goes with; layers that the model has not; `--free-generation` that
/// names no number of tokens.
pub fn check(common: &Common, arguments: &EditArguments) -> Result<(), Failure> {
    layers::check(common, arguments.order.layers.as_deref())?;
    check_fact(&fact_of(arguments), "edit")?;
    check_free_generation(arguments.free_generation)
}

/// Checks that a typed prompt marks a subject and comes with a new target.
///
/// # Errors
/// No subject is marked, or no new target is given.
pub fn check_fact(fact: &FactArguments, command: &str) -> Result<(), Failure> {
    fact::check(fact)?;
    match (fact.marked.as_ref().or(fact.prompt.as_ref()), &fact.target_new) {
        (Some(prompt), None) => Err(Failure::usage(format!(
            "--new is missing: give the new target, as in locus {command} \"{}\" Rome",
            message(prompt)
        ))),
        _ => Ok(()),
    }
}

/// The fact that the flags name, with the new answer that may stand after the prompt.
fn fact_of(arguments: &EditArguments) -> FactArguments {
    let target_new = arguments.target.clone().or_else(|| arguments.fact.target_new.clone());
    FactArguments { target_new, ..arguments.fact.clone() }
}

/// Checks that `--free-generation` is a number of tokens in range.
///
/// # Errors
/// It names none, or too many.
pub fn check_free_generation(tokens: Option<usize>) -> Result<(), Failure> {
    match tokens {
        Some(0) => Err(Failure::usage("--free-generation must be at least 1; leave it out to generate nothing")),
        Some(tokens) if tokens > MOST_SAID_TOKENS => {
            Err(Failure::usage(format!("--free-generation must be at most {MOST_SAID_TOKENS}")))
        }
        _ => Ok(()),
    }
}

/// The orders of a file.
///
/// # Errors
/// A file that cannot be read or holds none; orders that do not fit the plugins.
pub fn of_file(client: &Client, path: &Path, parity: Option<&str>) -> Result<Vec<EditOrder>, Failure> {
    let mut orders = file::read(client, path)?;
    follow(client, &mut orders, parity)?;
    Ok(orders)
}

/// The order that the flags make, without its fact.
///
/// # Errors
/// Flags that do not fit the plugins.
pub fn template(client: &Client, arguments: &OrderArguments) -> Result<EditOrder, Failure> {
    let plugins = &client.known.plugins;
    let preference = client.preference()?;
    let method = method(plugins, arguments.method.as_deref(), &preference)?;
    let objective = objective(plugins, arguments.objective.as_deref(), &preference)?;
    let layers = arguments.layers.as_deref().map(settings::layers).transpose()?.unwrap_or_default();
    layers::are_there(client, "--layers", &layers)?;
    let typed = settings::read(method, arguments.settings_file.as_deref(), &arguments.settings)?;
    let (method_settings, layers) = match &arguments.hyperparameters {
        Some(file) => {
            let published = published::read(file, method, client.known.model.as_ref().map(|model| model.layers))?;
            published.notes.iter().for_each(|note| output::complain(&format!("{}: {note}", file.display())));
            published::over(published, typed, layers)
        }
        None => (typed, layers),
    };
    let mut order = [EditOrder {
        fact: Fact::default(),
        method: method.id.clone(),
        objective: objective.id.clone(),
        layers,
        method_settings,
        objective_settings: settings::read(objective, None, &arguments.objective_settings)?,
        seed: arguments.seed,
        more: Vec::new(),
        free_generation: 0,
        no_scores: false,
        corpus_tokens: None,
    }];
    follow(client, &mut order, arguments.parity.as_deref())?;
    let [order] = order;
    Ok(order)
}

/// Has orders follow a published code where that is asked for.
fn follow(client: &Client, orders: &mut [EditOrder], parity: Option<&str>) -> Result<(), Failure> {
    let Some(parity) = parity else { return Ok(()) };
    orders.iter_mut().try_for_each(|order| set_parity(&client.known.plugins, order, parity))
}

fn from_flags(client: &mut Client, arguments: &EditArguments) -> Result<Vec<EditOrder>, Failure> {
    let order = template(client, &arguments.order)?;
    let facts = match &arguments.cases {
        Some(cases) => fact::choose_many(cases, &client.known.facts)?,
        None => {
            let mut fact = fact::choose(&fact_of(arguments), &client.known.facts)?;
            fact::complete(client, &mut fact, false)?;
            vec![fact]
        }
    };
    for (flag, target) in [("--new", fact_without(&facts, true)), ("--true", fact_without(&facts, false))] {
        if target {
            return Err(Failure::usage(format!("{flag} is missing: give the answer's text")));
        }
    }
    Ok(if arguments.together { together(order, facts).into_iter().collect() } else { one_by_one(&order, facts) })
}

/// Whether a fact lacks its new, or its true target.
fn fact_without(facts: &[Fact], new: bool) -> bool {
    facts.iter().any(|fact| if new { fact.target_new.is_empty() } else { fact.target_true.is_empty() })
}

/// One order for all facts; none for no fact.
fn together(order: EditOrder, facts: Vec<Fact>) -> Option<EditOrder> {
    let mut facts = facts.into_iter();
    let fact = facts.next()?;
    Some(EditOrder { fact, more: facts.collect(), ..order })
}

/// One order for each fact.
fn one_by_one(order: &EditOrder, facts: Vec<Fact>) -> Vec<EditOrder> {
    facts.into_iter().map(|fact| EditOrder { fact, ..order.clone() }).collect()
}

/// The method of that id, or the preferred one.
///
/// # Errors
/// There is none of that id; none was named and the preferred one is not loaded.
fn method<'a>(
    plugins: &'a [PluginReady],
    id: Option<&str>,
    preference: &Preference,
) -> Result<&'a PluginReady, Failure> {
    let known = settings::ids(plugins, PluginKind::Method);
    if id.is_none() && !known.is_empty() && !known.contains(&preference.method) {
        let (preferred, known) = (&preference.method, known.join(", "));
        let message = format!("--method is missing: `{preferred}` of workbench.toml is not loaded; available: {known}");
        return Err(Failure::usage(message));
    }
    settings::plugin(plugins, PluginKind::Method, id.unwrap_or(&preference.method))
}

/// The objective of that id, the preferred one, or the only one.
///
/// # Errors
/// There is none of that id; none was named and there are several.
fn objective<'a>(
    plugins: &'a [PluginReady],
    id: Option<&str>,
    preference: &Preference,
) -> Result<&'a PluginReady, Failure> {
    let known = settings::ids(plugins, PluginKind::Objective);
    let preferred = &preference.objective;
    let id = match (id, &known[..]) {
        (Some(id), _) => id,
        (None, ids) if ids.contains(preferred) => preferred,
        (None, [only]) => only,
        (None, []) => return Err(Failure::plugin("no objective is loaded; name one with --plugin FILE")),
        (None, all) => return Err(Failure::usage(format!("--objective is missing: choose one of {}", all.join(", ")))),
    };
    settings::plugin(plugins, PluginKind::Objective, id)
}

/// Has both plugins of an order follow a published code, where they can and are not told otherwise.
///
/// # Errors
/// Neither plugin has such a hyperparameter.
fn set_parity(plugins: &[PluginReady], order: &mut EditOrder, parity: &str) -> Result<(), Failure> {
    let mut known = Vec::new();
    let mut is_set = false;
    let sides = [
        (PluginKind::Method, &order.method, &mut order.method_settings),
        (PluginKind::Objective, &order.objective, &mut order.objective_settings),
    ];
    for (kind, id, settings) in sides {
        let Some(choices) = settings::plugin(plugins, kind, id)?.hyperparameters.iter().find_map(parities) else {
            continue;
        };
        if choices.iter().any(|choice| choice == parity) {
            is_set = true;
            settings.entry(PARITY).or_insert_with(|| Value::from(parity));
        }
        known.extend(choices.iter().filter(|choice| !known.contains(*choice)).cloned().collect::<Vec<_>>());
    }
    if is_set {
        return Ok(());
    }
    Err(Failure::usage(match known.is_empty() {
        true => format!(
            "--parity {parity}: neither `{}` nor `{}` has a hyperparameter `{PARITY}`; leave the flag out",
            order.method, order.objective
        ),
        false => format!("--parity must be {}, not `{parity}`", known.join(" or ")),
    }))
}

/// What a hyperparameter offers where it is the one for parity.
fn parities(field: &Hyperparameter) -> Option<&[String]> {
    match &field.kind {
        HyperparameterKind::Choice { choices } if field.name == PARITY => Some(choices),
        _ => None,
    }
}

/// Checks settings against what a plugin declares.
///
/// # Errors
/// An unknown name; a value that is not allowed.
fn check_settings(plugin: &PluginReady, given: &Map<String, Value>) -> Result<(), Failure> {
    for (name, value) in given {
        settings::field(plugin, name)?.check(value).map_err(Failure::usage)?;
    }
    Ok(())
}
