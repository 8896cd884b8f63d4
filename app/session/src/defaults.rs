//! Settings that suit a model: `configs/models/*.toml`, compiled in.

use locus_engine::model::Architecture;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const FILES: [&str; 5] = [
    include_str!("../../../configs/models/built-in.toml"),
    include_str!("../../../configs/models/gpt-j-6b.toml"),
    include_str!("../../../configs/models/gpt2-large.toml"),
    include_str!("../../../configs/models/gpt2-medium.toml"),
    include_str!("../../../configs/models/gpt2-xl.toml"),
];

/// What suits one model, by the ids of plugins.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ModelDefaults {
    #[serde(rename = "match")]
    matches: Matches,
    /// Layers to edit.
    #[serde(default)]
    pub layers: BTreeMap<String, Vec<usize>>,
    /// Hyperparameters that differ from the plugin's own defaults.
    #[serde(default)]
    pub settings: BTreeMap<String, Map<String, Value>>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Matches {
    family: String,
    layers: usize,
    hidden: i64,
}

impl ModelDefaults {
    /// What is known for a model; nothing for an unknown one.
    #[must_use]
    pub fn of(architecture: &Architecture) -> Self {
        let suits = |defaults: &Self| {
            let matches = &defaults.matches;
            (matches.family.as_str(), matches.layers, matches.hidden)
                == (architecture.family.as_str(), architecture.layers, architecture.hidden)
        };
        FILES.iter().filter_map(|text| toml::from_str(text).ok()).find(suits).unwrap_or_default()
    }

    /// Settings for plugin `id`: the model's, with the user's over them.
    #[must_use]
    pub fn with(&self, id: &str, given: &Map<String, Value>) -> Map<String, Value> {
        let mut settings = self.settings.get(id).cloned().unwrap_or_default();
        settings.extend(given.clone());
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::{FILES, ModelDefaults};

    #[test]
    fn every_file_can_be_read() {
        for text in FILES {
            let defaults: ModelDefaults = toml::from_str(text).expect(text);
            assert!(!defaults.matches.family.is_empty());
        }
    }
}
