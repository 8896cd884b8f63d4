//! Writing the edits in place, or the model they make. What has its final name is whole.

use crate::error::{Error, Stopped};
use crate::model::loaded::Loaded;
use crate::pace::RunningJob;
use locus_engine::edit::{DeltaFile, WeightEdit};
use locus_engine::{export, tensor_files};
use locus_protocol::{Event, Phase, SaveTarget};

/// Writes what was asked for.
pub fn run(job: RunningJob<'_>, target: &SaveTarget) -> Result<(), Stopped> {
    job.check_cancel()?;
    let loaded = job.loaded;
    let mut listen = |done, all| {
        job.progress(Phase::Writing, done, all);
        job.check_cancel()
    };
    let path = match target {
        SaveTarget::Deltas(file) => {
            listen(0, 1)?;
            tensor_files::keep_alone(&deltas(loaded)?, file).map_err(Error::from)?;
            file.clone()
        }
        SaveTarget::NewDeltas(file) => {
            listen(0, 1)?;
            let refused = |refusal| Error::File { path: file.clone(), message: format!("{refusal}") };
            locus_files::write_like(file, &deltas(loaded)?).map_err(refused)?
        }
        SaveTarget::Model(folder) => {
            export::model(loaded.stack.model(), &loaded.folder, folder, &mut listen)?;
            folder.clone()
        }
        SaveTarget::Adapter(folder) => {
            let deltas = edits(loaded)?.into_iter().flat_map(|edit| &edit.deltas);
            let factoring = Phase::Method("factoring changes".to_owned());
            export::adapter(loaded.stack.base(), deltas, &loaded.folder, folder, &mut |done, all| {
                job.progress(factoring.clone(), done, all);
                job.check_cancel()
            })?;
            folder.clone()
        }
    };
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
