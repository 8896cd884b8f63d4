//! Attention of many short spans at once: their rows stand side by side in one rectangle, the places that are left over
//! hidden. Spans that are looked at one by one cost some twenty operators each, whatever their size.

use super::batch::{Copies, KeysValues, Span, copy_on};
use super::places::{Place, across};
use crate::error::Result;
use std::cell::RefCell;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};

/// Position of a place that holds no token.
const NOWHERE: i64 = -1;
/// Queries times keys of a span, on the average, from which on its operators weigh nothing.
const LARGE: i64 = 1 << 14;
/// How much larger the rectangle may be than what is in it.
const WASTE: i64 = 4;

/// Rows of unequal length, and of unequal first position, in one rectangle.
#[derive(Debug)]
pub struct Rectangle {
    rows: i64,
    columns: i64,
    /// Place in the rectangle of every token of the flat stream, `[tokens]`.
    places: Tensor,
    /// Position of what stands at each place, `[rows, columns]`, [`NOWHERE`] where nothing does.
    queries: Tensor,
    /// Positions of the keys: those of the prefixes, then those of the rectangle, `[rows, keys]`.
    keys: Tensor,
    /// By window of attention: `[rows, 1, columns, keys]`, true where a query may not look.
    hidden: RefCell<Vec<(Option<i64>, Tensor)>>,
    /// By number of heads, see [`Self::sources`].
    sources: RefCell<Vec<(i64, Tensor, Tensor)>>,
    elsewhere: Copies<Self>,
}

/// Whether `spans` are better attended in one rectangle than one by one. The positions before a span's first are in a
/// prefix.
pub fn is_better_together(spans: &[Span]) -> bool {
    let count = spans.len() as i64;
    let area = |span: &Span| span.rows * span.columns * (span.first + span.columns);
    let all: i64 = spans.iter().map(area).sum();
    let longest = |of: fn(&Span) -> i64| spans.iter().map(of).max().unwrap_or(0);
    let (rows, columns) = (spans.iter().map(|span| span.rows).sum::<i64>(), longest(|span| span.columns));
    let whole = rows * columns * (longest(|span| span.first) + columns);
    count > 2 && all < LARGE * count && whole <= WASTE * all
}

impl Rectangle {
    /// The rows of `spans`, each after a prefix that holds the positions before its first, all prefixes as long as the
    /// longest.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn of(spans: &[Span], device: Device) -> Result<Self> {
        let longest = spans.iter().map(|span| span.first).max().unwrap_or(0);
        let rows = spans.iter().flat_map(|span| (0..span.rows).map(move |_| span));
        let prefixes: Vec<i64> =
            rows.flat_map(|span| (0..longest).map(|at| if at < span.first { at } else { NOWHERE })).collect();
        let rows: i64 = spans.iter().map(|span| span.rows).sum();
        let prefixes = Tensor::f_from_slice(&prefixes)?.f_reshape([rows, longest])?.f_to_device(device)?;
        Self::after(spans, &prefixes)
    }

    /// The rows of `spans` after prefixes whose keys have the positions `prefixes`, `[rows, keys]`.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn after(spans: &[Span], prefixes: &Tensor) -> Result<Self> {
        let device = prefixes.device();
        let columns = spans.iter().map(|span| span.columns).max().unwrap_or(0);
        let (mut places, mut queries) = (Vec::new(), Vec::new());
        for span in spans {
            for _ in 0..span.rows {
                let start = queries.len() as i64;
                places.extend(start..start + span.columns);
                queries.extend(span.first..span.first + span.columns);
                queries.extend((span.columns..columns).map(|_| NOWHERE));
            }
        }
        let rows = spans.iter().map(|span| span.rows).sum();
        let queries = Tensor::f_from_slice(&queries)?.f_reshape([rows, columns])?.f_to_device(device)?;
        Ok(Self {
            rows,
            columns,
            places: Tensor::f_from_slice(&places)?.f_to_device(device)?,
            keys: Tensor::f_cat(&[prefixes, &queries], 1)?,
            queries,
            hidden: RefCell::default(),
            sources: RefCell::default(),
            elsewhere: Copies::default(),
        })
    }

    /// The same for a layer at a place.
    ///
    /// # Errors
    /// Those of libtorch.
    pub(super) fn on(&self, place: Place) -> Result<Rc<Self>> {
        copy_on(&self.elsewhere, place.device, || {
            Ok(Self {
                rows: self.rows,
                columns: self.columns,
                places: across(&self.places, place)?,
                queries: across(&self.queries, place)?,
                keys: across(&self.keys, place)?,
                hidden: RefCell::default(),
                sources: RefCell::default(),
                elsewhere: Copies::default(),
            })
        })
    }

    /// Positions of the keys, `[rows, keys]`: those of the prefixes of what comes next, if keys and values are kept.
    pub const fn keys(&self) -> &Tensor {
        &self.keys
    }

    /// Puts the flat `[tokens, heads, width]` into the rectangle, `[rows, heads, columns, width]`; zero where no token is,
    /// so that what one row holds reaches no other.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn filled(&self, flat: &Tensor) -> Result<Tensor> {
        let (heads, width) = (flat.size()[1], flat.size()[2]);
        let parts = flat.f_reshape([-1, width])?.f_constant_pad_nd([0, 0, 0, 1])?;
        Ok(Tensor::f_embedding(&parts, &self.sources(heads)?.0, -1, false, false)?)
    }

    /// Takes `[rows, heads, columns, width]` out of the rectangle again, `[tokens, heads · width]`.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn emptied(&self, full: &Tensor) -> Result<Tensor> {
        let (heads, width) = (full.size()[1], full.size()[3]);
        let parts = full.f_reshape([-1, width])?;
        // its gradient adds row by row, which that of an index does number by number
        let taken = Tensor::f_embedding(&parts, &self.sources(heads)?.1, -1, false, false)?;
        Ok(taken.f_reshape([-1, heads * width])?)
    }

    /// Where the parts of each place of the rectangle come from, `[rows, heads, columns]`, the number of all parts where no
    /// token is, and where those of each token go, `[tokens, heads]`. A part is what a head has of a token.
    fn sources(&self, heads: i64) -> Result<(Tensor, Tensor)> {
        if let Some((_, from, to)) = self.sources.borrow().iter().find(|(known, ..)| *known == heads) {
            return Ok((from.shallow_clone(), to.shallow_clone()));
        }
        let (tokens, options) = (self.places.size()[0], (Kind::Int64, self.places.device()));
        let head = Tensor::f_arange(heads, options)?;
        let row = self.places.f_floor_divide_scalar(self.columns)?.f_unsqueeze(1)?;
        let column = self.places.f_remainder(self.columns)?.f_unsqueeze(1)?;
        let to = row.f_mul_scalar(heads)?.f_add(&head)?.f_mul_scalar(self.columns)?.f_add(&column)?;
        let from = Tensor::f_full([self.rows * heads * self.columns], tokens * heads, options)?;
        let parts = Tensor::f_arange(tokens * heads, options)?;
        let from = from.f_index_copy(0, &to.f_reshape([-1])?, &parts)?.f_reshape([self.rows, heads, self.columns])?;
        self.sources.borrow_mut().push((heads, from.shallow_clone(), to.shallow_clone()));
        Ok((from, to))
    }

    /// `[rows, 1, columns, keys]`, true where a query may not look. One that is no token looks everywhere, so that its
    /// weights are numbers.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn hidden(&self, window: Option<i64>) -> Result<Tensor> {
        if let Some((_, known)) = self.hidden.borrow().iter().find(|(known, _)| *known == window) {
            return Ok(known.shallow_clone());
        }
        let (queries, keys) = (self.queries.f_unsqueeze(2)?, self.keys.f_unsqueeze(1)?);
        let mut hidden = keys.f_gt_tensor(&queries)?.f_logical_or(&keys.f_eq(NOWHERE)?)?;
        if let Some(window) = window {
            hidden = hidden.f_logical_or(&queries.f_sub(&keys)?.f_ge(window)?)?;
        }
        let hidden = hidden.f_logical_and(&queries.f_ne(NOWHERE)?)?.f_unsqueeze(1)?;
        self.hidden.borrow_mut().push((window, hidden.shallow_clone()));
        Ok(hidden)
    }

    /// Keys and values of prefixes for the rows of `self`: those of `known` are the last of them, the ones before have
    /// none.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn prefixes(&self, known: KeysValues) -> Result<KeysValues> {
        let missing = self.rows - known.keys.size()[0];
        if missing == 0 {
            return Ok(known);
        }
        let fill = |known: &Tensor| {
            let size = known.size();
            let none = Tensor::f_zeros([missing, size[1], size[2], size[3]], (known.kind(), known.device()))?;
            Tensor::f_cat(&[none, known.shallow_clone()], 0)
        };
        Ok(KeysValues { keys: fill(&known.keys)?, values: fill(&known.values)? })
    }
}
