//! What the engine has said about itself: model, plugins, memory.

use locus_protocol::{Hyperparameter, Memory, ModelReady, PluginKind, PluginReady, PluginRefused};

/// What is known of the engine.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    /// Version of the program.
    pub version: String,
    /// The model.
    pub model: Option<ModelReady>,
    /// Plugins that were loaded.
    pub plugins: Vec<PluginReady>,
    /// Files that are no plugins we can use.
    pub refused: Vec<PluginRefused>,
    /// Memory in use.
    pub memory: Option<Memory>,
    /// Whether its thread has ended.
    pub gone: bool,
}

impl Engine {
    /// Adds a plugin, or puts it in the place of an older one with the same id.
    pub fn add_plugin(&mut self, plugin: PluginReady) {
        match self.plugins.iter_mut().find(|known| known.kind == plugin.kind && known.id == plugin.id) {
            Some(known) => *known = plugin,
            None => self.plugins.push(plugin),
        }
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
