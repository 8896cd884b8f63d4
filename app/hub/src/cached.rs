//! What lies in the hub's cache. Nothing here asks anybody.

use crate::environment::Hub;
use crate::error::{Error, Result};
use crate::id::{MAIN, ModelId};
use crate::layout::Layout;
use crate::needed::{self, Contents};
use std::path::{Path, PathBuf};

/// A snapshot of a model in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// The model, `ORG/NAME`.
    pub name: String,
    pub commit: String,
    /// Branches and tags that name it.
    pub revisions: Vec<String>,
    pub folder: PathBuf,
    /// What it has and lacks.
    pub contents: Contents,
}

impl Cached {
    /// What `--model` takes for it: `ORG/NAME`, and the revision where it is another than `main`.
    #[must_use]
    pub fn id(&self) -> String {
        let is_main = self.revisions.iter().any(|name| name == MAIN);
        match self.revisions.first().filter(|_| !is_main) {
            Some(revision) => format!("{}@{revision}", self.name),
            None if is_main => self.name.clone(),
            None => format!("{}@{}", self.name, self.commit),
        }
    }
}

impl Hub {
    /// The folder of a model in the cache, where it is whole.
    #[must_use]
    pub fn find(&self, id: &ModelId) -> Option<PathBuf> {
        let layout = Layout::of(&self.cache, &id.name);
        let snapshot = layout.snapshot(&layout.commit(&id.revision)?);
        needed::contents(&snapshot).lacks.is_empty().then_some(snapshot)
    }

    /// The same, or the error that says how to get it.
    ///
    /// # Errors
    /// It is not there, or not whole.
    pub fn find_only(&self, id: &ModelId) -> Result<PathBuf> {
        self.find(id).ok_or_else(|| Error::NotCached { id: id.clone(), cache: self.cache.clone() })
    }

    /// Every snapshot in the cache, sorted by name.
    #[must_use]
    pub fn cached(&self) -> Vec<Cached> {
        let folders = self.cache.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
        let layouts = folders.filter_map(|folder| Layout::at(&folder));
        let mut found: Vec<Cached> = layouts.flat_map(|layout| snapshots(&layout)).collect();
        found.sort_by(|one, other| (&one.name, &one.commit).cmp(&(&other.name, &other.commit)));
        found
    }
}

fn snapshots(layout: &Layout) -> Vec<Cached> {
    let named = layout.revisions();
    let snapshot = |commit: String| {
        let folder = layout.snapshot(&commit);
        let revisions = named.iter().filter(|(_, of)| *of == commit).map(|(name, _)| name.clone()).collect();
        Cached { name: layout.name(), contents: needed::contents(&folder), commit, revisions, folder }
    };
    layout.commits().into_iter().map(snapshot).collect()
}

/// The snapshot that a model's folder in the cache (`models--ORG--NAME`) stands for: that of `main`, or the only one.
#[must_use]
pub fn snapshot_in(folder: &Path) -> Option<PathBuf> {
    let layout = Layout::at(folder)?;
    let only = || match &layout.commits()[..] {
        [only] => Some(only.clone()),
        _ => None,
    };
    Some(layout.snapshot(&layout.commit(MAIN).or_else(only)?))
}
