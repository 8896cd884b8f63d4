//! Causal self-attention over spans, on top of cached prefixes.

use super::architecture::QueryKeyValueNames;
use super::batch::{Batch, KeysValues, Sight, Span};
use super::layers::{Projection, capped};
use super::rotary::RotaryTable;
use crate::error::Result;
use tch::{Device, Kind, TchError, Tensor};

/// The attention module of one block.
#[derive(Debug)]
pub struct Attention {
    pub inputs: Inputs,
    pub output: Projection,
    pub scale: f64,
    pub cap: Option<f64>,
    pub heads: i64,
    pub key_value_heads: i64,
    pub head_width: i64,
    pub window: Option<i64>,
}

/// Query, key and value projections as stored.
#[derive(Debug)]
pub enum Inputs {
    Separate([Projection; 3]),
    Stacked(Projection),
    PerHead(Projection),
}

impl Inputs {
    /// Reads the projections that `names` lists through `read`.
    pub fn read(names: &QueryKeyValueNames, mut read: impl FnMut(&str) -> Result<Projection>) -> Result<Self> {
        Ok(match names {
            QueryKeyValueNames::Separate([q, k, v]) => Self::Separate([read(q)?, read(k)?, read(v)?]),
            QueryKeyValueNames::Stacked(name) => Self::Stacked(read(name)?),
            QueryKeyValueNames::PerHead(name) => Self::PerHead(read(name)?),
        })
    }
}

impl Attention {
    /// Output of the module for the normalised stream `[tokens, hidden]`, and with
    /// `keep` the keys and values of each span's own positions.
    pub fn apply(
        &self,
        input: &Tensor,
        batch: &Batch,
        rotary: Option<&RotaryTable>,
        prefixes: &[Option<&KeysValues>],
        keep: bool,
    ) -> Result<(Tensor, Vec<KeysValues>)> {
        let (queries, keys, values) = self.project(input)?;
        let (queries, keys) = match rotary {
            Some(table) => {
                let angles = table.angles(batch, queries.kind())?;
                (table.rotate(&queries, &angles)?, table.rotate(&keys, &angles)?)
            }
            None => (queries, keys),
        };
        if let Some(rectangle) = &batch.together {
            let own = KeysValues { keys: rectangle.filled(&keys)?, values: rectangle.filled(&values)? };
            let all = match prefixes.first().copied().flatten() {
                Some(prefix) => prefix.followed_by(&own)?,
                None => own.shallow_clone(),
            };
            let hidden = rectangle.hidden(self.window)?;
            let mixed = rectangle.emptied(&self.attend(&rectangle.filled(&queries)?, &all, Some(&hidden))?)?;
            return Ok((self.output.apply(&mixed)?, if keep { vec![own] } else { Vec::new() }));
        }
        let mut kept = Vec::new();
        let mut mixed = Vec::with_capacity(batch.spans.len());
        for (index, span) in batch.spans.iter().enumerate() {
            let cut = |tensor: &Tensor| {
                let (heads, width) = (tensor.size()[1], tensor.size()[2]);
                tensor
                    .f_narrow(0, batch.start(index), span.rows * span.columns)?
                    .f_reshape([span.rows, span.columns, heads, width])?
                    .f_transpose(1, 2)
            };
            let own = KeysValues { keys: cut(&keys)?, values: cut(&values)? };
            let all = match prefixes.get(index).copied().flatten() {
                Some(prefix) => prefix.followed_by(&own)?,
                None => own.shallow_clone(),
            };
            let hidden = match &batch.forest {
                Some(sight) => Some(self.hidden_in_forest(sight)?),
                None => self.hidden_positions(*span, all.keys.size()[2], queries.device())?,
            };
            let attended = self.attend(&cut(&queries)?, &all, hidden.as_ref())?.f_transpose(1, 2)?;
            mixed.push(attended.f_reshape([span.rows * span.columns, -1])?);
            if keep {
                kept.push(own);
            }
        }
        let mixed = if mixed.len() == 1 { mixed.remove(0) } else { Tensor::f_cat(&mixed, 0)? };
        Ok((self.output.apply(&mixed)?, kept))
    }

    /// Queries, keys and values, each `[tokens, heads, head width]`.
    fn project(&self, input: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let split = |tensor: &Tensor, heads: i64| tensor.f_reshape([-1, heads, self.head_width]);
        Ok(match &self.inputs {
            Inputs::Separate([q, k, v]) => (
                split(&q.apply(input)?, self.heads)?,
                split(&k.apply(input)?, self.key_value_heads)?,
                split(&v.apply(input)?, self.key_value_heads)?,
            ),
            Inputs::Stacked(all) => {
                let parts = all.apply(input)?.f_chunk(3, -1)?;
                let [q, k, v] = &parts[..] else {
                    return Err(TchError::Shape("queries, keys and values are not of one width".to_owned()).into());
                };
                (split(q, self.heads)?, split(k, self.heads)?, split(v, self.heads)?)
            }
            Inputs::PerHead(all) => {
                let heads = all.apply(input)?.f_reshape([-1, self.heads, 3 * self.head_width])?;
                let part = |index: i64| heads.f_narrow(2, index * self.head_width, self.head_width);
                (part(0)?, part(1)?, part(2)?)
            }
        })
    }

    /// Softmax attention of `[rows, heads, columns, width]` queries; the result has the same shape. `hidden` is true where a
    /// query may not look.
    fn attend(&self, queries: &Tensor, all: &KeysValues, hidden: Option<&Tensor>) -> Result<Tensor> {
        let groups = self.heads / self.key_value_heads;
        let grouped = |tensor: &Tensor| {
            if groups == 1 { Ok(tensor.shallow_clone()) } else { tensor.f_repeat_interleave_self_int(groups, 1, None) }
        };
        let products = queries.f_matmul(&grouped(&all.keys)?.f_transpose(2, 3)?)?;
        let scores = capped(products.f_mul_scalar(self.scale)?, self.cap)?;
        // half-precision scores are normalised in float32
        let wide = if queries.kind() == Kind::Double { Kind::Double } else { Kind::Float };
        let scores = scores.f_to_kind(wide)?;
        let seen = match hidden {
            Some(mask) => scores.f_masked_fill(mask, f64::NEG_INFINITY)?,
            None => scores,
        };
        let weights = seen.f_softmax(-1, None)?.f_to_kind(queries.kind())?;
        Ok(weights.f_matmul(&grouped(&all.values)?)?)
    }

    /// `[columns, positions]`, true where a query may not look; `None` where all may.
    fn hidden_positions(&self, span: Span, positions: i64, device: Device) -> Result<Option<Tensor>> {
        if span.columns == 1 && self.window.is_none_or(|window| window >= positions) {
            return Ok(None);
        }
        let earlier = positions - span.columns;
        let all = Tensor::f_ones([span.columns, positions], (Kind::Bool, device))?;
        let mut hidden = all.f_triu(earlier + 1)?;
        if let Some(window) = self.window {
            hidden = hidden.f_logical_or(&all.f_tril(earlier - window)?)?;
        }
        Ok(Some(hidden))
    }

    /// `[tokens, tokens]`, true where a token of a forest may not look.
    fn hidden_in_forest(&self, sight: &Sight) -> Result<Tensor> {
        Ok(match self.window {
            Some(window) => {
                let distance = sight.positions.f_unsqueeze(1)?.f_sub(&sight.positions.f_unsqueeze(0)?)?;
                sight.hidden.f_logical_or(&distance.f_ge(window)?)?
            }
            None => sight.hidden.shallow_clone(),
        })
    }
}
