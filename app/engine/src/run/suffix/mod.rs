//! Runs that are repeated many times with few things changing.
//!
//! Below the first layer that changes nothing is computed again, and neither is anything at positions before the
//! first that changes: their keys and values are kept. With changed parameters all positions change, but a change
//! of a down-projection still starts from the kept MLP keys of its layer.

mod entry;
mod prefixes;
mod reads;
mod states;

use super::capture::blocks_below;
use super::layout::{Layout, check_rows, outside};
use crate::error::{Error, Result};
use crate::model::{Action, Batch, KeysValues, Model, Reading, Site, Tap, Taps};
use entry::{Entry, cuts, entry, folds};
use locus_plugin::{Cell, SuffixOutput, SuffixRequest};
use prefixes::Prefixes;
use reads::Reads;
use states::States;
use std::rc::Rc;
use tch::Tensor;

/// Flat indices, and what is added there before the first block that runs.
type Folded<'a> = (&'a Tensor, Tensor);

/// A run that is prepared once and repeated with changes.
pub struct Prepared {
    request: SuffixRequest,
    layout: Layout,
    entry: Entry,
    /// The residual stream at the entry (without the MLP's output, for an entry at a key), `[tokens, hidden]`.
    stream: Option<Tensor>,
    /// MLP keys at the entry, `[tokens, inner]`.
    keys: Option<Tensor>,
    /// Keys and values before what is run.
    prefixes: Prefixes,
    /// By entry of `add`: flat indices, and whether it is folded into the entry's stream.
    added: Vec<(Tensor, bool)>,
    /// Flat indices and tokens of the cells whose embeddings have noise.
    noised: Option<(Tensor, Tensor)>,
    /// By entry of `capture`: what no repetition changes, or else flat indices.
    captured: Vec<Capture>,
    reads: Reads,
    /// Flat index of the watched cell, and its place in what the last block gives.
    watched: (i64, i64),
    /// The batch of the last block, which runs for the tokens alone that are read behind it.
    last: Batch,
    /// The watched cell's residual stream after the layers below the entry, `[layers, hidden]`, where there are any.
    watched_below: Option<Tensor>,
}

/// One entry of `capture`.
enum Capture {
    /// It is the same in all repetitions.
    Fixed(Tensor),
    /// Flat indices.
    Cells(Tensor),
}

/// What one repetition gives.
pub struct Repetition {
    /// Log-probabilities, gradients intact.
    pub output: SuffixOutput,
    /// The watched cell's residual stream after the layers that repetitions change, the highest of all: `[layers, hidden]`,
    /// without gradient, for who wants to read it through [`super::lens`].
    pub watched: Tensor,
}

impl Prepared {
    /// Computes everything that no repetition changes.
    ///
    /// # Errors
    /// [`Error::Request`] for a row, cell, layer or parameter that is not there.
    pub fn new(model: &Model, request: SuffixRequest) -> Result<Self> {
        Self::noised(model, request, &[])
    }

    /// Like [`Self::new`]; each repetition gives noise for the embeddings of `noised`.
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn noised(model: &Model, request: SuffixRequest, noised: &[Cell]) -> Result<Self> {
        check_rows(model, &request.rows)?;
        let _guard = tch::no_grad_guard();
        let watched = match (request.read.first(), request.distributions.first()) {
            (Some(read), _) => read.cell,
            (None, Some(&cell)) => cell,
            (None, None) => return Err(Error::Request("the run reads nothing; give a token to read".to_owned())),
        };
        let entry = entry(model, &request, noised)?;
        let cuts = cuts(&request, entry, noised);
        let (rows, device) = (&request.rows, model.device);
        let whole = Layout::whole(rows).together(device)?;
        let layout = Layout::after(rows, &cuts).together(device)?;
        let mut states = States::new(model, &request, &whole, watched, entry)?;
        states.run_to(entry)?;
        let part = whole.indices_of(&layout, device)?;
        let layers = model.architecture.layers;
        // where repetitions enter behind the last block, they give all tokens that enter
        let narrows = !matches!(entry, Entry::Block(block) if block == layers);
        let in_last = |site: Site| Ok::<_, Error>(narrows && blocks_below(model, site)? == layers);
        let mut read: Vec<Cell> = request.read.iter().map(|read| read.cell).collect();
        read.extend(request.distributions.iter().copied().chain([watched]));
        for cells in request.add.iter().chain(&request.capture) {
            if in_last(cells.site)? {
                read.extend(&cells.cells);
            }
        }
        let reading = Rc::new(Reading::of(&layout.batch, &layout.flats(&read)?, device)?);
        let behind = |cell: Cell| -> Result<i64> {
            let flat = layout.flat(cell)?;
            if narrows { reading.place(flat).ok_or_else(|| outside(cell)) } else { Ok(flat) }
        };
        let indices = |site: Site, cells: &[Cell]| -> Result<Tensor> {
            if in_last(site)? {
                let places = cells.iter().map(|&cell| behind(cell)).collect::<Result<Vec<i64>>>()?;
                return Ok(Tensor::f_from_slice(&places)?.f_to_device(device)?);
            }
            layout.flat_all(cells, device)
        };
        let part = match entry {
            Entry::Key(layer) if layer + 1 == layers => part.f_index_select(0, reading.cells())?,
            _ => part,
        };
        let select = |tensor: &Tensor| tensor.f_index_select(0, &part);
        let (stream, keys) = match entry {
            Entry::Embedding => (None, None),
            Entry::Block(_) => (Some(select(&states.stream)?), None),
            Entry::Key(_) => (Some(select(&states.stream)?), states.keys.as_ref().map(select).transpose()?),
        };
        let prefixes = Prefixes::new(model, &request, (entry, &cuts), (&whole, &states.stream), &layout)?;
        let watched_below = std::mem::take(&mut states.watched_streams);
        let watched_below = (!watched_below.is_empty()).then(|| Tensor::f_stack(&watched_below, 0)).transpose()?;
        let added = request
            .add
            .iter()
            .map(|cells| Ok((indices(cells.site, &cells.cells)?, folds(cells.site, &entry))))
            .collect::<Result<_>>()?;
        let mut fixed = states.fixed()?.into_iter();
        let captured = request
            .capture
            .iter()
            .map(|cells| {
                Ok(match fixed.next().flatten() {
                    Some(value) => Capture::Fixed(value),
                    None => Capture::Cells(indices(cells.site, &cells.cells)?),
                })
            })
            .collect::<Result<_>>()?;
        let noised = if noised.is_empty() {
            None
        } else {
            let tokens: Vec<i64> = noised.iter().map(|cell| rows[cell.row][cell.position]).collect();
            Some((layout.flat_all(noised, device)?, Tensor::f_from_slice(&tokens)?.f_to_device(device)?))
        };
        Ok(Self {
            reads: Reads::new(model, &request, behind)?,
            watched: (layout.flat(watched)?, behind(watched)?),
            last: layout.batch.read(&reading),
            request,
            layout,
            entry,
            stream,
            keys,
            prefixes,
            added,
            noised,
            captured,
            watched_below,
        })
    }

    /// What is captured, one tensor for each entry of `capture`, where no repetition changes any of it.
    #[must_use]
    pub fn fixed(&self) -> Option<Vec<Tensor>> {
        let fixed = |place: &Capture| match place {
            Capture::Fixed(value) => Some(value.shallow_clone()),
            Capture::Cells(_) => None,
        };
        self.captured.iter().map(fixed).collect()
    }

    /// Names of the parameters that each repetition gives anew.
    #[must_use]
    pub fn parameters(&self) -> &[String] {
        &self.request.parameters
    }

    /// Runs once more with vectors added and parameters in other values (see [`SuffixRequest`]); gradients flow
    /// into both.
    ///
    /// # Errors
    /// [`Error::Request`] for wrong shapes.
    pub fn repeat(&self, model: &Model, added: &[Tensor], parameters: &[Tensor]) -> Result<Repetition> {
        self.repeat_noised(model, added, parameters, None)
    }

    /// Like [`Self::repeat`] with noise `[noised, hidden]` in float64 for the cells that [`Self::noised`] was given.
    ///
    /// # Errors
    /// Those of [`Self::repeat`].
    pub fn repeat_noised(
        &self,
        model: &Model,
        added: &[Tensor],
        parameters: &[Tensor],
        noise: Option<&Tensor>,
    ) -> Result<Repetition> {
        let variant;
        let model = if self.request.parameters.is_empty() {
            model
        } else {
            variant = model.with_parameters(&self.name_parameters(parameters)?)?;
            &variant
        };
        let (folded, additions) = self.place_added(model, added)?;
        let mut taps: Vec<Tap> = self.noise_tap(model, noise)?.into_iter().collect();
        let first_capture = taps.len();
        taps.extend(self.request.capture.iter().zip(&self.captured).filter_map(|(cells, place)| match place {
            Capture::Fixed(_) => None,
            Capture::Cells(indices) => Some(Tap { cells: Some(indices.shallow_clone()), ..Tap::capture(cells.site) }),
        }));
        taps.extend(additions);
        let mut taps = Taps::new(taps);
        let fold = |mut stream: Tensor| -> Result<Tensor> {
            for (cells, value) in &folded {
                stream = stream.f_index_add(0, cells, value)?;
            }
            Ok(stream)
        };
        let batch = &self.layout.batch;
        let missing = || Error::Request("the run was not prepared".to_owned());
        let mut watched: Vec<Tensor> = Vec::new();
        let last = model.architecture.layers - 1;
        let mut watch = |stream: &Tensor, layer: usize| -> Result<()> {
            let (within, behind) = self.watched;
            watched.push(stream.f_detach()?.f_get(if layer == last { behind } else { within })?);
            Ok(())
        };
        let mut stream = match self.entry {
            Entry::Embedding => model.embed(&self.layout.ids(&self.request.rows, model.device)?, batch, &mut taps)?,
            Entry::Block(_) => fold(self.stream.as_ref().ok_or_else(missing)?.shallow_clone())?,
            Entry::Key(layer) => {
                let (stream, keys) = (self.stream.as_ref(), self.keys.as_ref());
                let (stream, keys) = stream.zip(keys).ok_or_else(missing)?;
                model.block_from_key(layer, stream, keys, &mut taps)?
            }
        };
        if let Some(below) = self.entry.first_block().checked_sub(1) {
            watch(&stream, below)?;
        }
        let prefixes = self.prefixes.of(model, &self.layout)?;
        for (layer, prefixes) in (self.entry.first_block()..=last).zip(prefixes.iter()) {
            let prefixes: Vec<Option<&KeysValues>> = prefixes.iter().map(Option::as_ref).collect();
            let batch = if layer == last { &self.last } else { batch };
            stream = model.block(layer, &stream, batch, &prefixes, &mut taps, false)?.0;
            watch(&stream, layer)?;
        }
        let (log_probabilities, distributions) = self.reads.of(model, &stream)?;
        let captured = self.captured(&taps, first_capture)?;
        let watched = Tensor::f_stack(&watched, 0)?;
        Ok(Repetition { output: SuffixOutput { log_probabilities, distributions, captured }, watched })
    }

    /// The watched cell's residual stream after the layers that no repetition changes, the lowest of all: `[layers,
    /// hidden]`; `None` where there are none.
    #[must_use]
    pub fn watched_below(&self) -> Option<Tensor> {
        self.watched_below.as_ref().map(Tensor::shallow_clone)
    }

    /// The noise on the embeddings.
    fn noise_tap(&self, model: &Model, noise: Option<&Tensor>) -> Result<Option<Tap>> {
        let Some((cells, tokens)) = &self.noised else { return Ok(None) };
        let wanted = [tokens.size()[0], model.architecture.embedded()];
        let noise = noise.filter(|noise| noise.size() == wanted);
        let noise = noise.ok_or_else(|| Error::Request(format!("this run needs noise of shape {wanted:?}")))?;
        let action = Action::Replace(model.noised_embeddings(tokens, noise)?);
        Ok(Some(Tap { site: Site::Embedding, cells: Some(cells.shallow_clone()), action }))
    }

    /// What was captured, the fixed and that of this repetition, whose taps start at `first`.
    fn captured(&self, taps: &Taps, first: usize) -> Result<Vec<Tensor>> {
        let mut next = first;
        let one = |place: &Capture| match place {
            Capture::Fixed(value) => Ok(value.shallow_clone()),
            Capture::Cells(_) => {
                next += 1;
                let value = taps.captured(next - 1).map(Tensor::shallow_clone);
                value.ok_or_else(|| Error::Request("a site to capture was not reached".to_owned()))
            }
        };
        self.captured.iter().map(one).collect()
    }

    /// What is added at the entry, and taps for what is added further up.
    fn place_added(&self, model: &Model, added: &[Tensor]) -> Result<(Vec<Folded<'_>>, Vec<Tap>)> {
        if added.len() != self.added.len() {
            let message = format!("{} tensors to add, but the run was prepared for {}", added.len(), self.added.len());
            return Err(Error::Request(message));
        }
        let (mut folded, mut taps) = (Vec::new(), Vec::new());
        for ((value, (cells, folds)), asked) in added.iter().zip(&self.added).zip(&self.request.add) {
            let count = cells.size()[0];
            let width = match asked.site {
                Site::MlpKey(_) => model.architecture.inner,
                Site::Embedding => model.architecture.embedded(),
                _ => model.architecture.hidden,
            };
            if value.size() != [count, width] && value.size() != [1, width] {
                let message = format!(
                    "the tensor to add has shape {:?}; it must be [{count}, {width}] or [1, {width}]",
                    value.size()
                );
                return Err(Error::Request(message));
            }
            let value = value.f_to_kind(model.kind)?.f_expand([count, width], false)?;
            if *folds {
                folded.push((cells, value));
            } else {
                taps.push(Tap { site: asked.site, cells: Some(cells.shallow_clone()), action: Action::Add(value) });
            }
        }
        Ok((folded, taps))
    }

    fn name_parameters(&self, parameters: &[Tensor]) -> Result<Vec<(String, Tensor)>> {
        let names = &self.request.parameters;
        if parameters.len() != names.len() {
            let message =
                format!("{} parameters given, but the run was prepared for {}", parameters.len(), names.len());
            return Err(Error::Request(message));
        }
        Ok(names.iter().cloned().zip(parameters.iter().map(Tensor::shallow_clone)).collect())
    }
}
