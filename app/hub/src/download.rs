//! A model, file by file: what is needed, whether there is room for it, and then the bytes.

use crate::blob::{Source, Wanted};
use crate::environment::Hub;
use crate::error::{Error, Result};
use crate::id::ModelId;
use crate::layout::Layout;
use crate::needed::{self, Weights};
use crate::remote::{Listing, Remote};
use std::path::{Path, PathBuf};

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file that is being downloaded; empty while nobody knows which there are.
    pub file: &'a str,
    /// Bytes of the model that are there, those of earlier runs among them.
    pub done: u64,
    /// Bytes of all files that are needed; 0 while that is not known.
    pub total: u64,
    /// Bytes that were still to come when this run began.
    pub missing: u64,
}

impl<'a> Progress<'a> {
    /// Before it is known how much there is.
    fn unknown(file: &'a str) -> Self {
        Self { file, done: 0, total: 0, missing: 0 }
    }
}

/// Hears how far it is, and says whether to go on.
type Listen<'a> = &'a mut dyn FnMut(Progress<'_>) -> bool;

impl Hub {
    /// The folder of a model: from the cache where it is whole there, without asking anybody; else downloaded. `listen` says
    /// whether to go on.
    ///
    /// # Errors
    /// It cannot be downloaded.
    pub fn get(&self, id: &ModelId, listen: Listen<'_>) -> Result<PathBuf> {
        self.find(id).map_or_else(|| self.download(id, listen), Ok)
    }

    /// Asks the hub what the revision is now, and downloads what is not in the cache. `listen` says whether to go on. Returns
    /// the snapshot's folder.
    ///
    /// # Errors
    /// The network is forbidden; the hub cannot be reached or does not show the model; what came is damaged; there is no
    /// room. What has come of a file is kept, and the next call goes on from there.
    pub fn download(&self, id: &ModelId, listen: Listen<'_>) -> Result<PathBuf> {
        if self.offline {
            return self.find(id).ok_or_else(|| Error::Offline { id: id.clone(), cache: self.cache.clone() });
        }
        let remote = Remote::new(self, id);
        let listing = remote.list(&mut || listen(Progress::unknown("")))?;
        let has = |name: &str| listing.files.contains(name);
        for needed in [needed::CONFIG, needed::TOKENIZER] {
            if !has(needed) {
                return Err(Error::Lacks { id: id.clone(), what: needed });
            }
        }
        let lacks = || Error::Lacks { id: id.clone(), what: "model.safetensors or pytorch_model.bin" };
        let weights = Weights::among(&has).ok_or_else(lacks)?;
        let layout = Layout::of(&self.cache, &id.name);
        let snapshot = layout.snapshot(&listing.commit);
        for folder in [layout.blobs(), snapshot.clone()] {
            std::fs::create_dir_all(&folder).map_err(|error| Error::write(&folder, error))?;
        }
        let source = Source { hub: self, id, remote: &remote, layout: &layout, commit: &listing.commit };
        let names = self.names(&source, &listing, &weights, listen)?;
        let mut wanted = Vec::with_capacity(names.len());
        for name in names {
            wanted.push(describe(&source, name, listen)?);
        }
        self.fetch(&source, &wanted, listen)?;
        self.name(&layout, id, &listing.commit)?;
        Ok(snapshot)
    }

    /// The files of a revision that are needed, small ones first. An index of weights is downloaded for that.
    fn names(
        &self,
        source: &Source<'_>,
        listing: &Listing,
        weights: &Weights,
        listen: Listen<'_>,
    ) -> Result<Vec<String>> {
        let mut names: Vec<String> =
            needed::beside_weights(&|name| listing.files.contains(name)).into_iter().map(str::to_owned).collect();
        match weights {
            Weights::Whole(file) => names.push((*file).to_owned()),
            Weights::Index(file) => {
                let index = describe(source, (*file).to_owned(), listen)?;
                self.check_room(source, source.missing(&index))?;
                source.fetch(&index, &mut |_| listen(Progress::unknown(&index.name)))?;
                let text = locus_files::text(&source.place(&index), needed::LARGEST_INDEX);
                let shards = text.map_err(|error| error.to_string()).and_then(|text| needed::shards(&text));
                let shards = shards.map_err(|why| source.remote.odd(file, &why))?;
                if let Some(missing) = shards.iter().find(|name| !listing.files.contains(*name)) {
                    return Err(source.remote.odd(file, &format!("it names `{missing}`, which does not exist")));
                }
                names.push(index.name);
                names.extend(shards);
            }
        }
        Ok(names)
    }

    /// Downloads files one after the other, once it is known that there is room for all.
    fn fetch(&self, source: &Source<'_>, wanted: &[Wanted], listen: Listen<'_>) -> Result<()> {
        let missing = wanted.iter().fold(0_u64, |sum, file| sum.saturating_add(source.missing(file)));
        self.check_room(source, missing)?;
        let total = wanted.iter().fold(0_u64, |sum, file| sum.saturating_add(file.about.size));
        let mut before = 0;
        for file in wanted {
            let mut hear = |there| listen(Progress { file: &file.name, done: before + there, total, missing });
            source.fetch(file, &mut hear)?;
            before += file.about.size;
        }
        Ok(())
    }

    fn check_room(&self, source: &Source<'_>, needed: u64) -> Result<()> {
        let free = free(&self.cache)?;
        if needed > free {
            return Err(Error::Disk { id: source.id.clone(), needed, free, folder: self.cache.clone() });
        }
        Ok(())
    }

    /// Has the revision mean the commit, now that the snapshot is whole.
    fn name(&self, layout: &Layout, id: &ModelId, commit: &str) -> Result<()> {
        if id.revision == commit {
            return Ok(());
        }
        let file = layout.refs().join(&id.revision);
        let folder = file.parent().unwrap_or(&file);
        std::fs::create_dir_all(folder).map_err(|error| Error::write(folder, error))?;
        locus_files::write(&file, commit.as_bytes()).map_err(Error::refused(&file))
    }
}

/// What the hub says of a file.
fn describe(source: &Source<'_>, name: String, listen: Listen<'_>) -> Result<Wanted> {
    let about = source.remote.describe(source.commit, &name, &mut || listen(Progress::unknown(&name)))?;
    Ok(Wanted { name, about })
}

/// Bytes that the user may still write in a folder.
fn free(folder: &Path) -> Result<u64> {
    let about = rustix::fs::statvfs(folder).map_err(|error| Error::write(folder, error))?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}
