//! Some of the rows of a run, with what is read of them and the noise on them.

use super::layout::outside;
use crate::at_once::{Batched, Batches};
use crate::error::Result;
use locus_plugin::Cell;
use std::ops::Range;
use tch::Tensor;

/// Noise `[cells, hidden]` in float64 on the embeddings of some cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noised<'a> {
    pub cells: &'a [Cell],
    /// What is added to each.
    pub noise: &'a Tensor,
}

impl Noised<'_> {
    /// What of it is on some rows, which are counted anew.
    pub fn of_rows(&self, rows: &Range<usize>) -> Result<(Vec<Cell>, Tensor)> {
        let (cells, places) = within(self.cells, rows);
        Ok((cells, self.noise.f_index_select(0, &Tensor::f_from_slice(&places)?.f_to_device(self.noise.device())?)?))
    }
}

/// The cells that lie in some rows, which are counted anew, and their places among all.
fn within(cells: &[Cell], rows: &Range<usize>) -> (Vec<Cell>, Vec<i64>) {
    let here = cells.iter().zip(0..).filter(|(cell, _)| rows.contains(&cell.row));
    here.map(|(cell, place)| (Cell { row: cell.row - rows.start, ..*cell }, place)).unzip()
}

/// Some rows, cells of them for each list of cells, and the noise on them; gives a tensor `[cells, ..]` for each list.
type ReadPart<'a> = &'a dyn Fn(&[Vec<i64>], &[&[Cell]], Option<(&[Cell], &Tensor)>) -> Result<Vec<Tensor>>;

/// Reads `lists` of cells of `rows`: all rows in one run, or part by part where memory does not suffice.
///
/// # Errors
/// Those of `read`.
pub(super) fn in_parts(
    rows: &[Vec<i64>],
    lists: &[&[Cell]],
    noised: Option<Noised<'_>>,
    read: ReadPart<'_>,
) -> Result<Vec<Tensor>> {
    lists.iter().try_for_each(|cells| check_cells(rows, cells))?;
    noised.iter().try_for_each(|noised| check_cells(rows, noised.cells))?;
    // by list: what was read of it part by part, and the places of that among its cells
    let mut found: Vec<(Vec<Tensor>, Vec<i64>)> = lists.iter().map(|_| Default::default()).collect();
    let mut batches = Batches::of(Batched::Activations, rows.len(), usize::MAX);
    while let Some(next) = batches.next_batch() {
        let part = next.first..rows.len().min(next.first.saturating_add(next.most));
        if part.len() == rows.len() {
            let whole = || read(rows, lists, noised.map(|noised| (noised.cells, noised.noise)));
            match batches.attempt(rows.len(), rows.len(), whole)? {
                Some(whole) => return Ok(whole),
                None => continue,
            }
        }
        let (cells, places): (Vec<_>, Vec<_>) = lists.iter().map(|cells| within(cells, &part)).unzip();
        let made = batches.attempt(part.len(), part.len(), || {
            let cells: Vec<&[Cell]> = cells.iter().map(Vec::as_slice).collect();
            let noise = noised.map(|noised| noised.of_rows(&part)).transpose()?;
            read(&rows[part.clone()], &cells, noise.as_ref().map(|(cells, noise)| (&cells[..], noise)))
        })?;
        for ((made, places), (tensors, all)) in made.into_iter().flatten().zip(places).zip(&mut found) {
            tensors.push(made);
            all.extend(places);
        }
    }
    found.iter().map(|(tensors, places)| in_order(tensors, places)).collect()
}

/// Rows that were found part by part, in the order of their places.
fn in_order(tensors: &[Tensor], places: &[i64]) -> Result<Tensor> {
    let mut order: Vec<i64> = (0..places.len() as i64).collect();
    order.sort_by_key(|&found| places[found as usize]);
    let all = Tensor::f_cat(tensors, 0)?;
    Ok(all.f_index_select(0, &Tensor::f_from_slice(&order)?.f_to_device(all.device())?)?)
}

/// Refuses cells that there are not: no part would read those in rows beyond the last.
fn check_cells(rows: &[Vec<i64>], cells: &[Cell]) -> Result<()> {
    match cells.iter().find(|cell| rows.get(cell.row).is_none_or(|row| cell.position >= row.len())) {
        Some(cell) => Err(outside(*cell)),
        None => Ok(()),
    }
}
