//! Batches of unequal pieces: what lets prompts of many lengths and suffixes of many starts share one run.
//!
//! The residual stream of a batch is one flat tensor `[tokens, hidden]`, in which
//! every span is a block of `rows × columns` tokens. Projections, norms and MLPs see
//! the flat tensor (weights are read once); only attention looks at the spans.

use super::places::{Place, across};
use super::reading::Reading;
use super::rectangle::Rectangle;
use crate::error::Result;
use std::cell::RefCell;
use std::rc::Rc;
use tch::{Device, Tensor};

/// Keys and values of one layer at positions that cannot change.
#[derive(Debug)]
pub struct KeysValues {
    /// `[rows, key-value heads, positions, head width]`, rotated.
    pub keys: Tensor,
    /// `[rows, key-value heads, positions, head width]`.
    pub values: Tensor,
}

impl KeysValues {
    /// The same, sharing storage.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        Self { keys: self.keys.shallow_clone(), values: self.values.shallow_clone() }
    }

    /// Positions of each row.
    pub(super) fn positions(&self) -> i64 {
        self.keys.size()[2]
    }

    /// The same in storage of their own, one row and head after the other: what is kept shares none with what is not, and is
    /// multiplied without a copy.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn packed(&self) -> Result<Self> {
        Ok(Self { keys: self.keys.f_contiguous()?, values: self.values.f_contiguous()? })
    }

    /// The first `positions` positions, sharing storage.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn before(&self, positions: i64) -> Result<Self> {
        let cut = |tensor: &Tensor| tensor.f_narrow(2, 0, positions);
        Ok(Self { keys: cut(&self.keys)?, values: cut(&self.values)? })
    }

    /// These positions followed by `later`'s, whose rows are adjacent blocks of as many rows as there are here.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn followed_by(&self, later: &Self) -> Result<Self> {
        let join = |earlier: &Tensor, later: &Tensor| {
            let (rows, all) = (earlier.size()[0], later.size()[0]);
            if rows == all {
                return Tensor::f_cat(&[earlier, later], 2);
            }
            let blocks = all / rows.max(1);
            let earlier = earlier.f_unsqueeze(0)?.f_expand([blocks, -1, -1, -1, -1], false)?;
            let later = later.f_unflatten(0, [blocks, rows])?;
            Tensor::f_cat(&[earlier, later], 3)?.f_flatten(0, 1)
        };
        Ok(Self { keys: join(&self.keys, &later.keys)?, values: join(&self.values, &later.values)? })
    }
}

/// Rows of equal length that start at the same position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Number of rows.
    pub rows: i64,
    /// Tokens per row.
    pub columns: i64,
    /// Position of the first column in its prompt; earlier positions come from a prefix.
    pub first: i64,
    /// Tokens of the whole prompt, those after the columns too: of some models what turns keys depends on it.
    pub whole: i64,
}

/// The spans of a flat residual stream, in order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub spans: Vec<Span>,
    /// Who sees whom, where the one span's columns are the tokens of a [`Forest`](super::Forest).
    pub forest: Option<Rc<Sight>>,
    /// The spans' rows in one rectangle, where they are attended together. Prefixes and keys and values that are kept are
    /// then those of all rows: one entry instead of one for each span.
    pub together: Option<Rc<Rectangle>>,
    /// The tokens that are read after the block, if not all of them: the block gives their streams alone, in the order of
    /// [`Reading::cells`], and taps behind its keys and values index those.
    pub reading: Option<Rc<Reading>>,
}

/// Places of the tokens of a forest, and which of them each one sees.
#[derive(Debug)]
pub struct Sight {
    /// Position of every token in its row, `[tokens]` int64.
    pub positions: Tensor,
    /// Tokens of the whole row of every token, `[tokens]` int64.
    pub lengths: Tensor,
    /// `[tokens, tokens]`, true where the first does not see the second.
    pub hidden: Tensor,
    elsewhere: Copies<Self>,
}

/// The same on other devices, made once for the layers that are there.
pub(super) type Copies<T> = RefCell<Vec<(Device, Rc<T>)>>;

/// What `copies` have for a device, made by `make` where they have none.
pub(super) fn copy_on<T>(copies: &Copies<T>, device: Device, make: impl FnOnce() -> Result<T>) -> Result<Rc<T>> {
    let known = copies.borrow().iter().find(|(on, _)| *on == device).map(|(_, copy)| copy.clone());
    match known {
        Some(copy) => Ok(copy),
        None => {
            let made = Rc::new(make()?);
            copies.borrow_mut().push((device, made.clone()));
            Ok(made)
        }
    }
}

impl Sight {
    /// Positions and lengths `[tokens]`, and what is hidden `[tokens, tokens]`.
    #[must_use]
    pub fn new(positions: Tensor, lengths: Tensor, hidden: Tensor) -> Self {
        Self { positions, lengths, hidden, elsewhere: Copies::default() }
    }

    fn on(&self, place: Place) -> Result<Rc<Self>> {
        copy_on(&self.elsewhere, place.device, || {
            let [positions, lengths, hidden] =
                [&self.positions, &self.lengths, &self.hidden].map(|tensor| across(tensor, place));
            Ok(Self::new(positions?, lengths?, hidden?))
        })
    }
}

impl Batch {
    /// Spans that are attended one by one.
    #[must_use]
    pub const fn of(spans: Vec<Span>) -> Self {
        Self { spans, forest: None, together: None, reading: None }
    }

    /// `rows` prompts of `columns` tokens from position 0.
    #[must_use]
    pub fn whole(rows: i64, columns: i64) -> Self {
        Self::of(vec![Span { rows, columns, first: 0, whole: columns }])
    }

    /// The same batch for a layer at a place.
    ///
    /// # Errors
    /// Those of libtorch.
    pub(super) fn on(&self, place: Place) -> Result<Self> {
        Ok(Self {
            spans: self.spans.clone(),
            forest: self.forest.as_ref().map(|sight| sight.on(place)).transpose()?,
            together: self.together.as_ref().map(|rectangle| rectangle.on(place)).transpose()?,
            reading: self.reading.as_ref().map(|reading| reading.on(place)).transpose()?,
        })
    }

    /// The same for a block after which only the tokens `reading` are read.
    #[must_use]
    pub fn read(&self, reading: &Rc<Reading>) -> Self {
        Self { reading: Some(reading.clone()), ..self.clone() }
    }

    /// The tokens that are read after the block; nothing where all are.
    pub(super) fn read_alone(&self) -> Option<&Reading> {
        self.reading.as_deref().filter(|reading| !reading.is_whole())
    }

    /// Number of tokens in the flat stream.
    #[must_use]
    pub fn tokens(&self) -> i64 {
        self.spans.iter().map(|span| span.rows * span.columns).sum()
    }

    /// Positions that the longest prompt takes; 0 for a forest, whose rows are checked one by one.
    #[must_use]
    pub fn longest(&self) -> i64 {
        let spans = if self.forest.is_some() { &[] } else { self.spans.as_slice() };
        spans.iter().map(|span| span.first + span.columns).max().unwrap_or(0)
    }

    /// Flat index of the first token of span `index`.
    #[must_use]
    pub fn start(&self, index: usize) -> i64 {
        self.spans[..index].iter().map(|span| span.rows * span.columns).sum()
    }

    /// Flat index of the token at `position` of `row` in span `index`.
    #[must_use]
    pub fn flat(&self, index: usize, row: i64, position: i64) -> i64 {
        let span = &self.spans[index];
        self.start(index) + row * span.columns + position - span.first
    }

    /// Position of every token, `[tokens]` int64.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn positions(&self, device: Device) -> Result<Tensor> {
        if let Some(sight) = &self.forest {
            return Ok(sight.positions.shallow_clone());
        }
        let piece = |span: &Span| {
            Tensor::f_arange_start(span.first, span.first + span.columns, (tch::Kind::Int64, device))?
                .f_repeat([span.rows])
        };
        let pieces = self.spans.iter().map(piece).collect::<Result<Vec<Tensor>, _>>()?;
        Ok(Tensor::f_cat(&pieces, 0)?)
    }

    /// Tokens of the whole prompt of every token, `[tokens]` int64.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn lengths(&self, device: Device) -> Result<Tensor> {
        if let Some(sight) = &self.forest {
            return Ok(sight.lengths.shallow_clone());
        }
        let whole: Vec<i64> = self.spans.iter().map(|span| span.whole).collect();
        let tokens: Vec<i64> = self.spans.iter().map(|span| span.rows * span.columns).collect();
        let [whole, tokens] = [&whole, &tokens].map(|list| Tensor::f_from_slice(list));
        Ok(whole?.f_repeat_interleave_self_tensor(&tokens?, Some(0), None)?.f_to_device(device)?)
    }
}
