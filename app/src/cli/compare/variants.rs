//! Which variants the flags make.

use super::MOST;
use crate::cli::arguments::{CompareArguments, OrderArguments};
use crate::cli::client::Client;
use crate::cli::{Failure, orders, output, settings};
use locus_protocol::{EditOrder, Fact, Hyperparameter, PluginKind, PluginReady};

/// An order for every method with every objective and all layers that are named; one for each method that is loaded where
/// none is.
///
/// # Errors
/// An unknown plugin or setting; more variants than can be compared.
pub fn of(client: &Client, arguments: &CompareArguments, fact: &Fact) -> Result<Vec<EditOrder>, Failure> {
    let plugins = &client.known.plugins;
    let methods = match &arguments.methods[..] {
        [] => loaded(client)?,
        named => named.to_vec(),
    };
    let or_none = |given: &[String]| -> Vec<Option<String>> {
        if given.is_empty() { vec![None] } else { given.iter().cloned().map(Some).collect() }
    };
    let mut variants: Vec<EditOrder> = Vec::new();
    for method in &methods {
        for objective in or_none(&arguments.objectives) {
            for layers in or_none(&arguments.layers) {
                let method_ready = settings::plugin(plugins, PluginKind::Method, method)?;
                let flags = OrderArguments {
                    method: Some(method.clone()),
                    objective: objective.clone(),
                    layers,
                    settings: of_plugin(&arguments.settings, method_ready),
                    seed: arguments.seed,
                    ..OrderArguments::default()
                };
                let order = orders::template(client, &flags)?;
                let objective = settings::plugin(plugins, PluginKind::Objective, &order.objective)?;
                let given = of_plugin(&arguments.objective_settings, objective);
                let order = EditOrder {
                    fact: fact.clone(),
                    objective_settings: settings::read(objective, None, &given)?,
                    free_generation: arguments.free_generation,
                    ..order
                };
                if !variants.contains(&order) {
                    variants.push(order);
                }
            }
        }
    }
    let used = |kind, id: fn(&EditOrder) -> &str| -> Vec<&PluginReady> {
        let is_used = |plugin: &&PluginReady| variants.iter().any(|order| id(order) == plugin.id);
        plugins.iter().filter(|plugin| plugin.kind == kind).filter(is_used).collect()
    };
    refuse_unknown("--set", &arguments.settings, &used(PluginKind::Method, |order| &order.method))?;
    let objectives = used(PluginKind::Objective, |order| &order.objective);
    refuse_unknown("--set-objective", &arguments.objective_settings, &objectives)?;
    match variants.len() {
        0..=MOST => Ok(variants),
        count => Err(Failure::usage(format!(
            "--method, --objective and --layers make {count} variants, but at most {MOST} can be compared; name fewer"
        ))),
    }
}

/// The methods that are loaded, the preferred one first.
fn loaded(client: &Client) -> Result<Vec<String>, Failure> {
    let mut ids = settings::ids(&client.known.plugins, PluginKind::Method);
    let preferred = client.preference()?.method;
    ids.sort_by_key(|id| *id != preferred);
    if ids.is_empty() {
        // says what to do
        settings::plugin(&client.known.plugins, PluginKind::Method, &preferred)?;
    }
    if ids.len() > MOST {
        let left_out = ids.split_off(MOST).join(", ");
        output::complain(&format!(
            "at most {MOST} variants can be compared; {left_out} left out, choose others with --method"
        ));
    }
    Ok(ids)
}

/// The settings that a plugin has.
fn of_plugin(given: &[String], plugin: &PluginReady) -> Vec<String> {
    let has = |pair: &&String| plugin.hyperparameters.iter().any(|field| is_of(pair, field));
    given.iter().filter(has).cloned().collect()
}

fn is_of(pair: &str, field: &Hyperparameter) -> bool {
    pair.split_once('=').is_some_and(|(name, _)| name.trim() == field.name)
}

/// Refuses a setting that none of the plugins has.
fn refuse_unknown(flag: &str, given: &[String], plugins: &[&PluginReady]) -> Result<(), Failure> {
    for pair in given {
        if plugins.iter().flat_map(|plugin| &plugin.hyperparameters).any(|field| is_of(pair, field)) {
            continue;
        }
        let Some((name, _)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("{flag} {pair}: write it as NAME=VALUE")));
        };
        let ids = plugins.iter().map(|plugin| plugin.id.as_str()).collect::<Vec<_>>().join(", ");
        let message = format!("{flag} {pair}: none of {ids} has a hyperparameter `{name}`; see `locus plugin show`");
        return Err(Failure::usage(message));
    }
    Ok(())
}
