//! Changes of down-projections that only some rows of a batch see: several edited models run as one batch, and no weights are
//! copied.

use super::places::{Place, across};
use crate::error::{Doing, Result};
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// A change of low rank of one layer's down-projection: `W + left right`, with `W` of shape `[hidden, inner]`.
#[derive(Debug)]
pub struct LowRankChange {
    pub layer: usize,
    /// `[hidden, rank]`.
    pub left: Tensor,
    /// `[rank, inner]`.
    pub right: Tensor,
}

impl LowRankChange {
    /// The same change, sharing its numbers.
    #[must_use]
    pub fn shared(&self) -> Self {
        Self { layer: self.layer, left: self.left.shallow_clone(), right: self.right.shallow_clone() }
    }
}

/// Factors of all changes of one layer, one below the other.
#[derive(Debug)]
struct Factors {
    /// `[ranks, inner]`.
    right: Tensor,
    /// `[ranks, hidden]`.
    left: Tensor,
    /// Which tokens see which of them: `[tokens, ranks]`, one or zero.
    seen: Tensor,
}

/// What numbers of a format are multiplied in: float32 at least.
fn wide(kind: Kind) -> Kind {
    if kind == Kind::Double { Kind::Double } else { Kind::Float }
}

/// What the rows of a batch see beside the weights.
#[derive(Debug, Default)]
pub struct RowChanges(BTreeMap<usize, Factors>);

impl RowChanges {
    /// The changes of several models, of which `owners` `[tokens]` gives each token's, by its place in `models`.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn new(models: &[&[LowRankChange]], owners: &[usize], device: Device) -> Result<Self> {
        let _guard = tch::no_grad_guard();
        let mut by_layer: BTreeMap<usize, Vec<(usize, &LowRankChange)>> = BTreeMap::new();
        // those that no token of the batch sees cost nothing
        for (model, changes) in models.iter().enumerate().filter(|(model, _)| owners.contains(model)) {
            for change in *changes {
                by_layer.entry(change.layer).or_default().push((model, change));
            }
        }
        let owners: Vec<i64> = owners.iter().map(|&owner| owner as i64).collect();
        let owners = Tensor::f_from_slice(&owners)?.f_to_device(device)?;
        let factors = |changes: &[(usize, &LowRankChange)]| -> Result<Factors> {
            let place = |tensor: &Tensor| tensor.f_to_kind(wide(tensor.kind()))?.f_to_device(device);
            let right: Vec<Tensor> =
                changes.iter().map(|(_, change)| place(&change.right)).collect::<std::result::Result<_, _>>()?;
            let left: Vec<Tensor> =
                changes.iter().map(|(_, change)| place(&change.left.f_tr()?)).collect::<std::result::Result<_, _>>()?;
            let of_rank = |(model, change): &(usize, &LowRankChange)| {
                std::iter::repeat_n(*model as i64, usize::try_from(change.right.size()[0]).unwrap_or(0))
            };
            let of_ranks: Vec<i64> = changes.iter().flat_map(of_rank).collect();
            let of_ranks = Tensor::f_from_slice(&of_ranks)?.f_to_device(device)?;
            let seen = owners.f_unsqueeze(1)?.f_eq_tensor(&of_ranks.f_unsqueeze(0)?)?.f_to_kind(Kind::Float)?;
            Ok(Factors { right: Tensor::f_cat(&right, 0)?, left: Tensor::f_cat(&left, 0)?, seen })
        };
        let all = by_layer.iter().map(|(layer, changes)| Ok((*layer, factors(changes)?))).collect::<Result<_>>();
        all.doing(|| "concatenating changes of several models".to_owned()).map(Self)
    }

    /// What the changes of a layer add to its down-projection's output for the keys `[tokens, inner]`: `[tokens, hidden]`;
    /// nothing where no row has one there. The keys are those of all tokens, or of some `alone`, by their flat indices.
    pub(super) fn added(&self, layer: usize, keys: &Tensor, alone: Option<&Tensor>) -> Result<Option<Tensor>> {
        let Some(Factors { right, left, seen }) = self.0.get(&layer) else { return Ok(None) };
        let place = Place { device: keys.device(), kind: wide(keys.kind()) };
        let (right, left) = (across(right, place)?, across(left, place)?);
        let seen = match alone {
            Some(cells) => across(&seen.f_index_select(0, cells)?, place)?,
            None => across(seen, place)?,
        };
        let shares = keys.f_to_kind(place.kind)?.f_matmul(&right.f_tr()?)?.f_mul(&seen)?;
        Ok(Some(shares.f_matmul(&left)?.f_to_kind(keys.kind())?))
    }
}
