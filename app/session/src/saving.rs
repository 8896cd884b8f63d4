//! Writing the edits in place, or the model they make. What has its final name is whole.

use crate::error::Error;
use crate::loading::Loaded;
use crate::worker::{Stopped, Worker};
use locus_engine::edit::{DeltaFile, Edit};
use locus_engine::export;
use locus_protocol::{Event, JobId, Phase, SaveTarget};
use std::path::Path;

/// Writes what was asked for.
pub fn save(worker: &mut Worker<'_>, job: JobId, target: &SaveTarget) -> Result<(), Stopped> {
    worker.emitter.progress(job, Phase::Writing, 0, 1);
    let loaded = worker.loaded()?;
    let path = match target {
        SaveTarget::Deltas(file) => {
            deltas(loaded, file)?;
            file
        }
        SaveTarget::Model(folder) => {
            export::model(loaded.stack.model(), &loaded.folder, folder)?;
            folder
        }
        SaveTarget::Adapter(folder) => {
            let deltas = edits(loaded)?.into_iter().flat_map(|edit| &edit.deltas);
            export::adapter(loaded.stack.base(), deltas, &loaded.folder, folder)?;
            folder
        }
    };
    worker.emitter.progress(job, Phase::Writing, 1, 1);
    let text = format!("wrote {}", path.display());
    worker.emitter.tell(Event::Log { source: "engine".to_owned(), level: "info".to_owned(), text });
    Ok(())
}

/// The edits in place as one file, see [`DeltaFile`].
fn deltas(loaded: &Loaded, file: &Path) -> Result<(), Error> {
    let bytes = DeltaFile::bytes(loaded.stack.base(), &loaded.mark, &edits(loaded)?)?;
    Ok(export::keep_alone(&bytes, file)?)
}

/// The edits in place; there has to be one.
fn edits(loaded: &Loaded) -> Result<Vec<&Edit>, Error> {
    let edits: Vec<&Edit> = loaded.stack.applied().iter().map(|numbered| &*numbered.edit).collect();
    if edits.is_empty() {
        return Err(Error::Request("there is no edit to save; edit a fact first".to_owned()));
    }
    Ok(edits)
}
