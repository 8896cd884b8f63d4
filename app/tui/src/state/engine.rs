//! What the engine has said about itself: model, plugins, memory.

use locus_protocol::{Hyperparameter, Memory, ModelReady, PluginKind, PluginReady, PluginRefused};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is known of the engine.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    /// Version of the program.
    pub version: String,
    pub model: Option<ModelReady>,
    /// Plugins that were loaded.
    pub plugins: Vec<PluginReady>,
    /// Files that are no plugins we can use.
    pub refused: Vec<PluginRefused>,
    pub memory: Option<Memory>,
    /// Whether loading the model ended without one, and how.
    pub load_trouble: Option<String>,
    /// Whether its thread has ended.
    pub gone: bool,
    /// Defaults of methods as they were told: by the method's id and the hyperparameter's name.
    defaults: BTreeMap<(String, String), Value>,
}

impl Engine {
    /// Adds a plugin, or puts it in the place of an older one with the same id.
    pub fn add_plugin(&mut self, plugin: PluginReady) {
        if plugin.kind == PluginKind::Method {
            for field in &plugin.hyperparameters {
                self.defaults.insert((plugin.id.clone(), field.name.clone()), field.default.clone());
            }
        }
        match self.plugins.iter_mut().find(|known| known.kind == plugin.kind && known.id == plugin.id) {
            Some(known) => *known = plugin,
            None => self.plugins.push(plugin),
        }
    }

    /// Has all methods' defaults be those that suit the model with an objective.
    pub fn suit(&mut self, objective: Option<&str>) {
        for plugin in self.plugins.iter_mut().filter(|plugin| plugin.kind == PluginKind::Method) {
            let with_objective = objective.and_then(|objective| plugin.with_objective.get(objective));
            for field in &mut plugin.hyperparameters {
                let told = || self.defaults.get(&(plugin.id.clone(), field.name.clone()));
                if let Some(value) = with_objective.and_then(|settings| settings.get(&field.name)).or_else(told) {
                    field.default = value.clone();
                }
            }
        }
    }

    /// A method's default beside an objective, whatever objective is chosen now.
    #[must_use]
    pub fn default_with<'a>(&'a self, method: &str, objective: &str, field: &'a Hyperparameter) -> &'a Value {
        let plugin = self.plugin(PluginKind::Method, method);
        let suits = plugin.and_then(|plugin| plugin.with_objective.get(objective)?.get(&field.name));
        let told = || self.defaults.get(&(method.to_owned(), field.name.clone()));
        suits.or_else(told).unwrap_or(&field.default)
    }

    /// Plugins of one kind.
    pub fn of_kind(&self, kind: PluginKind) -> impl Iterator<Item = &PluginReady> {
        self.plugins.iter().filter(move |plugin| plugin.kind == kind)
    }

    /// A plugin by its id.
    #[must_use]
    pub fn plugin(&self, kind: PluginKind, id: &str) -> Option<&PluginReady> {
        self.of_kind(kind).find(|plugin| plugin.id == id)
    }

    /// A plugin's name in words; its id where it is not loaded.
    #[must_use]
    pub fn title<'a>(&'a self, kind: PluginKind, id: &'a str) -> &'a str {
        self.plugin(kind, id).map_or(id, |plugin| plugin.title.as_str())
    }

    /// Hyperparameters that a plugin declares.
    #[must_use]
    pub fn hyperparameters(&self, kind: PluginKind, id: &str) -> &[Hyperparameter] {
        self.plugin(kind, id).map_or(&[], |plugin| plugin.hyperparameters.as_slice())
    }
}
