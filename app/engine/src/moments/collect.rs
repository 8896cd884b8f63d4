//! One pass over a corpus.

use super::batches::{Chunks, CorpusPlace};
use super::corpus::Corpus;
use super::description::{LayerDescription, MomentsDescription};
use super::fingerprint::{fingerprint, hash_of};
use super::progress::ProgressFile;
use super::store::SecondMoments;
use super::sums::Sums;
use crate::error::{Doing, Result};
use crate::model::{Model, Taps};
use crate::run::Layout;
use std::collections::BTreeMap;
use tch::Kind;

/// In which format products are summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits, as the published moments; checked against 64 bits.
    #[default]
    Float32,
    /// 64 bits, for very long corpora.
    Float64,
}

impl Precision {
    /// libtorch's name.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Float32 => Kind::Float,
            Self::Float64 => Kind::Double,
        }
    }

    /// `float32` or `float64`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float64 => "float64",
        }
    }
}

/// How far a pass is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Tokens that are summed up.
    pub done: u64,
    /// Tokens there will be: an estimate until the corpus has been read.
    pub total: u64,
    /// Tokens that an earlier run has summed up.
    pub before: u64,
}

/// What to collect.
#[derive(Debug)]
pub struct Collecting<'a> {
    /// The unedited model.
    pub model: &'a Model,
    /// The documents.
    pub corpus: &'a Corpus,
    /// In which format.
    pub precision: Precision,
    /// Where the state is kept from time to time, so that a pass that was cut off goes on; nowhere without it.
    pub progress: Option<ProgressFile>,
}

impl<'a> Collecting<'a> {
    /// In float32, and without a file of its progress.
    #[must_use]
    pub fn new(model: &'a Model, corpus: &'a Corpus) -> Self {
        Self { model, corpus, precision: Precision::default(), progress: None }
    }

    /// Says which second moments these are: model, corpus, and how they are summed up.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn description(&self) -> Result<MomentsDescription> {
        let corpus = match self.precision {
            Precision::Float32 => self.corpus.fingerprint.clone(),
            Precision::Float64 => hash_of(&format!("{} {}", self.corpus.fingerprint, self.precision.name())),
        };
        Ok(MomentsDescription {
            model: fingerprint(self.model)?,
            corpus,
            corpus_name: self.corpus.name.clone(),
            precision: self.precision.name().to_owned(),
            layers: BTreeMap::new(),
        })
    }

    /// Runs the pass from where it was cut off, else from the start; `listen` hears of every batch and can stop the
    /// pass by an error. The result does not depend on where it was cut off, bit by bit, with the same device and
    /// number of threads.
    ///
    /// # Errors
    /// What `listen` returns; a corpus that cannot be read. The progress is kept in both cases.
    pub fn run(&self, listen: &mut dyn FnMut(Progress) -> Result<()>) -> Result<SecondMoments> {
        let _guard = tch::no_grad_guard();
        let (model, description) = (self.model, self.description()?);
        let zeros = || Sums::zeros(model.architecture.layers, model.architecture.inner, self.precision, model.device);
        let mut sums = zeros()?;
        let resumed = self.progress.as_ref().map(|file| file.resume(&description, &mut sums)).transpose()?.flatten();
        let (mut place, before) = match resumed {
            Some(resumed) => resumed,
            // what was put in place of a file that turned out damaged is taken away again
            None => {
                drop(sums);
                sums = zeros()?;
                (CorpusPlace::default(), 0)
            }
        };
        let mut done = before;
        // not while a batch is in the sums of some layers only
        let mut whole = true;
        let mut chunks = Chunks::new(model, self.corpus, place)?;
        let result = (|| {
            while let Some(chunk) = chunks.next()? {
                let total = estimate(self.corpus.limit(), chunk.next.tokens, chunk.share);
                let skipped = if chunk.place.document == place.document { place.batches } else { 0 };
                place = CorpusPlace { batches: skipped, ..chunk.place };
                for rows in chunk.batches.iter().skip(skipped) {
                    listen(Progress { done, total, before })?;
                    whole = false;
                    add(model, rows, &mut sums)?;
                    whole = true;
                    done += rows.iter().map(Vec::len).sum::<usize>() as u64;
                    place.batches += 1;
                    if let Some(file) = &self.progress {
                        file.keep_sometimes(&description, place, done, &sums)?;
                    }
                }
                place = chunk.next;
            }
            listen(Progress { done, total: done, before })
        })();
        if let Err(error) = result {
            if let Some(file) = self.progress.as_ref().filter(|_| whole && done > before) {
                // the reason matters more than whether this can be kept
                let _ = file.keep(&description, place, done, &sums);
            }
            return Err(error);
        }
        let mut description = description;
        let mut means = BTreeMap::new();
        let mut checks = BTreeMap::new();
        for layer in 0..model.architecture.layers {
            let mean = sums.mean(layer, done);
            let (mean, check) = mean.doing(|| format!("taking the means of layer {layer}"))?;
            let about = LayerDescription { tokens: done, documents: place.documents, source: String::new() };
            description.layers.insert(layer, about);
            means.insert(layer, mean);
            checks.insert(layer, check);
        }
        Ok(SecondMoments::from_means(means, done)?.described(description, checks))
    }
}

/// Second moments of all layers of the unedited model over a corpus; `listen` hears how many tokens are done of how
/// many there may be, and can stop the pass by an error.
///
/// # Errors
/// What `listen` returns; a corpus that cannot be read.
pub fn collect(
    model: &Model,
    corpus: &Corpus,
    listen: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<SecondMoments> {
    Collecting::new(model, corpus).run(&mut |progress| listen(progress.done as usize, progress.total as usize))
}

/// Adds the keys of a batch in all layers; what the last layer makes of its key is not computed.
fn add(model: &Model, rows: &[Vec<i64>], sums: &mut Sums) -> Result<()> {
    let layout = Layout::whole(rows).together(model.device)?;
    let mut taps = Taps::default();
    let mut stream = model.embed(&layout.ids(rows, model.device)?, &layout.batch, &mut taps)?;
    for layer in 0..model.architecture.layers {
        let (before, key, _) = model.block_until_key(layer, &stream, &layout.batch, &[], &mut taps, false)?;
        sums.add(layer, &key).doing(|| format!("adding to the second moment of layer {layer}"))?;
        if layer + 1 < model.architecture.layers {
            stream = model.block_from_key(layer, &before, &key, &mut taps)?;
        }
    }
    Ok(())
}

/// Tokens there will be, from those that a share of the corpus had.
fn estimate(limit: Option<usize>, read: u64, share: f64) -> u64 {
    let all = if share > 0.0 { (read as f64 / share.min(1.0)) as u64 } else { u64::MAX };
    all.max(read).min(limit.map_or(u64::MAX, |limit| (limit as u64).max(read)))
}
