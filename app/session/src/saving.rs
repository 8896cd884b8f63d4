//! Writing the edits in place, or the model they make. Everything gets a temporary name first.

use crate::error::Error;
use crate::loading::Loaded;
use crate::worker::{Stopped, Worker};
use locus_engine::export;
use locus_plugin::Form;
use locus_protocol::{Event, JobId, Phase, SaveTarget};
use std::path::Path;
use tch::Tensor;

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
    };
    worker.emitter.progress(job, Phase::Writing, 1, 1);
    let text = format!("wrote {}", path.display());
    worker.emitter.tell(Event::Log { source: "engine".to_owned(), level: "info".to_owned(), text });
    Ok(())
}

/// One safetensors file: for edit n `n.<parameter>.left` and `.right` (factors) or `.dense`.
fn deltas(loaded: &Loaded, file: &Path) -> Result<(), Error> {
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    for (index, edit) in loaded.stack.applied().iter().enumerate() {
        for delta in &edit.edit.deltas {
            let mut put = |what: &str, tensor: &Tensor| {
                tensors.push((format!("{index}.{}.{what}", delta.parameter), tensor.shallow_clone()));
            };
            match &delta.form {
                Form::LowRank { left, right } => {
                    put("left", left);
                    put("right", right);
                }
                Form::Dense(whole) => put("dense", whole),
            }
        }
    }
    if tensors.is_empty() {
        return Err(Error::Request("there is no edit to save; edit a fact first".to_owned()));
    }
    Ok(export::tensors(&tensors, file)?)
}
