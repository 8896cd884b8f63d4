//! Putting edits of files in place when the model is loaded.

use crate::error::Error;
use crate::history::{list, tell_edits};
use crate::operations;
use crate::worker::Worker;
use locus_engine::edit::{DeltaFile, weight_changes};
use std::path::Path;

/// Puts all edits of a file in place, on top of those that are.
pub fn apply(worker: &mut Worker<'_>, file: &Path) -> Result<(), Error> {
    let loaded = worker.loaded()?;
    let read = DeltaFile::read(file)?;
    read.fits(file, loaded.stack.base(), &loaded.mark)?;
    let differing = read.differing(loaded.stack.base());
    let first = loaded.stack.applied().last().map_or(0, |edit| edit.number);
    let fact = read.edits.last().map(|edit| edit.fact().clone()).unwrap_or_default();
    for edit in read.edits {
        let changes = weight_changes(worker.loaded()?.stack.model(), &edit.deltas);
        worker.loaded()?.stack.apply(edit)?;
        operations::record_applied(worker, changes, file);
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
    let loaded = worker.ready()?;
    let titles = list(loaded.stack.base(), loaded.stack.applied()).into_iter();
    let titles: Vec<String> = titles.filter(|edit| edit.number > first).map(|edit| edit.title).collect();
    let text = format!("{}: put in place {}", file.display(), titles.join("; "));
    worker.emitter.log("edits", "info", text);
    tell_edits(worker, &fact)
}
