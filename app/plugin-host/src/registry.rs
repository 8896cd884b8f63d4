//! All plugins by their ids.

use crate::error::{LoadError, UnknownPlugin};
use crate::library::{Contents, LoadedPlugin, PluginObject};
use crate::search::SearchPaths;
use locus_plugin::object::{MethodObject, ObjectiveObject};
use locus_protocol::{PluginKind, PluginReady, PluginRefused};
use std::path::Path;
use std::sync::Arc;

/// The plugins that are loaded, and where to look for more.
#[derive(Default)]
pub struct Registry {
    paths: SearchPaths,
    known: Vec<Known>,
}

struct Known {
    hash: [u8; 32],
    plugin: LoadedPlugin,
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new(paths: SearchPaths) -> Self {
        Self { paths, known: Vec::new() }
    }

    /// Loads what is found and not loaded yet, and anew what has changed since. Gives everything that is there, and
    /// the files that were refused. Libraries in folders that are no plugins are passed over without a word.
    pub fn scan(&mut self) -> (Vec<PluginReady>, Vec<PluginRefused>) {
        let mut refused = Vec::new();
        for file in self.paths.candidates() {
            let stamp = match crate::inspect(&file) {
                Err(error) if error.is_no_plugin() => continue,
                inspected => inspected,
            };
            if stamp.as_ref().is_ok_and(|stamp| stamp.by_name_only) {
                continue;
            }
            if let Err(error) = stamp.and_then(|_| self.add(&file)) {
                refused.push(PluginRefused { file, reason: error.to_string() });
            }
        }
        for file in self.paths.files.clone() {
            if let Err(error) = self.add(&file) {
                refused.push(PluginRefused { file, reason: error.to_string() });
            }
        }
        (self.plugins(), refused)
    }

    /// Loads one file, or loads it anew when it has changed; edits that run keep the old one. A copy of a file that
    /// is loaded is taken for that file.
    ///
    /// # Errors
    /// The first check that fails; then everything stays as it was.
    pub fn add(&mut self, file: &Path) -> Result<Vec<PluginReady>, LoadError> {
        let contents = Contents::read(file)?;
        let hash = contents.hash();
        if self.known.iter().any(|known| known.hash == hash) {
            return Ok(self.ready(|known| known.hash == hash));
        }
        let loaded = contents.load()?;
        for plugin in &loaded {
            let PluginReady { kind, id, .. } = &plugin.ready;
            let others = self.known.iter().map(|known| &known.plugin.ready).filter(|other| !is_same(&other.file, file));
            if let Some(other) = others.clone().find(|other| other.kind == *kind && other.id == *id) {
                let (file, other) = (file.to_owned(), other.file.clone());
                return Err(LoadError::Duplicate { file, other, kind: *kind, id: id.clone() });
            }
        }
        self.known.retain(|known| !is_same(&known.plugin.ready.file, file));
        self.known.extend(loaded.into_iter().map(|plugin| Known { hash, plugin }));
        Ok(self.ready(|known| known.hash == hash))
    }

    /// Everything that is loaded.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginReady> {
        self.ready(|_| true)
    }

    /// The method of an id.
    ///
    /// # Errors
    /// There is none; says which there are.
    pub fn method(&self, id: &str) -> Result<Arc<dyn MethodObject>, UnknownPlugin> {
        match self.find(PluginKind::Method, id)? {
            PluginObject::Method(method) => Ok(Arc::clone(method)),
            PluginObject::Objective(_) => Err(self.unknown(PluginKind::Method, id)),
        }
    }

    /// The objective of an id.
    ///
    /// # Errors
    /// There is none; says which there are.
    pub fn objective(&self, id: &str) -> Result<Arc<dyn ObjectiveObject>, UnknownPlugin> {
        match self.find(PluginKind::Objective, id)? {
            PluginObject::Objective(objective) => Ok(Arc::clone(objective)),
            PluginObject::Method(_) => Err(self.unknown(PluginKind::Objective, id)),
        }
    }

    fn find(&self, kind: PluginKind, id: &str) -> Result<&PluginObject, UnknownPlugin> {
        let plugins = self.known.iter().map(|known| &known.plugin);
        let found = plugins.clone().find(|plugin| plugin.ready.kind == kind && plugin.ready.id == id);
        found.map(|plugin| &plugin.object).ok_or_else(|| self.unknown(kind, id))
    }

    fn unknown(&self, kind: PluginKind, id: &str) -> UnknownPlugin {
        let plugins = self.known.iter().map(|known| &known.plugin.ready);
        let known = plugins.filter(|plugin| plugin.kind == kind).map(|plugin| plugin.id.clone()).collect();
        let looked_in = self.paths.folders.iter().chain(&self.paths.files).cloned().collect();
        UnknownPlugin { kind, id: id.to_owned(), known, looked_in }
    }

    fn ready(&self, wanted: impl Fn(&Known) -> bool) -> Vec<PluginReady> {
        self.known.iter().filter(|known| wanted(known)).map(|known| known.plugin.ready.clone()).collect()
    }
}

/// Whether two paths lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}
