//! All plugins by their ids.

use crate::error::{LoadError, UnknownPlugin, there_is};
use crate::library::{Contents, LoadedPlugin, PluginObject};
use crate::search::SearchPaths;
use locus_plugin::object::{MethodObject, ObjectiveObject};
use locus_protocol::{PluginKind, PluginReady, PluginRefused};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The plugins that are loaded, and where to look for more.
#[derive(Default)]
pub struct Registry {
    paths: SearchPaths,
    known: Vec<Known>,
    /// What the last scan refused since others may write to it, in sentences.
    untrusted: Vec<String>,
}

struct Known {
    hash: [u8; 32],
    plugin: LoadedPlugin,
    /// A newer build has taken its id.
    is_replaced: bool,
}

/// What a new build brought, and what it replaced.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reloaded {
    /// What the file holds now.
    pub loaded: Vec<PluginReady>,
    /// What it replaced, under the ids that this has now.
    pub replaced: Vec<PluginReady>,
}

impl Registry {
    #[must_use]
    pub fn new(paths: SearchPaths) -> Self {
        Self { paths, known: Vec::new(), untrusted: Vec::new() }
    }

    /// Loads what is found and not loaded yet, and anew what has changed since. Gives everything that is there, and
    /// the files that were refused. Libraries in folders that are no plugins are passed over without a word.
    pub fn scan(&mut self) -> (Vec<PluginReady>, Vec<PluginRefused>) {
        let (candidates, untrusted) = self.paths.candidates();
        self.untrusted.clear();
        let mut refused = Vec::new();
        let mut refuse = |file: PathBuf, error: LoadError, untrusted: &mut Vec<String>| {
            let reason = error.to_string();
            if matches!(error, LoadError::Untrusted { .. }) {
                untrusted.push(reason.clone());
            }
            refused.push(PluginRefused { file, reason });
        };
        for (folder, error) in untrusted {
            refuse(folder, error, &mut self.untrusted);
        }
        for file in candidates {
            let stamp = match crate::inspect(&file) {
                Err(error) if error.is_no_plugin() => continue,
                inspected => inspected,
            };
            if stamp.as_ref().is_ok_and(|stamp| stamp.by_name_only) {
                continue;
            }
            if let Err(error) = stamp.and_then(|_| self.add(&file)) {
                refuse(file, error, &mut self.untrusted);
            }
        }
        for file in self.paths.files.clone() {
            if let Err(error) = self.add(&file) {
                refuse(file, error, &mut self.untrusted);
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
        if self.paths.left_out.iter().any(|left_out| is_same(left_out, file)) {
            return Err(LoadError::LeftOut { file: file.to_owned() });
        }
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
        self.known.retain(|known| known.is_replaced || !is_same(&known.plugin.ready.file, file));
        self.known.extend(loaded.into_iter().map(|plugin| Known { hash, plugin, is_replaced: false }));
        Ok(self.ready(|known| known.hash == hash))
    }

    /// Loads a new build of a file, or another file that holds the same plugins. What it replaces is not forgotten: it
    /// is called `id@1` from then on, `id@2` the next time, so that both can be used. A build that is in use already
    /// replaces nothing.
    ///
    /// # Errors
    /// The first check that fails; then everything stays as it was.
    pub fn reload(&mut self, file: &Path) -> Result<Reloaded, LoadError> {
        let contents = Contents::read(file)?;
        let hash = contents.hash();
        let in_use = |known: &Known| known.hash == hash && !known.is_replaced;
        if self.known.iter().any(in_use) {
            return Ok(Reloaded { loaded: self.ready(in_use), replaced: Vec::new() });
        }
        let mut replaced = Vec::new();
        let loaded = contents.load()?;
        for LoadedPlugin { ready: new, .. } in &loaded {
            let older = |ready: &PluginReady| ready.kind == new.kind && ready.id == new.id;
            let generation = 1 + self.generations(new);
            if let Some(known) = self.known.iter_mut().find(|known| older(&known.plugin.ready)) {
                known.is_replaced = true;
                known.plugin.ready.id = format!("{}@{generation}", new.id);
                known.plugin.ready.title = format!("{} (build {generation})", known.plugin.ready.title);
                replaced.push(known.plugin.ready.clone());
            }
        }
        self.known.extend(loaded.into_iter().map(|plugin| Known { hash, plugin, is_replaced: false }));
        Ok(Reloaded { loaded: self.ready(in_use), replaced })
    }

    /// What the last scan refused since others may write to it, in sentences.
    #[must_use]
    pub fn untrusted(&self) -> &[String] {
        &self.untrusted
    }

    /// How many builds of a plugin were replaced so far.
    fn generations(&self, plugin: &PluginReady) -> usize {
        let is_one = |ready: &PluginReady| {
            ready.kind == plugin.kind && ready.id.split_once('@').is_some_and(|(id, _)| id == plugin.id)
        };
        self.known.iter().filter(|known| known.is_replaced && is_one(&known.plugin.ready)).count()
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

    /// SHA-256 of the file that a plugin was loaded from, as hexadecimal.
    #[must_use]
    pub fn sha256(&self, kind: PluginKind, id: &str) -> Option<String> {
        let is_it = |known: &&Known| known.plugin.ready.kind == kind && known.plugin.ready.id == id;
        let known = self.known.iter().find(is_it)?;
        Some(known.hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn find(&self, kind: PluginKind, id: &str) -> Result<&PluginObject, UnknownPlugin> {
        let plugins = self.known.iter().map(|known| &known.plugin);
        let found = plugins.clone().find(|plugin| plugin.ready.kind == kind && plugin.ready.id == id);
        found.map(|plugin| &plugin.object).ok_or_else(|| self.unknown(kind, id))
    }

    fn unknown(&self, kind: PluginKind, id: &str) -> UnknownPlugin {
        let plugins = self.known.iter().map(|known| &known.plugin.ready);
        let known: Vec<String> = plugins.filter(|plugin| plugin.kind == kind).map(|plugin| plugin.id.clone()).collect();
        let looked_in: Vec<PathBuf> = self.paths.folders.iter().chain(&self.paths.files).cloned().collect();
        let there_is = there_is(&known, &looked_in, &self.untrusted);
        UnknownPlugin { kind, id: id.to_owned(), known, there_is }
    }

    fn ready(&self, wanted: impl Fn(&Known) -> bool) -> Vec<PluginReady> {
        self.known.iter().filter(|known| wanted(known)).map(|known| known.plugin.ready.clone()).collect()
    }
}

/// Whether two paths lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}
