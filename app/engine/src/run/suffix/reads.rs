//! What is read of a repetition: log-probabilities of single tokens, and whole distributions.

use crate::error::{Doing, Error, Result};
use crate::model::Model;
use locus_plugin::{Cell, SuffixRequest};
use std::ops::Range;
use tch::{Device, Kind, Tensor};

/// Numbers that are normalized together on a CPU: the gradient needs several times their memory, and more do not stay in its
/// cache.
const NORMALIZED_AT_ONCE: usize = 1 << 19;

/// The cells that are read, some of them after the others.
pub(super) struct Reads {
    /// Their indices in the residual stream behind the last block, `[cells]`.
    cells: Tensor,
    parts: Vec<Part>,
    /// Where the reads of the request stand among those of all parts, `[reads]`; `None` where they stand in their order.
    order: Option<Tensor>,
    /// The same of the distributions.
    order_of_distributions: Option<Tensor>,
}

/// Cells that are normalized together.
struct Part {
    cells: i64,
    /// Places in the log-probabilities of these cells, row after row, `[reads]`.
    reads: Tensor,
    /// Rows that are whole distributions, `[distributions]`.
    distributions: Tensor,
}

impl Reads {
    /// What `request` reads; `behind` gives the index of a cell in the residual stream behind the last block.
    ///
    /// # Errors
    /// [`Error::Request`] for a token that is not in the vocabulary, and those of `behind`.
    pub fn new(model: &Model, request: &SuffixRequest, behind: impl Fn(Cell) -> Result<i64>) -> Result<Self> {
        let vocabulary = model.architecture.vocabulary;
        if let Some(read) = request.read.iter().find(|read| !(0..vocabulary).contains(&read.token)) {
            return Err(Error::Request(format!("token {} is not in the vocabulary", read.token)));
        }
        let (cells, reads, distributions) = places(request);
        let rows = NORMALIZED_AT_ONCE / usize::try_from(vocabulary).unwrap_or(1).max(1);
        let at_once = if model.device == Device::Cpu { rows.max(1) } else { cells.len().max(1) };
        let tensor = |values: Vec<i64>| Tensor::f_from_slice(&values)?.f_to_device(model.device);
        let (mut parts, mut read, mut whole) = (Vec::new(), Vec::new(), Vec::new());
        for first in (0..cells.len()).step_by(at_once) {
            let part = first..cells.len().min(first + at_once);
            let within = |place: usize| (place - first) as i64;
            let here = read_in(&part, &reads);
            let offsets = here.iter().map(|&read| within(reads[read]) * vocabulary + request.read[read].token);
            let wholly = read_in(&part, &distributions);
            parts.push(Part {
                cells: part.len() as i64,
                reads: tensor(offsets.collect())?,
                distributions: tensor(wholly.iter().map(|&row| within(distributions[row])).collect())?,
            });
            read.extend(here);
            whole.extend(wholly);
        }
        Ok(Self {
            cells: tensor(cells.into_iter().map(behind).collect::<Result<_>>()?)?,
            parts,
            order: order(&read).map(tensor).transpose()?,
            order_of_distributions: order(&whole).map(tensor).transpose()?,
        })
    }

    /// Log-probabilities `[reads]` and `[distributions, vocabulary]` of the residual stream behind the last block `[tokens,
    /// hidden]`, in float32 at least, gradients intact.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn of(&self, model: &Model, stream: &Tensor) -> Result<(Tensor, Tensor)> {
        let logits = model.logits(&stream.f_index_select(0, &self.cells)?)?;
        self.normalized(logits).doing(|| "reading probabilities".to_owned())
    }

    fn normalized(&self, logits: Tensor) -> Result<(Tensor, Tensor)> {
        let wide = if logits.kind() == Kind::Double { Kind::Double } else { Kind::Float };
        let none = Tensor::f_zeros([0, logits.size()[1]], (wide, logits.device()))?;
        let sizes: Vec<i64> = self.parts.iter().map(|part| part.cells).collect();
        let split = if sizes.len() == 1 { vec![logits] } else { logits.f_split_with_sizes(sizes, 0)? };
        let (mut reads, mut distributions) = (Vec::new(), Vec::new());
        for (part, logits) in self.parts.iter().zip(split) {
            let normalized = logits.f_to_kind(wide)?.f_log_softmax(-1, None)?;
            drop(logits);
            // the gradient of nothing would be as large as the part
            if part.distributions.numel() > 0 {
                distributions.push(normalized.f_index_select(0, &part.distributions)?);
            }
            if part.reads.numel() > 0 {
                // single numbers out of all, whose gradient is no copy of whole rows
                reads.push(normalized.f_reshape([-1])?.f_index_select(0, &part.reads)?);
            }
        }
        let reads = in_order(reads, self.order.as_ref())?.map_or_else(|| none.f_reshape([0]), Ok)?;
        let distributions = in_order(distributions, self.order_of_distributions.as_ref())?.unwrap_or(none);
        Ok((reads, distributions))
    }
}

/// The cells that are read, without repeats, and the place among them of each read and of each distribution.
fn places(request: &SuffixRequest) -> (Vec<Cell>, Vec<usize>, Vec<usize>) {
    let mut cells: Vec<Cell> = Vec::new();
    let mut place = |cell: Cell| match cells.iter().position(|known| *known == cell) {
        Some(index) => index,
        None => {
            cells.push(cell);
            cells.len() - 1
        }
    };
    let reads = request.read.iter().map(|read| place(read.cell)).collect();
    let distributions = request.distributions.iter().map(|&cell| place(cell)).collect();
    (cells, reads, distributions)
}

/// Which of `places` are in a part, in their order.
fn read_in(part: &Range<usize>, places: &[usize]) -> Vec<usize> {
    places.iter().enumerate().filter(|(_, place)| part.contains(place)).map(|(index, _)| index).collect()
}

/// For each number from 0 on its place in `found`, which has each of them once; `None` where they stand in order.
fn order(found: &[usize]) -> Option<Vec<i64>> {
    if found.is_sorted() {
        return None;
    }
    let mut places = vec![0; found.len()];
    for (place, &index) in found.iter().enumerate() {
        places[index] = place as i64;
    }
    Some(places)
}

/// What all parts have, in the order of the request; `None` where they have nothing.
fn in_order(parts: Vec<Tensor>, order: Option<&Tensor>) -> Result<Option<Tensor>> {
    let all = match &parts[..] {
        [] => return Ok(None),
        [one] => one.shallow_clone(),
        more => Tensor::f_cat(more, 0)?,
    };
    Ok(Some(match order {
        Some(order) => all.f_index_select(0, order)?,
        None => all,
    }))
}

#[cfg(test)]
mod tests {
    use super::{Part, Reads};
    use crate::test_numbers::Numbers;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn parts_give_the_numbers_and_gradients_of_the_whole() {
        let (rows, vocabulary) = (7, 11);
        let logits = Numbers::new(3).wide(&[rows, vocabulary]) * 4.0;
        let tensor = |values: &[i64]| Tensor::from_slice(values);
        let cells = [5_i64, 0, 6, 2, 2];
        let tokens = [3_i64, 10, 0, 7, 1];
        let wholly = [6_i64, 1];
        let offsets = |first: i64, reads: &[usize]| -> Vec<i64> {
            reads.iter().map(|&read| (cells[read] - first) * vocabulary + tokens[read]).collect()
        };
        let part = |cells, reads: Vec<i64>, distributions: &[i64]| Part {
            cells,
            reads: tensor(&reads),
            distributions: tensor(distributions),
        };
        let reads = |parts, order, order_of_distributions| Reads {
            cells: Tensor::arange(rows, (Kind::Int64, Device::Cpu)),
            parts,
            order,
            order_of_distributions,
        };
        let whole = reads(vec![part(rows, offsets(0, &[0, 1, 2, 3, 4]), &wholly)], None, None);
        let parts = vec![
            part(3, offsets(0, &[1, 3, 4]), &[1]),
            part(3, offsets(3, &[0]), &[]),
            part(1, offsets(6, &[2]), &[0]),
        ];
        let in_parts = reads(parts, Some(tensor(&[3, 0, 4, 1, 2])), Some(tensor(&[1, 0])));
        let read = |reads: &Reads| {
            let logits = logits.copy().set_requires_grad(true);
            let (single, distributions) = reads.normalized(logits.shallow_clone()).expect("libtorch");
            let weights = Tensor::arange(5, (Kind::Double, Device::Cpu)) + 1.0;
            ((&single * weights).sum(Kind::Double) + distributions.square().sum(Kind::Double)).backward();
            [single.detach(), distributions.detach(), logits.grad()]
        };
        let plain = logits.log_softmax(-1, Kind::Double);
        let (found, wanted) = (read(&in_parts), read(&whole));
        assert!(found[0].allclose(
            &plain.reshape([-1]).index_select(0, &tensor(&offsets(0, &[0, 1, 2, 3, 4]))),
            0.0,
            0.0,
            false
        ));
        assert!(found[1].allclose(&plain.index_select(0, &tensor(&wholly)), 0.0, 0.0, false));
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn an_order_is_told_where_there_is_another() {
        assert_eq!(super::order(&[0, 1, 2]), None);
        assert_eq!(super::order(&[1, 3, 4, 0, 2]), Some(vec![3, 0, 4, 1, 2]));
    }
}
