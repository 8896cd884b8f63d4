//! Settings that suit a model: `configs/models/*.toml`, compiled in.

use locus_protocol::{PluginKind, PluginReady};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A file by its name.
macro_rules! file {
    ($name:literal) => {
        (concat!("configs/models/", $name), include_str!(concat!("../../../configs/models/", $name)))
    };
}

const FILES: [(&str, &str); 9] = [
    file!("built-in.toml"),
    file!("gpt-j-6b.toml"),
    file!("gpt2-large.toml"),
    file!("gpt2-medium.toml"),
    file!("gpt2-xl.toml"),
    file!("llama-3.2-3b.toml"),
    file!("llama-7b-8b.toml"),
    file!("mistral-7b.toml"),
    file!("qwen2.5-7b.toml"),
];

/// What suits one model, by the ids of plugins.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ModelDefaults {
    #[serde(rename = "match", default)]
    matches: Matches,
    /// The file; empty where nothing is known.
    #[serde(skip)]
    pub file: &'static str,
    /// The `case_id` of the fact to begin with, among the facts that come with the model.
    #[serde(default)]
    pub first_fact: Option<u64>,
    /// Layers to edit, by the method's id.
    #[serde(default)]
    pub layers: BTreeMap<String, Vec<usize>>,
    /// Hyperparameters that differ from the plugin's own defaults.
    #[serde(default)]
    pub settings: BTreeMap<String, Map<String, Value>>,
    /// Hyperparameters of a method that suit an objective: by the method's id, then by the objective's. They go before
    /// `settings`.
    #[serde(default)]
    pub pair: BTreeMap<String, BTreeMap<String, Map<String, Value>>>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Matches {
    family: String,
    layers: usize,
    hidden: i64,
}

impl ModelDefaults {
    /// What is known for a model of a family, of so many layers, so wide; nothing for an unknown one, where plugins go by
    /// the model itself.
    #[must_use]
    pub fn of(family: &str, layers: usize, hidden: i64) -> Self {
        let suits = |defaults: &Self| {
            let matches = &defaults.matches;
            (matches.family.as_str(), matches.layers, matches.hidden) == (family, layers, hidden)
        };
        FILES.iter().filter_map(|file| Self::read(file).ok()).find(suits).unwrap_or_default()
    }

    fn read((file, text): &(&'static str, &str)) -> Result<Self, toml::de::Error> {
        Ok(Self { file, ..toml::from_str(text)? })
    }

    /// Layers that suit a method.
    #[must_use]
    pub fn layers_of(&self, method: &str) -> Vec<usize> {
        self.layers.get(first_build(method)).cloned().unwrap_or_default()
    }

    /// Settings of an objective: the model's, with the user's over them.
    #[must_use]
    pub fn of_objective(&self, id: &str, given: &Map<String, Value>) -> Map<String, Value> {
        let mut settings = self.settings.get(first_build(id)).cloned().unwrap_or_default();
        settings.extend(given.clone());
        settings
    }

    /// Settings of a method: the model's, those for the objective over them, and the user's over both.
    #[must_use]
    pub fn of_method(&self, id: &str, objective: &str, given: &Map<String, Value>) -> Map<String, Value> {
        let mut settings = self.settings.get(first_build(id)).cloned().unwrap_or_default();
        settings.extend(
            self.pair
                .get(first_build(id))
                .and_then(|objectives| objectives.get(first_build(objective)))
                .cloned()
                .unwrap_or_default(),
        );
        settings.extend(given.clone());
        settings
    }

    /// Tells a plugin what suits the model, as its defaults.
    pub fn lay_over(&self, plugin: &mut PluginReady) {
        let id = first_build(&plugin.id);
        if let Some(settings) = self.settings.get(id) {
            for field in &mut plugin.hyperparameters {
                if let Some(value) = settings.get(&field.name) {
                    field.default = value.clone();
                }
            }
        }
        if plugin.kind == PluginKind::Method {
            plugin.layers = self.layers_of(id);
            plugin.with_objective = self.pair.get(id).cloned().unwrap_or_default();
        }
    }
}

/// The id of a plugin of which `id` may be a build that was replaced: `name@2` is one of `name`.
fn first_build(id: &str) -> &str {
    id.split('@').next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::{FILES, ModelDefaults};
    use serde_json::json;

    #[test]
    fn every_file_can_be_read() {
        for file in FILES {
            let defaults = ModelDefaults::read(&file).expect(file.0);
            assert!(!defaults.matches.family.is_empty());
            let matches = &defaults.matches;
            assert_eq!(ModelDefaults::of(&matches.family, matches.layers, matches.hidden).file, file.0);
            for (method, layers) in &defaults.layers {
                assert!(layers.iter().all(|&layer| layer < matches.layers), "{}: {method}", file.0);
            }
            // what is published for a model goes before what its weights suggest
            let constraint = defaults.settings.get("fine-tuning").and_then(|settings| settings.get("norm_constraint"));
            assert!(constraint.is_none_or(|value| value.as_f64() > Some(0.0)), "{}", file.0);
        }
    }

    #[test]
    fn what_suits_a_pair_goes_between_the_models_settings_and_the_users() {
        let text = "[match]\nfamily = \"x\"\nlayers = 1\nhidden = 1\n[settings.m]\na = 1\nb = 1\nc = 1\n\
                    [pair.m.o]\nb = 2\nc = 2\n";
        let defaults: ModelDefaults = toml::from_str(text).expect(text);
        let given = json!({"c": 3, "d": 3}).as_object().cloned().expect("an object");
        let settings = |objective| serde_json::Value::from(defaults.of_method("m", objective, &given));
        assert_eq!(settings("o"), json!({"a": 1, "b": 2, "c": 3, "d": 3}));
        assert_eq!(settings("other"), json!({"a": 1, "b": 1, "c": 3, "d": 3}));
    }
}
