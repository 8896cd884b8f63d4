//! All methods with all objectives, as the program lists them.

use crate::Home;
use locus_protocol::{Event, PluginKind, PluginReady};
use serde_json::{Map, Value};

/// Hyperparameters that say how long a method works, with values that are enough for the built-in model.
const SHORT: [(&str, i64); 2] = [("steps", 16), ("contexts", 3)];

/// A method with an objective.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The method.
    pub method: PluginReady,
    /// The objective.
    pub objective: PluginReady,
}

impl Pair {
    /// Settings with which the method is done soon, among those that it has.
    #[must_use]
    pub fn short_settings(&self) -> Map<String, Value> {
        let has = |name: &str| self.method.hyperparameters.iter().any(|field| field.name == name);
        SHORT.iter().filter(|(name, _)| has(name)).map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
    }
}

/// Each method with each objective.
///
/// # Panics
/// The program lists none of a kind.
#[must_use]
pub fn pairs(home: &Home) -> Vec<Pair> {
    let listed = home.run(["plugin", "list", "--json"]).well().records();
    let of_kind = |kind: PluginKind| -> Vec<PluginReady> {
        let plugins = listed.events.iter().filter_map(|event| match event {
            Event::Plugin(plugin) if plugin.kind == kind => Some(plugin.clone()),
            _ => None,
        });
        plugins.collect()
    };
    let (methods, objectives) = (of_kind(PluginKind::Method), of_kind(PluginKind::Objective));
    assert!(methods.len() >= 3 && objectives.len() >= 5, "{methods:?} {objectives:?}");
    let pair =
        |method: &PluginReady, objective: &PluginReady| Pair { method: method.clone(), objective: objective.clone() };
    methods.iter().flat_map(|method| objectives.iter().map(move |objective| pair(method, objective))).collect()
}
