//! Writing the edits in place, or the model they make. What has its final name is whole.

use crate::error::{Error, Stopped};
use crate::model::loaded::Loaded;
use crate::pace::RunningJob;
use locus_engine::edit::{DeltaFile, WeightEdit};
use locus_engine::{export, tensor_files};
use locus_protocol::{Event, Phase, SaveTarget};

/// Writes what was asked for.
pub fn run(job: RunningJob<'_>, target: &SaveTarget) -> Result<(), Stopped> {
    job.progress(Phase::Writing, 0, 1);
    let loaded = job.loaded;
    let path = match target {
        SaveTarget::Deltas(file) => {
            tensor_files::keep_alone(&deltas(loaded)?, file).map_err(Error::from)?;
            file.clone()
        }
        SaveTarget::NewDeltas(file) => {
            let refused = |refusal| Error::File { path: file.clone(), message: format!("{refusal}") };
            locus_files::write_like(file, &deltas(loaded)?).map_err(refused)?
        }
        SaveTarget::Model(folder) => {
            export::model(loaded.stack.model(), &loaded.folder, folder)?;
            folder.clone()
        }
        SaveTarget::Adapter(folder) => {
            let deltas = edits(loaded)?.into_iter().flat_map(|edit| &edit.deltas);
            export::adapter(loaded.stack.base(), deltas, &loaded.folder, folder)?;
            folder.clone()
        }
    };
    job.progress(Phase::Writing, 1, 1);
    job.tell(Event::Saved { job: job.number, path });
    Ok(())
}

/// The edits in place as one file, see [`DeltaFile`].
fn deltas(loaded: &Loaded) -> Result<Vec<u8>, Error> {
    Ok(DeltaFile::bytes(loaded.stack.base(), &loaded.mark, &edits(loaded)?)?)
}

/// The edits in place; there has to be one.
fn edits(loaded: &Loaded) -> Result<Vec<&WeightEdit>, Error> {
    let edits: Vec<&WeightEdit> = loaded.stack.applied().iter().map(|numbered| &*numbered.edit).collect();
    if edits.is_empty() {
        return Err(Error::Request("there is no edit to save; edit a fact first".to_owned()));
    }
    Ok(edits)
}
