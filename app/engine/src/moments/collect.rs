//! One pass over a corpus.

use super::batches::{Chunks, CorpusPlace};
use super::corpus::Corpus;
use super::description::{LayerDescription, MomentsDescription};
use super::fingerprint::{fingerprint, hash_of};
use super::progress::ProgressFile;
use super::store::SecondMoments;
use super::sums::Sums;
use crate::at_once::{Batched, Batches};
use crate::error::{Doing, Error, Result};
use crate::model::{Model, Taps};
use crate::run::Layout;
use std::collections::BTreeMap;
use std::ops::Range;
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
    /// The dtype as libtorch names it.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Float32 => Kind::Float,
            Self::Float64 => Kind::Double,
        }
    }

    /// Name in files: `float32` or `float64`.
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

/// A pass over a corpus that collects second moments.
#[derive(Debug)]
pub struct Collecting<'a> {
    /// The unedited model.
    pub model: &'a Model,
    pub corpus: &'a Corpus,
    /// Dtype of the sums.
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

    /// Runs the pass from where it was cut off, else from the start; `listen` hears of every layer of every batch and can stop
    /// the pass by an error. The result does not depend on where it was cut off, bit by bit, with the same device and
    /// number of threads.
    ///
    /// # Errors
    /// What `listen` returns; a corpus that cannot be read. The progress is kept in both cases.
    pub fn run(&self, listen: &mut dyn FnMut(Progress) -> Result<()>) -> Result<SecondMoments> {
        let _guard = tch::no_grad_guard();
        let (model, description) = (self.model, self.description()?);
        let layers = layers_with_keys(model)?;
        let zeros = || Sums::zeros(&layers, model.architecture.inner, self.precision, model.device);
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
        // not where a batch is in the sums of some layers or documents only
        let mut whole = true;
        let mut chunks = Chunks::new(model, self.corpus, place)?;
        let result = (|| {
            while let Some(chunk) = chunks.next()? {
                let total = estimate(self.corpus.limit(), chunk.next.tokens, chunk.share);
                let (skipped, added) =
                    if chunk.place.document == place.document { (place.batches, place.layers) } else { (0, 0) };
                place = CorpusPlace { batches: skipped, layers: added, ..chunk.place };
                for rows in chunk.batches.iter().skip(skipped) {
                    let tokens = rows.iter().map(Vec::len).sum::<usize>() as u64;
                    let mut adding = Adding::new(rows, place.layers);
                    let added = adding
                        .add(model, &mut sums, &mut |passed| listen(Progress { done: done + passed, total, before }));
                    if let Err(error) = added {
                        // what is in the sums of some documents only cannot be gone on from
                        whole = adding.layers().is_some();
                        place.layers = adding.layers().unwrap_or_default();
                        return Err(error);
                    }
                    done += tokens;
                    (place.batches, place.layers) = (place.batches + 1, 0);
                    if let Some(file) = &self.progress {
                        file.keep_sometimes(&description, place, done, &sums)?;
                    }
                }
                place = chunk.next;
            }
            listen(Progress { done, total: done, before })
        })();
        if let Err(error) = result {
            let is_further = done > before || place.layers > 0;
            if let Some(file) = self.progress.as_ref().filter(|_| whole && is_further) {
                // the reason matters more than whether this can be kept
                let _ = file.keep(&description, place, done, &sums);
            }
            return Err(error);
        }
        let mut description = description;
        let mut means = BTreeMap::new();
        let mut checks = BTreeMap::new();
        for layer in layers {
            let mean = sums.mean(layer, done);
            let (mean, check) = mean.doing(|| format!("averaging the second moment of layer {layer}"))?;
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

/// A batch of documents on its way into the sums.
struct Adding<'a> {
    documents: &'a [Vec<i64>],
    /// By document, in how many layers its keys are in the sums: a part may run short on its way up, or be stopped.
    added: Vec<usize>,
    /// Not while keys are in a part of a layer's sums.
    whole: bool,
}

impl<'a> Adding<'a> {
    /// A batch whose keys are in the sums of so many layers.
    fn new(documents: &'a [Vec<i64>], layers: usize) -> Self {
        Self { documents, added: vec![layers; documents.len()], whole: true }
    }

    /// Adds the keys of all layers that have some, part by part where memory does not suffice for all of it; `listen` hears
    /// of how many tokens, counted by layers.
    fn add(&mut self, model: &Model, sums: &mut Sums, listen: &mut dyn FnMut(u64) -> Result<()>) -> Result<()> {
        let mut batches = Batches::of(Batched::SecondMoments, self.documents.len(), usize::MAX);
        while let Some(next) = batches.next_batch() {
            let (count, tokens) = self.part(next.first, next.most);
            let rows = next.first..next.first + count;
            let before: usize = self.documents[..next.first].iter().map(Vec::len).sum();
            let mut above = self.added[next.first];
            let made = batches.attempt(count, tokens, || {
                let mut tell = |layer| {
                    let part = tokens as u64 * layer as u64 / model.architecture.layers as u64;
                    listen(before as u64 + part)
                };
                self.add_part(model, rows.clone(), sums, &mut above, &mut tell)
            });
            self.added[rows].iter_mut().for_each(|layers| *layers = above);
            made?;
        }
        Ok(())
    }

    /// How many documents run next, and their tokens: those with keys in the sums of the same layers, within the size.
    fn part(&self, first: usize, most: usize) -> (usize, usize) {
        let (mut count, mut tokens) = (0, 0);
        for (document, layers) in self.documents[first..].iter().zip(&self.added[first..]) {
            if count > 0 && (*layers != self.added[first] || tokens + document.len() > most) {
                break;
            }
            (count, tokens) = (count + 1, tokens + document.len());
        }
        (count, tokens)
    }

    /// Adds the keys of some documents in the layers from `above` on, which moves up with each of them; what the last layer
    /// makes of its key is not computed.
    fn add_part(
        &mut self,
        model: &Model,
        rows: Range<usize>,
        sums: &mut Sums,
        above: &mut usize,
        listen: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        let rows = &self.documents[rows];
        let layout = Layout::whole(rows).together(model.device)?;
        let mut taps = Taps::default();
        let mut stream = model.embed(&layout.ids(rows, model.device)?, &layout.batch, &mut taps)?;
        for layer in 0..model.architecture.layers {
            listen(layer)?;
            let (before, key, _) = model.block_until_key(layer, &stream, &layout.batch, &[], &mut taps, false)?;
            if layer >= *above {
                if model.architecture.experts_of(layer).is_none() {
                    self.whole = false;
                    sums.add(layer, &key).doing(|| format!("adding to the second moment of layer {layer}"))?;
                    self.whole = true;
                }
                *above = layer + 1;
            }
            if layer + 1 < model.architecture.layers {
                stream = model.block_from_key(layer, &before, &key, &mut taps)?;
            }
        }
        Ok(())
    }

    /// In how many layers all of it is in the sums; none where that differs, or a layer has a part of it.
    fn layers(&self) -> Option<usize> {
        let first = self.added.first()?;
        (self.whole && self.added.iter().all(|layers| layers == first)).then_some(*first)
    }
}

/// The layers whose MLP is a single one: experts have no keys in common.
fn layers_with_keys(model: &Model) -> Result<Vec<usize>> {
    let layers = model.architecture.single_mlps();
    match model.architecture.experts_of(0) {
        Some(experts) if layers.is_empty() => Err(Error::Request(format!(
            "{}, and so is that of every other layer: experts share no keys, so this model has no second moments",
            experts.said(0)
        ))),
        _ => Ok(layers),
    }
}

/// Tokens there will be, from those that a share of the corpus had.
fn estimate(limit: Option<usize>, read: u64, share: f64) -> u64 {
    let all = if share > 0.0 { (read as f64 / share.min(1.0)) as u64 } else { u64::MAX };
    all.max(read).min(limit.map_or(u64::MAX, |limit| (limit as u64).max(read)))
}
