//! Batches of unequal pieces: what lets prompts of many lengths and suffixes of many starts share one run.
//!
//! The residual stream of a batch is one flat tensor `[tokens, hidden]`, in which
//! every span is a block of `rows × columns` tokens. Projections, norms and MLPs see
//! the flat tensor (weights are read once); only attention looks at the spans.

use super::rectangle::Rectangle;
use crate::error::Result;
use std::rc::Rc;
use tch::Tensor;

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

    /// The first `positions` positions, each row repeated as `repeats` adjacent blocks of all rows.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn prefix(&self, positions: i64, repeats: i64) -> Result<Self> {
        let cut = |tensor: &Tensor| tensor.f_narrow(2, 0, positions)?.f_repeat([repeats, 1, 1, 1]);
        Ok(Self { keys: cut(&self.keys)?, values: cut(&self.values)? })
    }

    /// These positions followed by `later`'s; one row serves all rows of `later`.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn followed_by(&self, later: &Self) -> Result<Self> {
        let rows = later.keys.size()[0];
        let join = |a: &Tensor, b: &Tensor| {
            let a = if a.size()[0] == rows { a.shallow_clone() } else { a.f_expand([rows, -1, -1, -1], false)? };
            Tensor::f_cat(&[a, b.shallow_clone()], 2)
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
}

/// The spans of a flat residual stream, in order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The spans.
    pub spans: Vec<Span>,
    /// Who sees whom, where the one span's columns are the tokens of a [`Forest`](super::Forest).
    pub forest: Option<Rc<Sight>>,
    /// The spans' rows in one rectangle, where they are attended together. Prefixes and keys and values that are kept are
    /// then those of all rows: one entry instead of one for each span.
    pub together: Option<Rc<Rectangle>>,
}

/// Places of the tokens of a forest, and which of them each one sees.
#[derive(Debug)]
pub struct Sight {
    /// Position of every token in its row, `[tokens]` int64.
    pub positions: Tensor,
    /// `[tokens, tokens]`, true where the first does not see the second.
    pub hidden: Tensor,
}

impl Batch {
    /// Spans that are attended one by one.
    #[must_use]
    pub const fn of(spans: Vec<Span>) -> Self {
        Self { spans, forest: None, together: None }
    }

    /// `rows` prompts of `columns` tokens from position 0.
    #[must_use]
    pub fn whole(rows: i64, columns: i64) -> Self {
        Self::of(vec![Span { rows, columns, first: 0 }])
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
    pub fn positions(&self, device: tch::Device) -> Result<Tensor> {
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
}
