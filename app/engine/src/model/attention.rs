//! Causal self-attention over spans, on top of cached prefixes.

use super::architecture::{QueryKeyNorm, QueryKeyValueNames};
use super::batch::{Batch, KeysValues, Sight, Span};
use super::layers::{Normalization, Projection, capped};
use super::places::Place;
use super::pointwise::softmax;
use super::reading::{Group, Reading};
use super::rotary::RotaryTable;
use super::shared_keys::{mixed, products};
use crate::error::Result;
use tch::{Device, Kind, Tensor};

/// The attention module of one block.
#[derive(Debug)]
pub struct Attention {
    pub inputs: Inputs,
    pub query_norm: Option<Normalization>,
    pub key_norm: Option<Normalization>,
    pub norm_of: QueryKeyNorm,
    /// A logit for each query head, `[heads]`, that takes a part of the softmax and gives nothing.
    pub sinks: Option<Tensor>,
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
    /// Output of the module for the normalized stream `[tokens, hidden]`, for the tokens that are read after the block
    /// alone where not all are, and with `keep` the keys and values of each span's own positions.
    pub fn apply(
        &self,
        input: &Tensor,
        batch: &Batch,
        rotary: Option<&RotaryTable>,
        prefixes: &[Option<&KeysValues>],
        keep: bool,
    ) -> Result<(Tensor, Vec<KeysValues>)> {
        let reading = batch.read_alone();
        let (queries, keys, values) = self.project(input, reading)?;
        let queries = self.normed(self.query_norm.as_ref(), queries)?;
        let keys = self.normed(self.key_norm.as_ref(), keys)?;
        let (queries, keys) = match rotary {
            Some(table) => {
                let angles = table.angles(batch, Place { device: queries.device(), kind: queries.kind() })?;
                let queries = match reading {
                    Some(reading) => table.rotate(&queries, &(reading.part(&angles.0)?, reading.part(&angles.1)?))?,
                    None => table.rotate(&queries, &angles)?,
                };
                (queries, table.rotate(&keys, &angles)?)
            }
            None => (queries, keys),
        };
        if let Some(rectangle) = &batch.together {
            let own = KeysValues { keys: rectangle.filled(&keys)?, values: rectangle.filled(&values)? };
            let prefix = prefixes.first().copied().flatten();
            let mixed = match reading {
                Some(reading) => self.attend_some(reading.group(0), &queries, (prefix, &own), None)?,
                None => {
                    let hidden = rectangle.hidden(self.window)?;
                    rectangle.emptied(&self.attend(&rectangle.filled(&queries)?, (prefix, &own), Some(&hidden))?)?
                }
            };
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
            let prefix = prefixes.get(index).copied().flatten();
            match (reading, &batch.forest) {
                (Some(reading), forest) => {
                    let sight =
                        forest.as_ref().map(|sight| reading.part(&self.hidden_in_forest(sight)?)).transpose()?;
                    mixed.push(self.attend_some(reading.group(index), &queries, (prefix, &own), sight)?);
                }
                (None, forest) => {
                    let hidden = match forest {
                        Some(sight) => Some(self.hidden_in_forest(sight)?),
                        None => {
                            let positions = prefix.map_or(0, KeysValues::positions) + span.columns;
                            self.hidden_positions(*span, positions, queries.device())?
                        }
                    };
                    let attended = self.attend(&cut(&queries)?, (prefix, &own), hidden.as_ref())?.f_transpose(1, 2)?;
                    mixed.push(attended.f_reshape([span.rows * span.columns, -1])?);
                }
            }
            if keep {
                kept.push(own);
            }
        }
        let mixed = if mixed.len() == 1 { mixed.remove(0) } else { Tensor::f_cat(&mixed, 0)? };
        Ok((self.output.apply(&mixed)?, kept))
    }

    /// Attention of the queries of some tokens, those of `group` out of all that are read: `[tokens, heads · width]`. In a
    /// forest, `sight` is what they do not see.
    fn attend_some(
        &self,
        group: &Group,
        queries: &Tensor,
        seen: (Option<&KeysValues>, &KeysValues),
        sight: Option<Tensor>,
    ) -> Result<Tensor> {
        if group.is_empty() {
            return Ok(queries.f_narrow(0, 0, 0)?.f_reshape([0, self.heads * self.head_width])?);
        }
        let hidden = match sight {
            Some(hidden) => Some(hidden),
            None => group.hidden(self.window)?,
        };
        group.taken(&self.attend(&group.queries(queries)?, seen, hidden.as_ref())?)
    }

    /// Queries, keys and values, each `[tokens, heads, head width]`; queries of the tokens that are read alone.
    fn project(&self, input: &Tensor, reading: Option<&Reading>) -> Result<(Tensor, Tensor, Tensor)> {
        let split = |tensor: &Tensor, heads: i64| tensor.f_reshape([-1, heads, self.head_width]);
        let read = |all: &Tensor| reading.map_or_else(|| Ok(all.shallow_clone()), |reading| reading.part(all));
        Ok(match &self.inputs {
            Inputs::Separate([q, k, v]) => (
                split(&q.apply(&read(input)?)?, self.heads)?,
                split(&k.apply(input)?, self.key_value_heads)?,
                split(&v.apply(input)?, self.key_value_heads)?,
            ),
            Inputs::Stacked(all) => {
                let (queries, keys) = (self.heads * self.head_width, self.key_value_heads * self.head_width);
                if reading.is_some() {
                    let found = all.outputs(queries, 2 * keys)?.apply(input)?;
                    return Ok((
                        split(&all.outputs(0, queries)?.apply(&read(input)?)?, self.heads)?,
                        split(&found.f_narrow(-1, 0, keys)?, self.key_value_heads)?,
                        split(&found.f_narrow(-1, keys, keys)?, self.key_value_heads)?,
                    ));
                }
                let all = all.apply(input)?;
                (
                    split(&all.f_narrow(-1, 0, queries)?, self.heads)?,
                    split(&all.f_narrow(-1, queries, keys)?, self.key_value_heads)?,
                    split(&all.f_narrow(-1, queries + keys, keys)?, self.key_value_heads)?,
                )
            }
            Inputs::PerHead(all) => {
                let share = self.heads / self.key_value_heads;
                let shape = [-1, self.key_value_heads, (share + 2) * self.head_width];
                let groups = all.apply(input)?.f_reshape(shape)?;
                let part =
                    |first: i64, count: i64| groups.f_narrow(2, first * self.head_width, count * self.head_width);
                (split(&read(&part(0, share)?)?, self.heads)?, part(share, 1)?, part(share + 1, 1)?)
            }
        })
    }

    /// Queries or keys `[tokens, heads, head width]` after their norm.
    fn normed(&self, norm: Option<&Normalization>, heads: Tensor) -> Result<Tensor> {
        let Some(norm) = norm else { return Ok(heads) };
        match self.norm_of {
            QueryKeyNorm::PerHead | QueryKeyNorm::EachHead => norm.apply(&heads),
            QueryKeyNorm::Whole => Ok(norm.apply(&heads.f_flatten(1, 2)?)?.f_view_as(&heads)?),
        }
    }

    /// Softmax attention of `[rows, heads, columns, width]` queries to a prefix and to their own positions; the result has the
    /// same shape. The rows may be adjacent blocks of as many rows as the prefix has, which is multiplied with all of them at
    /// once. `hidden` is true where a query may not look.
    fn attend(
        &self,
        queries: &Tensor,
        (prefix, own): (Option<&KeysValues>, &KeysValues),
        hidden: Option<&Tensor>,
    ) -> Result<Tensor> {
        let joined;
        let (prefix, own) = match prefix {
            Some(prefix) if !is_better_apart(prefix, own) => {
                joined = prefix.followed_by(own)?;
                (None, &joined)
            }
            prefix => (prefix, own),
        };
        let of_own = products(queries, &own.keys)?;
        let mut all = match prefix {
            Some(prefix) => Tensor::f_cat(&[products(queries, &prefix.keys)?, of_own], -1)?,
            None => of_own,
        };
        // nobody else has them, so that without gradients they are changed in their place
        let alone = !all.requires_grad();
        let scaled = if alone { all.f_mul_scalar_(self.scale)? } else { all.f_mul_scalar(self.scale)? };
        let scores = capped(scaled, self.cap)?;
        // half-precision scores are normalized in float32
        let wide = if queries.kind() == Kind::Double { Kind::Double } else { Kind::Float };
        let mut scores = scores.f_to_kind(wide)?;
        let seen = match hidden {
            Some(mask) if alone => scores.f_masked_fill_(mask, f64::NEG_INFINITY)?,
            Some(mask) => scores.f_masked_fill(mask, f64::NEG_INFINITY)?,
            None => scores,
        };
        let weights = match &self.sinks {
            Some(sinks) => beside_sinks(&seen, sinks)?,
            None => softmax(&seen)?,
        };
        let weights = weights.f_to_kind(queries.kind())?;
        let Some(prefix) = prefix else { return mixed(&weights, &own.values) };
        let [earlier, later] = [prefix, own].map(KeysValues::positions);
        let of_prefix = mixed(&weights.f_narrow(-1, 0, earlier)?, &prefix.values)?;
        Ok(of_prefix.f_add(&mixed(&weights.f_narrow(-1, earlier, later)?, &own.values)?)?)
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

/// Numbers of a prefix, copied for every row, from which on multiplying it by itself costs less than copying it.
const COPIED: i64 = 1 << 19;
/// How many times as long as its rows' own positions a prefix is that blocks of rows share, so that putting the blocks side by
/// side costs less than copying it for each.
const LONG: i64 = 2;

/// Whether a prefix is better multiplied by itself than copied to before each row's `own` positions. Chosen by measurement, as
/// [`super::products`] is.
fn is_better_apart(prefix: &KeysValues, own: &KeysValues) -> bool {
    let [rows, heads, later, width] = own.keys.size()[..] else { return false };
    let earlier = prefix.positions();
    let is_shared = prefix.keys.size()[0] < rows;
    2 * rows * heads * earlier * width >= COPIED && (!is_shared || earlier >= LONG * later)
}

/// Softmax of scores `[rows, heads, columns, keys]` in which the sink of each head, `[heads]`, takes part, without what
/// falls to it.
fn beside_sinks(scores: &Tensor, sinks: &Tensor) -> Result<Tensor> {
    let [rows, heads, columns, keys] = scores.size()[..] else { return Ok(scores.f_softmax(-1, None)?) };
    let sinks =
        sinks.f_to_kind(scores.kind())?.f_reshape([1, heads, 1, 1])?.f_expand([rows, heads, columns, 1], false)?;
    Ok(Tensor::f_cat(&[scores, &sinks], -1)?.f_softmax(-1, None)?.f_narrow(-1, 0, keys)?)
}
