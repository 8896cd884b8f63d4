//! Which tokens of a batch are read after a block. What the block does behind its keys and values it does for those only:
//! queries, attention, projections, MLP. The last block of a run has nobody else to do it for.

use super::batch::{Batch, Copies, Span, copy_on};
use super::places::{Place, across};
use crate::error::Result;
use std::cell::RefCell;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};

/// Position of a place that holds no token.
const NOWHERE: i64 = -1;

/// Some tokens of a batch.
#[derive(Debug)]
pub struct Reading {
    /// Flat indices of the tokens, ascending: the block gives them in this order.
    indices: Vec<i64>,
    cells: Tensor,
    /// Whether these are all tokens there are.
    is_whole: bool,
    /// One for each span, or one for all of them where they are attended together.
    groups: Vec<Group>,
    elsewhere: Copies<Self>,
}

/// The tokens that are read of rows that are attended together.
#[derive(Debug)]
pub struct Group {
    rows: i64,
    /// Places for queries in each row: as many as the row with the most has tokens that are read.
    columns: i64,
    /// Its part of all tokens that are read.
    first: i64,
    count: i64,
    /// Where rows have unequally many: which of its tokens stands at each place, and the place of each token.
    unequal: Option<(Tensor, Tensor)>,
    /// What queries may see; nothing in a forest, which says so itself.
    sight: Option<Positions>,
    hidden: RefCell<Vec<(Option<i64>, Tensor)>>,
}

/// Positions of queries, `[rows, columns]` or the same for all, `[1, columns]`, and of keys likewise.
#[derive(Debug)]
struct Positions {
    queries: Tensor,
    keys: Tensor,
    /// Whether every query comes after all keys.
    sees_all: bool,
}

/// How rows are attended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attended {
    AsSpan,
    Together,
    InForest,
}

/// A row of the batch: where it begins in the flat stream, and where in its prompt.
struct Row {
    start: i64,
    columns: i64,
    first: i64,
}

impl Reading {
    /// The tokens `cells`, flat indices in any order, of `batch`, whose tensors are on `device`.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn of(batch: &Batch, cells: &[i64], device: Device) -> Result<Self> {
        let mut indices = cells.to_vec();
        indices.sort_unstable();
        indices.dedup();
        let is_whole = indices.len() as i64 == batch.tokens();
        let to_device = |indices: &[i64]| Tensor::f_from_slice(indices)?.f_to_device(device);
        if is_whole {
            // the block does what it always does
            let cells = to_device(&indices)?;
            return Ok(Self { indices, cells, is_whole, groups: Vec::new(), elsewhere: Copies::default() });
        }
        let (mut groups, mut done) = (Vec::new(), 0);
        let attended = match (&batch.forest, &batch.together) {
            (Some(_), _) => Attended::InForest,
            (None, Some(_)) => Attended::Together,
            (None, None) => Attended::AsSpan,
        };
        let mut rows = Vec::new();
        for (index, span) in batch.spans.iter().enumerate() {
            let start = batch.start(index);
            rows.extend((0..span.rows).map(|row| row_of(span, start, row)));
            if batch.together.is_some() && index + 1 < batch.spans.len() {
                continue;
            }
            let end = start + span.rows * span.columns;
            let part = &indices[done..];
            let part = &part[..part.partition_point(|&cell| cell < end)];
            let keys = || match &batch.together {
                Some(rectangle) => Ok(rectangle.keys().shallow_clone()),
                None => Tensor::f_arange(span.first + span.columns, (Kind::Int64, device))?.f_unsqueeze(0),
            };
            groups.push(Group::of(&rows, part, done as i64, keys, attended, device)?);
            done += part.len();
            rows.clear();
        }
        let cells = to_device(&indices)?;
        Ok(Self { indices, cells, is_whole, groups, elsewhere: Copies::default() })
    }

    /// Whether these are all tokens there are, so that the block does what it always does.
    pub(super) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Flat indices of the tokens, `[read]`, in the order in which the block gives them.
    pub const fn cells(&self) -> &Tensor {
        &self.cells
    }

    /// The place among them of the token with a flat index.
    #[must_use]
    pub fn place(&self, index: i64) -> Option<i64> {
        self.indices.binary_search(&index).ok().map(|place| place as i64)
    }

    /// Their part of what there is of all tokens, `[tokens, ..]`.
    pub(super) fn part(&self, all: &Tensor) -> Result<Tensor> {
        Ok(all.f_index_select(0, &self.cells)?)
    }

    /// What the block gave, `[read, hidden]`, in the order of some of the tokens, which may be there more than once.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn in_order(&self, read: &Tensor, cells: &[i64]) -> Result<Tensor> {
        if cells == self.indices {
            return Ok(read.shallow_clone());
        }
        let places: Vec<i64> = cells.iter().filter_map(|&cell| self.place(cell)).collect();
        Ok(read.f_index_select(0, &Tensor::f_from_slice(&places)?.f_to_device(read.device())?)?)
    }

    /// The tokens of span `index`, or of all spans that are attended together.
    pub(super) fn group(&self, index: usize) -> &Group {
        &self.groups[index]
    }

    /// The same for a layer at a place.
    pub(super) fn on(&self, place: Place) -> Result<Rc<Self>> {
        copy_on(&self.elsewhere, place.device, || {
            Ok(Self {
                indices: self.indices.clone(),
                cells: across(&self.cells, place)?,
                is_whole: self.is_whole,
                groups: self.groups.iter().map(|group| group.on(place)).collect::<Result<_>>()?,
                elsewhere: Copies::default(),
            })
        })
    }
}

fn row_of(span: &Span, start: i64, row: i64) -> Row {
    Row { start: start + row * span.columns, columns: span.columns, first: span.first }
}

impl Group {
    fn of(
        rows: &[Row],
        cells: &[i64],
        first: i64,
        keys: impl FnOnce() -> std::result::Result<Tensor, tch::TchError>,
        attended: Attended,
        device: Device,
    ) -> Result<Self> {
        let mut rest = cells;
        let by_row = rows.iter().map(|row| {
            let (here, later) = rest.split_at(rest.partition_point(|&cell| cell < row.start + row.columns));
            rest = later;
            here.iter().map(|cell| row.first + cell - row.start).collect::<Vec<i64>>()
        });
        let by_row: Vec<Vec<i64>> = by_row.collect();
        let columns = by_row.iter().map(Vec::len).max().unwrap_or(0);
        let is_equal = by_row.iter().all(|row| row.len() == columns);
        let tensor = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(device);
        let unequal = if is_equal {
            None
        } else {
            let (mut from, mut places) = (Vec::new(), Vec::new());
            for (index, row) in by_row.iter().enumerate() {
                let begun = places.len() as i64;
                from.extend(
                    (0..columns as i64).map(|column| if column < row.len() as i64 { begun + column } else { 0 }),
                );
                places.extend((0..row.len()).map(|column| (index * columns + column) as i64));
            }
            Some((tensor(&from)?, tensor(&places)?))
        };
        let last = |(row, read): (&Row, &Vec<i64>)| read[..] == [row.first + row.columns - 1];
        // in a rectangle there are keys that are no tokens
        let sees_all = attended == Attended::AsSpan && is_equal && rows.iter().zip(&by_row).all(last);
        let sight = if columns == 0 || attended == Attended::InForest {
            None
        } else {
            let kinds = if by_row.iter().all(|row| *row == by_row[0]) { &by_row[..1] } else { &by_row[..] };
            let padded = |row: &Vec<i64>| {
                row.iter().copied().chain(std::iter::repeat(NOWHERE)).take(columns).collect::<Vec<_>>()
            };
            let queries: Vec<i64> = kinds.iter().flat_map(padded).collect();
            let queries = tensor(&queries)?.f_reshape([kinds.len() as i64, columns as i64])?;
            Some(Positions { queries, keys: keys()?, sees_all })
        };
        Ok(Self {
            rows: rows.len() as i64,
            columns: columns as i64,
            first,
            count: cells.len() as i64,
            unequal,
            sight,
            hidden: RefCell::default(),
        })
    }

    fn on(&self, place: Place) -> Result<Self> {
        let unequal = self.unequal.as_ref();
        let sight = self.sight.as_ref();
        let moved = |(one, other): (&Tensor, &Tensor)| -> Result<(Tensor, Tensor)> {
            Ok((across(one, place)?, across(other, place)?))
        };
        Ok(Self {
            unequal: unequal.map(|(from, places)| moved((from, places))).transpose()?,
            sight: sight
                .map(|sight| -> Result<Positions> {
                    let (queries, keys) = moved((&sight.queries, &sight.keys))?;
                    Ok(Positions { queries, keys, sees_all: sight.sees_all })
                })
                .transpose()?,
            hidden: RefCell::default(),
            ..*self
        })
    }

    /// Whether nothing of these rows is read.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The queries of its tokens out of those of all that are read, `[read, heads, width]`: `[rows, heads, columns, width]`.
    pub fn queries(&self, read: &Tensor) -> Result<Tensor> {
        let (heads, width) = (read.size()[1], read.size()[2]);
        let own = read.f_narrow(0, self.first, self.count)?;
        let placed = match &self.unequal {
            Some((from, _)) => own.f_index_select(0, from)?,
            None => own,
        };
        Ok(placed.f_reshape([self.rows, self.columns, heads, width])?.f_transpose(1, 2)?)
    }

    /// What `[rows, heads, columns, width]` holds of its tokens, `[tokens, heads · width]`.
    pub fn taken(&self, attended: &Tensor) -> Result<Tensor> {
        let all = attended.f_transpose(1, 2)?.f_reshape([self.rows * self.columns, -1])?;
        match &self.unequal {
            Some((_, places)) => Ok(Tensor::f_embedding(&all, places, -1, false, false)?),
            None => Ok(all),
        }
    }

    /// `[rows or 1, 1, columns, keys]`, true where a query may not look; nothing where all may look everywhere.
    pub fn hidden(&self, window: Option<i64>) -> Result<Option<Tensor>> {
        let Some(Positions { queries, keys, sees_all }) = &self.sight else { return Ok(None) };
        if *sees_all && window.is_none_or(|window| window >= keys.size()[1]) {
            return Ok(None);
        }
        if let Some((_, known)) = self.hidden.borrow().iter().find(|(known, _)| *known == window) {
            return Ok(Some(known.shallow_clone()));
        }
        let (queries, keys) = (queries.f_unsqueeze(2)?, keys.f_unsqueeze(1)?);
        let mut hidden = keys.f_gt_tensor(&queries)?.f_logical_or(&keys.f_eq(NOWHERE)?)?;
        if let Some(window) = window {
            hidden = hidden.f_logical_or(&queries.f_sub(&keys)?.f_ge(window)?)?;
        }
        // a place without a token looks everywhere, so that its weights are numbers
        let hidden = hidden.f_logical_and(&queries.f_ne(NOWHERE)?)?.f_unsqueeze(1)?;
        self.hidden.borrow_mut().push((window, hidden.shallow_clone()));
        Ok(Some(hidden))
    }
}
