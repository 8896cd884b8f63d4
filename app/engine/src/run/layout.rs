//! Where the tokens of prompts of unequal length lie in one flat stream.

use crate::error::{Error, Result};
use crate::model::{Batch, Model, Rectangle, Span, is_better_together};
use locus_plugin::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use tch::{Device, Tensor};

/// Rows of prompts, those of equal length and equal first column side by side in one span.
#[derive(Clone, Debug)]
pub struct Layout {
    pub batch: Batch,
    /// By row: its span and its place in the span; `None` for a row without columns.
    places: Vec<Option<(usize, i64)>>,
    /// By span: its rows in order.
    rows: Vec<Vec<usize>>,
}

/// Checks that rows are not empty, fit into the model's context, and hold tokens of the vocabulary.
///
/// # Errors
/// [`Error::Request`] naming the row.
pub fn check_rows(model: &Model, rows: &[Vec<i64>]) -> Result<()> {
    let context = model.architecture.context;
    let known = 0..model.architecture.vocabulary;
    for (index, row) in rows.iter().enumerate() {
        if row.is_empty() || row.len() as i64 > context {
            let message = format!("row {index} has {} tokens, but the model reads 1 to {context}", row.len());
            return Err(Error::Request(message));
        }
        if let Some(token) = row.iter().find(|token| !known.contains(token)) {
            return Err(Error::Request(format!("row {index} holds token {token}, which is not in the vocabulary")));
        }
    }
    if rows.is_empty() {
        return Err(Error::Request("there is no row to run; give at least one prompt".to_owned()));
    }
    Ok(())
}

/// The error of a cell that is not there.
pub(super) fn outside(cell: Cell) -> Error {
    Error::Request(format!("there is no token at row {}, position {}", cell.row, cell.position))
}

impl Layout {
    /// All columns of all rows.
    #[must_use]
    pub fn whole(rows: &[Vec<i64>]) -> Self {
        Self::of(rows.iter().map(|row| (0, row.len() as i64, row.len() as i64)))
    }

    /// The columns before each row's cut, in the spans that [`Self::after`] has for the columns from it on.
    #[must_use]
    pub fn before(rows: &[Vec<i64>], cuts: &[i64]) -> Self {
        Self::of(rows.iter().zip(cuts).map(|(row, &cut)| (0, cut, row.len() as i64)))
    }

    /// The columns from each row's cut on.
    #[must_use]
    pub fn after(rows: &[Vec<i64>], cuts: &[i64]) -> Self {
        Self::of(rows.iter().zip(cuts).map(|(row, &cut)| (cut, row.len() as i64, row.len() as i64)))
    }

    /// From first column, end and whole length of each row.
    fn of(extents: impl Iterator<Item = (i64, i64, i64)>) -> Self {
        let mut groups: BTreeMap<(i64, i64, i64), Vec<usize>> = BTreeMap::new();
        let mut count = 0;
        for (row, extent) in extents.enumerate() {
            groups.entry(extent).or_default().push(row);
            count += 1;
        }
        let mut places = vec![None; count];
        let (mut spans, mut rows) = (Vec::new(), Vec::new());
        for ((first, end, whole), members) in groups.into_iter().filter(|((first, end, _), _)| end > first) {
            for (place, &row) in members.iter().enumerate() {
                places[row] = Some((spans.len(), place as i64));
            }
            spans.push(Span { rows: members.len() as i64, columns: end - first, first, whole });
            rows.push(members);
        }
        Self { batch: Batch::of(spans), places, rows }
    }

    /// With all rows attended together, where that is quicker than span by span.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn together(self, device: Device) -> Result<Self> {
        if is_better_together(&self.batch.spans) { self.in_one(device) } else { Ok(self) }
    }

    /// With all rows attended together.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn in_one(mut self, device: Device) -> Result<Self> {
        self.batch.together = Some(Rc::new(Rectangle::of(&self.batch.spans, device)?));
        Ok(self)
    }

    /// The span of a row.
    #[must_use]
    pub fn span_of(&self, row: usize) -> Option<usize> {
        self.places.get(row).copied().flatten().map(|(span, _)| span)
    }

    /// A row of span `span`, the first.
    #[must_use]
    pub fn first_row(&self, span: usize) -> usize {
        self.rows[span][0]
    }

    /// The tokens of the flat stream.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn ids(&self, rows: &[Vec<i64>], device: Device) -> Result<Tensor> {
        let mut ids = Vec::with_capacity(self.batch.tokens() as usize);
        for (span, members) in self.batch.spans.iter().zip(&self.rows) {
            let columns = span.first as usize..(span.first + span.columns) as usize;
            ids.extend(members.iter().flat_map(|&row| rows[row][columns.clone()].iter().copied()));
        }
        Ok(Tensor::f_from_slice(&ids)?.f_to_device(device)?)
    }

    /// Index of a cell in the flat stream.
    ///
    /// # Errors
    /// [`Error::Request`] for a row or position that is not there.
    pub fn flat(&self, cell: Cell) -> Result<i64> {
        let (span, row) = self.places.get(cell.row).copied().flatten().ok_or_else(|| outside(cell))?;
        let extent = self.batch.spans[span];
        let position = cell.position as i64;
        if !(extent.first..extent.first + extent.columns).contains(&position) {
            return Err(outside(cell));
        }
        Ok(self.batch.flat(span, row, position))
    }

    /// Indices of cells in the flat stream, `[cells]`.
    ///
    /// # Errors
    /// Those of [`Self::flat`].
    pub fn flat_all(&self, cells: &[Cell], device: Device) -> Result<Tensor> {
        Ok(Tensor::f_from_slice(&self.flats(cells)?)?.f_to_device(device)?)
    }

    /// The same as plain numbers.
    ///
    /// # Errors
    /// Those of [`Self::flat`].
    pub fn flats(&self, cells: &[Cell]) -> Result<Vec<i64>> {
        cells.iter().map(|&cell| self.flat(cell)).collect()
    }

    /// Indices in this stream of all tokens of `part`, a layout of some columns of the same rows.
    ///
    /// # Errors
    /// Those of [`Self::flat`].
    pub fn indices_of(&self, part: &Self, device: Device) -> Result<Tensor> {
        let mut cells = Vec::with_capacity(part.batch.tokens() as usize);
        for (span, members) in part.batch.spans.iter().zip(&part.rows) {
            for &row in members {
                cells.extend((span.first..span.first + span.columns).map(|at| Cell { row, position: at as usize }));
            }
        }
        self.flat_all(&cells, device)
    }
}
