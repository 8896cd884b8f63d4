//! Putting edits of files in place when the model is loaded.

use crate::error::Error;
use crate::history::tell_edits;
use crate::loading::Loaded;
use crate::operations;
use crate::worker::Worker;
use locus_engine::edit::DeltaFile;
use std::path::{Path, PathBuf};

/// Puts all edits of files in place, on top of those that are. All files are looked at before the first is.
pub fn apply(worker: &mut Worker<'_>, files: &[PathBuf]) -> Result<(), Error> {
    let loaded = worker.ready()?;
    let read = files.iter().map(|file| read(loaded, file)).collect::<Result<Vec<_>, _>>()?;
    for (file, read) in files.iter().zip(read) {
        put(worker, file, read)?;
    }
    Ok(())
}

fn read(loaded: &Loaded, file: &Path) -> Result<DeltaFile, Error> {
    let read = DeltaFile::read(file)?;
    read.fits(file, loaded.stack.base(), &loaded.mark)?;
    Ok(read)
}

fn put(worker: &mut Worker<'_>, file: &Path, read: DeltaFile) -> Result<(), Error> {
    let differing = read.differing(worker.ready()?.stack.base())?;
    let fact = read.edits.last().map(|edit| edit.fact().clone()).unwrap_or_default();
    let base = worker.ready()?.stack.base();
    let tied = read.edits.iter().flat_map(|edit| &edit.deltas).find(|delta| base.is_tied(&delta.parameter));
    if let Some(delta) = tied {
        let text = format!(
            "{}: {} is the unembedding as well: its change moves the logits of all prompts",
            file.display(),
            delta.parameter
        );
        worker.emitter.log("engine", "warning", text);
    }
    let titles: Vec<String> = read.edits.iter().map(|edit| edit.title.clone()).collect();
    for edit in read.edits {
        worker.loaded()?.stack.apply(edit)?;
        operations::record_applied(worker, file)?;
    }
    if !differing.is_empty() {
        let text = format!(
            "{}: the change of {} comes out with other last bits here than where it was made (another device or another \
             libtorch)",
            file.display(),
            differing.join(", ")
        );
        worker.emitter.log("engine", "warning", text);
    }
    let text = format!("{}: put in place {}", file.display(), titles.join("; "));
    worker.emitter.log("edits", "info", text);
    tell_edits(worker, &fact)
}
