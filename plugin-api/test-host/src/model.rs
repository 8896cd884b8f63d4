//! The tiny model: a decoder whose attention looks at all tokens before alike: their sum, by the root of
//! their number.

use crate::random::Random;
use crate::tokenizer::{END_OF_TEXT, VOCABULARY, tokens};
use locus_plugin::tch::{Device, Kind, Tensor};
use locus_plugin::{Cell, Cells, DownProjection, Error, ModelInfo, Result, Site};
use std::collections::BTreeMap;

pub(crate) const LAYERS: usize = 4;
const HIDDEN: i64 = 32;
const INNER: i64 = 128;
/// How much an entry of a key must be called for to be anything: keys of different tokens have little in common.
const THRESHOLD: f64 = 1.5;
/// The token that ends a text.
pub(crate) const END: i64 = 256;
/// Most tokens of a row.
pub(crate) const CONTEXT: usize = 512;
/// What it has read: which token comes after which it knows from here.
const READ: &str = " is Paris is Paris";
const EMBEDDING: &str = "embedding.weight";

/// Its parameters by name.
pub(crate) struct Model(BTreeMap<String, Tensor>);

/// What is done on the way through the layers.
#[derive(Default)]
pub(crate) struct Taps<'a> {
    /// What is added, one tensor for all cells of a site or one row for each.
    pub(crate) add: Vec<(&'a Cells, &'a Tensor)>,
    /// What is captured, before anything is added there.
    pub(crate) capture: &'a [Cells],
}

/// What a run gives.
pub(crate) struct Run {
    /// By row: log-probabilities of the next token, `[tokens, vocabulary]`.
    pub(crate) log_probabilities: Vec<Tensor>,
    /// By site that was captured: `[cells, width]`.
    pub(crate) captured: Vec<Tensor>,
}

impl Model {
    pub(crate) fn new() -> Result<Self> {
        let mut random = Random::new(1);
        let mut parameters = BTreeMap::new();
        let mut make = |name: String, sizes: &[i64], deviation: f64| -> Result<()> {
            parameters.insert(name, random.normal(sizes, deviation)?);
            Ok(())
        };
        make(EMBEDDING.to_owned(), &[VOCABULARY, HIDDEN], 1.0)?;
        make("unembedding.weight".to_owned(), &[VOCABULARY, HIDDEN], 0.3)?;
        for layer in 0..LAYERS {
            make(name(layer, "attention.weight"), &[HIDDEN, HIDDEN], 0.15)?;
            make(name(layer, "up.weight"), &[INNER, HIDDEN], 0.25)?;
            make(name(layer, "down.weight"), &[HIDDEN, INNER], 0.5)?;
            make(name(layer, "down.bias"), &[HIDDEN], 0.1)?;
        }
        parameters.insert("bigrams.weight".to_owned(), bigrams()?);
        Ok(Self(parameters))
    }

    pub(crate) fn info(&self) -> Result<ModelInfo> {
        let down = |layer| DownProjection {
            weight: name(layer, "down.weight"),
            bias: Some(name(layer, "down.bias")),
            stored_input_first: false,
            experts: 0,
        };
        Ok(ModelInfo {
            name: "tiny".to_owned(),
            family: "tiny".to_owned(),
            layers: LAYERS,
            hidden: HIDDEN,
            inner: INNER,
            vocabulary: VOCABULARY,
            context: CONTEXT as i64,
            device: "cpu".to_owned(),
            number_format: "float32".to_owned(),
            end_of_text: END_OF_TEXT.to_owned(),
            token_embedding: EMBEDDING.to_owned(),
            embedding_deviation: self.parameter(EMBEDDING)?.f_std(true)?.f_double_value(&[])?,
            down_projections: (0..LAYERS).map(down).collect(),
        })
    }

    pub(crate) fn parameter(&self, name: &str) -> Result<&Tensor> {
        self.0.get(name).ok_or_else(|| Error::Request(format!("the model has no parameter `{name}`")))
    }

    /// The model with other values of some parameters.
    pub(crate) fn with(&self, changed: impl IntoIterator<Item = (String, Tensor)>) -> Result<Self> {
        let mut parameters: BTreeMap<String, Tensor> =
            self.0.iter().map(|(name, value)| (name.clone(), value.shallow_clone())).collect();
        for (name, value) in changed {
            let wanted = self.parameter(&name)?.size();
            if value.size() != wanted {
                return Err(Error::Request(format!("`{name}` has shape {wanted:?}, not {:?}", value.size())));
            }
            parameters.insert(name, value);
        }
        Ok(Self(parameters))
    }

    pub(crate) fn run(&self, rows: &[Vec<i64>], taps: &Taps<'_>) -> Result<Run> {
        check_rows(rows)?;
        let added = taps.add.iter().map(|(cells, _)| *cells);
        added.chain(taps.capture).try_for_each(|cells| check_cells(cells, rows))?;
        let mut passing = Passing { taps, captured: taps.capture.iter().map(|_| BTreeMap::new()).collect() };
        let log_probabilities =
            rows.iter().enumerate().map(|(row, ids)| self.row(row, ids, &mut passing)).collect::<Result<_>>()?;
        let captured = taps.capture.iter().zip(&passing.captured).map(|(cells, found)| {
            let values: Vec<Tensor> =
                cells.cells.iter().map(|cell| found[&(cell.row, cell.position)].shallow_clone()).collect();
            if values.is_empty() {
                return Ok(Tensor::f_zeros([0, width(cells.site)], (Kind::Float, Device::Cpu))?);
            }
            Ok(Tensor::f_stack(&values, 0)?)
        });
        Ok(Run { log_probabilities, captured: captured.collect::<Result<_>>()? })
    }

    fn row(&self, row: usize, ids: &[i64], passing: &mut Passing<'_>) -> Result<Tensor> {
        let tokens = ids.len() as i64;
        let ids = Tensor::f_from_slice(ids)?;
        let mut stream = passing.at(Site::Embedding, row, self.parameter(EMBEDDING)?.f_index_select(0, &ids)?)?;
        let before = Tensor::f_ones([tokens, tokens], (Kind::Float, Device::Cpu))?.f_tril(0)?;
        let before = before.f_div(&before.f_sum_dim_intlist(1i64, true, None)?.f_sqrt()?)?;
        for layer in 0..LAYERS {
            let parameter = |part: &str| self.parameter(&name(layer, part));
            let seen = before.f_matmul(&stream)?.f_matmul(&parameter("attention.weight")?.f_tr()?)?;
            stream = stream.f_add(&passing.at(Site::AttentionOut(layer), row, seen)?)?;
            let key = normed(&stream)?.f_matmul(&parameter("up.weight")?.f_tr()?)?.f_sub_scalar(THRESHOLD)?.f_relu()?;
            let key = passing.at(Site::MlpKey(layer), row, key)?;
            let said = key.f_matmul(&parameter("down.weight")?.f_tr()?)?.f_add(parameter("down.bias")?)?;
            stream = stream.f_add(&passing.at(Site::MlpOut(layer), row, said)?)?;
            stream = passing.at(Site::Residual(layer), row, stream)?;
        }
        let logits = normed(&stream)?.f_matmul(&self.parameter("unembedding.weight")?.f_tr()?)?;
        let logits = logits.f_add(&self.parameter("bigrams.weight")?.f_index_select(0, &ids)?)?;
        Ok(logits.f_log_softmax(-1, Kind::Float)?)
    }
}

/// By token, how much more it calls for each token after it.
fn bigrams() -> Result<Tensor> {
    let mut calls = vec![0_f32; (VOCABULARY * VOCABULARY) as usize];
    for pair in tokens(READ).windows(2) {
        calls[(pair[0] * VOCABULARY + pair[1]) as usize] = 8.0;
    }
    Ok(Tensor::f_from_slice(&calls)?.f_reshape([VOCABULARY, VOCABULARY])?)
}

/// Rows of a mean square of 1.
fn normed(stream: &Tensor) -> Result<Tensor> {
    let square = stream.f_square()?.f_mean_dim(-1i64, true, None)?;
    Ok(stream.f_div(&square.f_add_scalar(1e-6)?.f_sqrt()?)?)
}

/// The taps while rows pass them.
struct Passing<'a> {
    taps: &'a Taps<'a>,
    /// By entry of `capture`: what was found, by row and position.
    captured: Vec<BTreeMap<(usize, usize), Tensor>>,
}

impl Passing<'_> {
    /// The values of a row at a site, with what is added there.
    fn at(&mut self, site: Site, row: usize, mut values: Tensor) -> Result<Tensor> {
        let here = |cells: &Cells| cells.site == site;
        for (cells, found) in self.taps.capture.iter().zip(&mut self.captured).filter(|(cells, _)| here(cells)) {
            for cell in cells.cells.iter().filter(|cell| cell.row == row) {
                found.insert((row, cell.position), values.f_get(cell.position as i64)?);
            }
        }
        for (cells, added) in self.taps.add.iter().filter(|(cells, _)| here(cells)) {
            let sizes = [cells.cells.len() as i64, width(site)];
            let wrong = |_| Error::Request(format!("{:?} cannot be added to {sizes:?} of {site:?}", added.size()));
            let added = added.f_expand(sizes, false).map_err(wrong)?;
            for (index, cell) in cells.cells.iter().enumerate().filter(|(_, cell)| cell.row == row) {
                let place = Tensor::f_from_slice(&[cell.position as i64])?;
                values = values.f_index_add(0, &place, &added.f_get(index as i64)?.f_unsqueeze(0)?)?;
            }
        }
        Ok(values)
    }
}

fn width(site: Site) -> i64 {
    if matches!(site, Site::MlpKey(_)) { INNER } else { HIDDEN }
}

/// A layer of the model.
pub(crate) fn check_layer(layer: usize) -> Result<()> {
    if layer < LAYERS {
        return Ok(());
    }
    Err(Error::Request(format!("there is no layer {layer}; the model has layers 0 to {}", LAYERS - 1)))
}

/// A cell of one of the rows.
pub(crate) fn check_cell(cell: &Cell, rows: &[Vec<i64>]) -> Result<()> {
    if rows.get(cell.row).is_some_and(|row| cell.position < row.len()) {
        return Ok(());
    }
    Err(Error::Request(format!("there is no position {} in row {}", cell.position, cell.row)))
}

fn check_cells(cells: &Cells, rows: &[Vec<i64>]) -> Result<()> {
    match cells.site {
        Site::Embedding => {}
        Site::Residual(layer) | Site::AttentionOut(layer) | Site::MlpOut(layer) | Site::MlpKey(layer) => {
            check_layer(layer)?;
        }
    }
    cells.cells.iter().try_for_each(|cell| check_cell(cell, rows))
}

fn check_rows(rows: &[Vec<i64>]) -> Result<()> {
    for (number, row) in rows.iter().enumerate() {
        if row.is_empty() || row.len() > CONTEXT {
            return Err(Error::Request(format!("row {number} has {} tokens; 1 to {CONTEXT} can be run", row.len())));
        }
        if let Some(id) = row.iter().find(|id| !(0..VOCABULARY).contains(*id)) {
            return Err(Error::Request(format!("the token {id} is not in the vocabulary of {VOCABULARY}")));
        }
    }
    Ok(())
}

fn name(layer: usize, part: &str) -> String {
    format!("layers.{layer}.{part}")
}
