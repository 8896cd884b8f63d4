//! The state of a pass on disk, so that a pass that was killed goes on where it was.

use super::batches::CorpusPlace;
use super::description::{MomentsDescription, describe_as, to_say};
use super::files;
use super::sums::Sums;
use crate::error::{Error, Result};
use crate::room::shortage_or;
use crate::sealed::is_file_whole;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tch::Tensor;

/// How often the state is written.
const EVERY: Duration = Duration::from_secs(30);
/// Writing takes at most one part in so many of the time.
const SHARE: u32 = 10;

/// Where the state of a pass is kept.
#[derive(Debug)]
pub struct ProgressFile {
    file: PathBuf,
    every: Duration,
    written: Cell<Instant>,
    cost: Cell<Duration>,
}

/// What the file says of itself.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    description: MomentsDescription,
    place: CorpusPlace,
    tokens: u64,
}

impl ProgressFile {
    /// Beside the file that the second moments will be in, written about every thirty seconds.
    #[must_use]
    pub fn beside(finished: &Path) -> Self {
        let file = finished.with_extension("progress");
        Self { file, every: EVERY, written: Cell::new(Instant::now()), cost: Cell::new(Duration::ZERO) }
    }

    /// Sets how often it is written.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// Tokens that a pass of this description has summed up already.
    #[must_use]
    pub fn tokens(&self, description: &MomentsDescription) -> u64 {
        self.state(description).map_or(0, |state| state.tokens)
    }

    /// What an unfinished pass says of itself, and how many tokens it had; `None` where the file is none.
    #[must_use]
    pub fn look(file: &Path) -> Option<(MomentsDescription, u64)> {
        let state: State = describe_as(file).ok()?.about?;
        Some((state.description, state.tokens))
    }

    fn state(&self, description: &MomentsDescription) -> Option<State> {
        let state: State = describe_as(&self.file).ok()?.about?;
        (state.description == *description).then_some(state)
    }

    /// Puts the sums of an earlier run in place, and says where it was and how many tokens it had. `None` where there
    /// is nothing whole of these very second moments.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]: what is there is not to be taken for damaged.
    pub(super) fn resume(
        &self,
        description: &MomentsDescription,
        sums: &mut Sums,
    ) -> Result<Option<(CorpusPlace, u64)>> {
        let Some(state) = self.state(description) else { return Ok(None) };
        // one of an older program carries no checksum; it is begun anew, as a damaged one is
        if !is_file_whole(&self.file).is_ok_and(|whole| whole == Some(true)) {
            return Ok(None);
        }
        let damaged = |_| Error::Request("the file is damaged".to_owned());
        let read = Tensor::read_safetensors(&self.file).map_err(|error| shortage_or(error, damaged));
        let read = match read {
            Ok(read) => read,
            Err(error) if error.is_out_of_memory() => {
                return Err(error.while_doing(|| format!("reading {}", self.file.display())));
            }
            Err(_) => return Ok(None),
        };
        let mut put = 0;
        for (name, tensor) in read {
            let Some(slot) = sums.slot(&name) else { return Ok(None) };
            if slot.size() != tensor.size() || slot.f_kind()? != tensor.f_kind()? {
                return Ok(None);
            }
            *slot = tensor.f_to_device(slot.device())?;
            put += 1;
        }
        Ok((put == 2 * sums.lower.len()).then_some((state.place, state.tokens)))
    }

    /// Writes the state if it is time to.
    pub(super) fn keep_sometimes(
        &self,
        about: &MomentsDescription,
        place: CorpusPlace,
        tokens: u64,
        sums: &Sums,
    ) -> Result<()> {
        if self.written.get().elapsed() < self.every.max(self.cost.get() * SHARE) {
            return Ok(());
        }
        self.keep(about, place, tokens, sums)
    }

    /// Writes the sums so far and the position in the corpus.
    pub(super) fn keep(&self, about: &MomentsDescription, place: CorpusPlace, tokens: u64, sums: &Sums) -> Result<()> {
        let start = Instant::now();
        let state = State { description: about.clone(), place, tokens };
        let says = to_say(&state, &BTreeMap::new()).map_err(|error| Error::Request(error.to_string()))?;
        let named = |kind: &str, tensors: &BTreeMap<usize, Tensor>| -> Vec<(String, Tensor)> {
            tensors.iter().map(|(layer, tensor)| (format!("{kind}.{layer}"), tensor.shallow_clone())).collect()
        };
        let mut tensors = named("sum", &sums.lower);
        tensors.extend(named("check", &sums.checks));
        let written = files::write(&self.file, tensors, &says);
        self.written.set(Instant::now());
        self.cost.set(start.elapsed());
        written
    }

    /// Removes the state, once the second moments are in their file.
    pub fn remove(&self) {
        let _ = std::fs::remove_file(&self.file);
    }
}
