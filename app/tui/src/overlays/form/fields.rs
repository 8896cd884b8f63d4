//! The fields of the edit form: which there are, what they say, what is wrong with them, and what typing into them changes.

use crate::state::{Change, FREE_GENERATION, State, parse_free_generation, parse_layers, shown_value};
use locus_protocol::{Hyperparameter, HyperparameterKind, MOST_SAID_TOKENS, PluginKind};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<'a> {
    Plugin(PluginKind),
    Layers,
    FreeGeneration,
    Run,
    Parameter(PluginKind, &'a str, &'a Hyperparameter),
}

/// The fields, from top to bottom.
pub(super) fn fields(state: &State) -> Vec<Field<'_>> {
    let (method, objective) = (Field::Plugin(PluginKind::Method), Field::Plugin(PluginKind::Objective));
    let mut fields = vec![method, objective, Field::Layers, Field::Run, Field::FreeGeneration];
    for kind in [PluginKind::Method, PluginKind::Objective] {
        if let Some(id) = state.settings().chosen(&state.engine, kind) {
            let parameters = state.engine.hyperparameters(kind, id);
            fields.extend(parameters.iter().map(|parameter| Field::Parameter(kind, id, parameter)));
        }
    }
    fields
}

/// The text of a field, and whether it is the default.
pub(super) fn value(state: &State, field: Field<'_>) -> (String, bool) {
    match field {
        Field::Plugin(kind) => match state.settings().chosen(&state.engine, kind) {
            Some(id) => (state.engine.title(kind, id).to_owned(), false),
            None => ("none is loaded".to_owned(), true),
        },
        Field::Layers if state.settings().layers.trim().is_empty() => (methods_layers(state), true),
        Field::Layers => (state.settings().layers.clone(), false),
        Field::FreeGeneration => match state.settings().free_generation.trim() {
            "" => (FREE_GENERATION.to_string(), true),
            typed => (typed.to_owned(), false),
        },
        Field::Run => (String::new(), false),
        Field::Parameter(kind, plugin, parameter) => match state.settings().typed(kind, plugin, &parameter.name) {
            Some(text) => (text.to_owned(), false),
            None => (shown_value(&parameter.default), true),
        },
    }
}

/// The layers of a method that may choose them itself, where they are known beforehand.
fn methods_layers(state: &State) -> String {
    let method = state.settings().chosen(&state.engine, PluginKind::Method);
    let method = method.and_then(|id| state.engine.plugin(PluginKind::Method, id));
    match method.map(|method| method.layers.as_slice()) {
        Some(layers @ [first, .., last]) if last - first + 1 == layers.len() => format!("method: {first}-{last}"),
        Some(layers @ [_, ..]) => {
            format!("method: {}", layers.iter().map(usize::to_string).collect::<Vec<_>>().join(","))
        }
        _ => "the method's choice".to_owned(),
    }
}

/// What is wrong with a field.
pub(super) fn complaint(state: &State, field: Field<'_>) -> Option<String> {
    match field {
        Field::Layers => parse_layers(&state.settings().layers, state.layers()).err().map(|error| error.to_string()),
        Field::Parameter(kind, plugin, parameter) => state.settings().complaint(kind, plugin, parameter),
        Field::FreeGeneration => parse_free_generation(&state.settings().free_generation).err(),
        Field::Plugin(_) | Field::Run => None,
    }
}

/// What a field is for.
pub(super) fn help(state: &State, field: Field<'_>) -> (String, String) {
    match field {
        Field::Plugin(kind) => {
            let what = if kind == PluginKind::Method { "how weights are changed" } else { "what the edit is for" };
            let plugin = state.settings().chosen(&state.engine, kind).and_then(|id| state.engine.plugin(kind, id));
            let follows =
                plugin.filter(|plugin| !plugin.cite.is_empty()).map(|plugin| format!("; after {}", plugin.cite));
            (what.to_owned() + &follows.unwrap_or_default(), "left and right choose".into())
        }
        Field::Layers => ("layers to edit".into(), "5, 3-6 or 3,5; empty leaves it to the method".into()),
        Field::FreeGeneration => (
            "tokens that the model generates after each prompt, to search for the target".into(),
            format!("0 to {MOST_SAID_TOKENS}; 0: off; default {FREE_GENERATION}; type a value; ctrl-u: the default"),
        ),
        Field::Run => ("edit the selected fact, or the marked ones together".into(), "enter runs it".into()),
        Field::Parameter(_, _, parameter) => {
            let unit = if parameter.unit.is_empty() { String::new() } else { format!(" {}", parameter.unit) };
            let how = match parameter.kind {
                HyperparameterKind::Bool | HyperparameterKind::Choice { .. } => "left and right choose",
                _ => "type a value; ctrl-u: the default",
            };
            let default = shown_value(&parameter.default);
            (parameter.help.clone(), format!("{}{unit}; default {default}; {how}", parameter.range()))
        }
    }
}

pub(super) fn is_choice(parameter: &Hyperparameter) -> bool {
    matches!(parameter.kind, HyperparameterKind::Bool | HyperparameterKind::Choice { .. })
}

pub(super) fn choices_note(state: &State, kind: PluginKind) -> String {
    match state.engine.of_kind(kind).count() {
        0 | 1 => String::new(),
        count => format!("left/right: {count} choices"),
    }
}

/// What a field says once a text was typed into it.
pub(super) fn typed(state: &State, field: Field<'_>, text: &str) -> Option<Change> {
    match field {
        Field::Parameter(kind, plugin, parameter) => {
            let mut settings = state.settings().clone();
            settings.set(kind, plugin, &parameter.name, text);
            Some(Change::Settings(settings))
        }
        Field::Layers => Some(Change::TypeLayers(text.to_owned())),
        Field::FreeGeneration => {
            let mut settings = state.settings().clone();
            text.clone_into(&mut settings.free_generation);
            Some(Change::Settings(settings))
        }
        Field::Plugin(_) | Field::Run => None,
    }
}
