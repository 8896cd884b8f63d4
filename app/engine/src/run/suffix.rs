//! Runs that are repeated many times with few things changing.
//!
//! Below the first layer that changes nothing is computed again, and neither is anything at positions before the
//! first that changes: their keys and values are kept. With changed parameters all positions change, but a change
//! of a down-projection still starts from the kept MLP keys of its layer.

use super::capture::{blocks_below, log_probabilities};
use super::layout::{Layout, check_rows};
use crate::error::{Error, Result};
use crate::model::{Action, KeysValues, Model, Site, Tap, Taps};
use locus_plugin::{Cell, SuffixOutput, SuffixRequest};
use tch::Tensor;

/// Where repetitions enter the network.
enum Entry {
    /// At the token embedding.
    Embedding,
    /// At the residual stream that enters this block; `layers` is the unembedding.
    Block(usize),
    /// At the MLP key of this layer.
    Key(usize),
}

/// Flat indices, and what is added there before the first block that runs.
type Folded<'a> = (&'a Tensor, Tensor);

/// A prepared run.
pub struct Prepared {
    request: SuffixRequest,
    layout: Layout,
    entry: Entry,
    /// The residual stream at the entry (without the MLP's output, for an entry at a key), `[tokens, hidden]`.
    stream: Option<Tensor>,
    /// MLP keys at the entry, `[tokens, inner]`.
    keys: Option<Tensor>,
    /// By layer from the first block that runs: keys and values before each span.
    prefixes: Vec<Vec<Option<KeysValues>>>,
    /// By entry of `add`: flat indices, and whether it is folded into the entry's stream.
    added: Vec<(Tensor, bool)>,
    /// Cells whose logits are read, without repeats: reads first, then distributions.
    read_cells: Tensor,
    /// By read: row of the logits and token.
    reads: (Tensor, Tensor),
    /// Rows of the logits that are whole distributions.
    distributions: Tensor,
    /// Flat index of the watched cell.
    watched: i64,
    /// The watched cell's residual stream after each layer below the entry.
    watched_below: Vec<Tensor>,
}

/// What one repetition gives.
pub struct Repetition {
    /// Log-probabilities, gradients intact.
    pub output: SuffixOutput,
    /// The watched cell's residual stream after every layer, `[layers, hidden]`, without gradient.
    pub watched: Tensor,
}

impl Prepared {
    /// Computes everything that no repetition changes.
    ///
    /// # Errors
    /// [`Error::Request`] for a row, cell, layer or parameter that is not there.
    pub fn new(model: &Model, request: SuffixRequest) -> Result<Self> {
        check_rows(model, &request.rows)?;
        let _guard = tch::no_grad_guard();
        let watched = match (request.read.first(), request.distributions.first()) {
            (Some(read), _) => read.cell,
            (None, Some(&cell)) => cell,
            (None, None) => return Err(Error::Request("the run reads nothing; give a token to read".to_owned())),
        };
        let entry = entry(model, &request)?;
        let cuts = cuts(&request, &entry);
        let (rows, device) = (&request.rows, model.device);
        let whole = Layout::whole(rows);
        let layout = Layout::after(rows, &cuts);
        let mut states = States::new(model, &request, &whole, watched)?;
        states.run_to(&entry);
        let part = whole.indices_of(&layout, device)?;
        let select = |tensor: &Tensor| tensor.index_select(0, &part);
        let (stream, keys) = match entry {
            Entry::Embedding => (None, None),
            Entry::Block(_) => (Some(select(&states.stream)), None),
            Entry::Key(_) => (Some(select(&states.stream)), states.keys.as_ref().map(select)),
        };
        let prefixes = states.prefixes(&entry, &cuts, &layout)?;
        let watched_below = std::mem::take(&mut states.watched_streams);
        let added = request
            .add
            .iter()
            .map(|cells| Ok((layout.flat_all(&cells.cells, device)?, folds(cells.site, &entry))))
            .collect::<Result<_>>()?;
        let mut cells: Vec<Cell> = Vec::new();
        let mut place = |cell: Cell| match cells.iter().position(|known| *known == cell) {
            Some(index) => index as i64,
            None => {
                cells.push(cell);
                cells.len() as i64 - 1
            }
        };
        let read_rows: Vec<i64> = request.read.iter().map(|read| place(read.cell)).collect();
        let tokens: Vec<i64> = request.read.iter().map(|read| read.token).collect();
        let whole_rows: Vec<i64> = request.distributions.iter().map(|&cell| place(cell)).collect();
        if let Some(token) = tokens.iter().find(|token| !(0..model.vocabulary()).contains(*token)) {
            return Err(Error::Request(format!("token {token} is not in the vocabulary")));
        }
        let tensor = |values: &[i64]| Tensor::from_slice(values).to_device(device);
        Ok(Self {
            read_cells: layout.flat_all(&cells, device)?,
            reads: (tensor(&read_rows), tensor(&tokens)),
            distributions: tensor(&whole_rows),
            watched: layout.flat(watched)?,
            request,
            layout,
            entry,
            stream,
            keys,
            prefixes,
            added,
            watched_below,
        })
    }

    /// Names of the parameters that each repetition gives anew.
    #[must_use]
    pub fn parameters(&self) -> &[String] {
        &self.request.parameters
    }

    fn first_block(&self) -> usize {
        match self.entry {
            Entry::Embedding => 0,
            Entry::Block(layer) => layer,
            Entry::Key(layer) => layer + 1,
        }
    }

    /// Runs once more with vectors added and parameters in other values (see [`SuffixRequest`]); gradients flow
    /// into both.
    ///
    /// # Errors
    /// [`Error::Request`] for wrong shapes.
    pub fn repeat(&self, model: &Model, added: &[Tensor], parameters: &[Tensor]) -> Result<Repetition> {
        let (folded, taps) = self.place_added(model, added)?;
        let mut taps = Taps::new(taps);
        let variant;
        let model = if self.request.parameters.is_empty() {
            model
        } else {
            variant = model.with_parameters(&self.name_parameters(parameters)?)?;
            &variant
        };
        let fold = |mut stream: Tensor| {
            for (cells, value) in &folded {
                stream = stream.index_add(0, cells, value);
            }
            stream
        };
        let batch = &self.layout.batch;
        let missing = || Error::Request("the run was not prepared".to_owned());
        let mut watched: Vec<Tensor> = self.watched_below.iter().map(Tensor::shallow_clone).collect();
        let mut watch = |stream: &Tensor| watched.push(stream.detach().get(self.watched));
        let mut stream = match self.entry {
            Entry::Embedding => model.embed(&self.layout.ids(&self.request.rows, model.device), batch, &mut taps),
            Entry::Block(_) => fold(self.stream.as_ref().ok_or_else(missing)?.shallow_clone()),
            Entry::Key(layer) => {
                let (stream, keys) = (self.stream.as_ref(), self.keys.as_ref());
                let (stream, keys) = stream.zip(keys).ok_or_else(missing)?;
                model.block_from_key(layer, stream, keys, &mut taps)
            }
        };
        if self.first_block() > 0 {
            watch(&stream);
        }
        for (layer, prefixes) in (self.first_block()..model.architecture.layers).zip(&self.prefixes) {
            let prefixes: Vec<Option<&KeysValues>> = prefixes.iter().map(Option::as_ref).collect();
            stream = model.block(layer, &stream, batch, &prefixes, &mut taps, false).0;
            watch(&stream);
        }
        let log_probabilities = log_probabilities(model, &stream.index_select(0, &self.read_cells));
        let (rows, tokens) = &self.reads;
        let read = log_probabilities.index_select(0, rows).gather(1, &tokens.unsqueeze(1), false).squeeze_dim(1);
        let distributions = log_probabilities.index_select(0, &self.distributions);
        Ok(Repetition {
            output: SuffixOutput { log_probabilities: read, distributions },
            watched: Tensor::stack(&watched, 0),
        })
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
                Site::MlpKey(_) => model.inner(),
                _ => model.architecture.hidden,
            };
            if value.size() != [count, width] && value.size() != [1, width] {
                let message = format!(
                    "the tensor to add has shape {:?}; it must be [{count}, {width}] or [1, {width}]",
                    value.size()
                );
                return Err(Error::Request(message));
            }
            let value = value.to_kind(model.kind).expand([count, width], false);
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

/// A run from the bottom that stops where repetitions enter.
struct States<'a> {
    model: &'a Model,
    request: &'a SuffixRequest,
    layout: &'a Layout,
    watched: i64,
    stream: Tensor,
    keys: Option<Tensor>,
    watched_streams: Vec<Tensor>,
}

impl<'a> States<'a> {
    fn new(model: &'a Model, request: &'a SuffixRequest, layout: &'a Layout, watched: Cell) -> Result<Self> {
        let ids = layout.ids(&request.rows, model.device);
        let stream = model.embed(&ids, &layout.batch, &mut Taps::default());
        let watched = layout.flat(watched)?;
        Ok(Self { model, request, layout, watched, stream, keys: None, watched_streams: Vec::new() })
    }

    /// Leaves the watched cell's streams after all layers but the last before the entry.
    fn run_to(&mut self, entry: &Entry) {
        let (blocks, key) = match *entry {
            Entry::Embedding => (0, None),
            Entry::Block(layer) => (layer, None),
            Entry::Key(layer) => (layer, Some(layer)),
        };
        let mut taps = Taps::default();
        for layer in 0..blocks {
            self.stream = self.model.block(layer, &self.stream, &self.layout.batch, &[], &mut taps, false).0;
            if key.is_some() || layer + 1 < blocks {
                self.watched_streams.push(self.stream.get(self.watched));
            }
        }
        if let Some(layer) = key {
            let (stream, keys, _) =
                self.model.block_until_key(layer, &self.stream, &self.layout.batch, &[], &mut taps, false);
            (self.stream, self.keys) = (stream, Some(keys));
        }
    }

    /// Keys and values before each row's cut for all blocks that repetitions run.
    fn prefixes(&self, entry: &Entry, cuts: &[i64], after: &Layout) -> Result<Vec<Vec<Option<KeysValues>>>> {
        let layers = self.model.architecture.layers;
        let first = match *entry {
            Entry::Block(layer) if cuts.iter().any(|&cut| cut > 0) => layer,
            Entry::Embedding => return Ok((0..layers).map(|_| none(after)).collect()),
            Entry::Block(layer) => return Ok((layer..layers).map(|_| none(after)).collect()),
            Entry::Key(layer) => return Ok((layer + 1..layers).map(|_| none(after)).collect()),
        };
        let before = Layout::before(&self.request.rows, cuts);
        let part = self.layout.indices_of(&before, self.model.device)?;
        let mut stream = self.stream.index_select(0, &part);
        let mut prefixes = Vec::with_capacity(layers - first);
        for layer in first..layers {
            let (next, kept) = self.model.block(layer, &stream, &before.batch, &[], &mut Taps::default(), true);
            let mut kept: Vec<Option<KeysValues>> = kept.into_iter().map(Some).collect();
            let of_span = |span| before.span_of(after.first_row(span)).and_then(|index| kept[index].take());
            prefixes.push((0..after.batch.spans.len()).map(of_span).collect());
            stream = next;
        }
        Ok(prefixes)
    }
}

fn none(layout: &Layout) -> Vec<Option<KeysValues>> {
    layout.batch.spans.iter().map(|_| None).collect()
}

/// The highest place from which a repetition can run.
fn entry(model: &Model, request: &SuffixRequest) -> Result<Entry> {
    let layers = model.architecture.layers;
    // a change of the stream after block l enters before block l + 1, in eighths: 8 l + 6 is a key, 8 l + 8 a block
    let mut lowest = 8 * layers;
    for cells in &request.add {
        blocks_below(model, cells.site)?;
        lowest = lowest.min(match cells.site {
            Site::Embedding => 0,
            Site::Residual(layer) | Site::MlpOut(layer) => 8 * layer + 8,
            Site::AttentionOut(layer) | Site::MlpKey(layer) => (8 * layer).max(1),
        });
    }
    for name in &request.parameters {
        if model.parameter(name).is_none() {
            return Err(Error::Request(format!("the model has no parameter `{name}`")));
        }
        let owner = model.architecture.blocks.iter().position(|block| is_of(name, &block.down));
        lowest = lowest.min(owner.map_or(0, |layer| 8 * layer + 6));
    }
    Ok(match lowest {
        0 => Entry::Embedding,
        place if place % 8 == 6 => Entry::Key(place / 8),
        place => Entry::Block(place / 8),
    })
}

fn is_of(parameter: &str, module: &str) -> bool {
    parameter.strip_prefix(module).is_some_and(|rest| rest == ".weight" || rest == ".bias")
}

/// Whether what is added at `site` can be added to the stream at the entry: an MLP writes to the stream by addition.
fn folds(site: Site, entry: &Entry) -> bool {
    matches!((site, entry), (Site::Residual(layer) | Site::MlpOut(layer), Entry::Block(block)) if layer + 1 == *block)
}

/// By row: the first position that a repetition must run.
fn cuts(request: &SuffixRequest, entry: &Entry) -> Vec<i64> {
    let needed = |row: usize| {
        if !request.parameters.is_empty() || !matches!(entry, Entry::Block(_)) {
            return 0;
        }
        let added = request.add.iter().flat_map(|cells| &cells.cells);
        let read = request.read.iter().map(|read| &read.cell).chain(&request.distributions);
        let positions = added.chain(read).filter(|cell| cell.row == row).map(|cell| cell.position as i64);
        positions.min().unwrap_or(request.rows[row].len() as i64 - 1)
    };
    (0..request.rows.len()).map(needed).collect()
}
