//! The weights as they were, to be compared bit by bit.

use locus_engine::model::Model;
use locus_engine::{Doing, Result};
use locus_plugin::{Delta, Form};
use tch::Tensor;

/// A copy of all weights.
pub struct WeightsCopy(Vec<(String, Tensor)>);

impl WeightsCopy {
    /// Those of a model.
    ///
    /// # Errors
    /// There is no room for them a second time.
    pub fn of(model: &Model) -> Result<Self> {
        let _guard = tch::no_grad_guard();
        let copy = |(name, value): (String, Tensor)| {
            let mut copy = value.f_zeros_like()?;
            copy.f_copy_(&value)?;
            Ok((name, copy))
        };
        let copies: Result<Vec<_>> = model.parameters().into_iter().map(copy).collect();
        copies.doing(|| "copying all weights".to_owned()).map(Self)
    }

    /// Names of those that are not the same any more.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn changed(&self, model: &Model) -> Result<Vec<String>> {
        let mut changed = Vec::new();
        for (name, before) in &self.0 {
            let same = match model.parameter(name) {
                Some(now) => now.size() == before.size() && now.f_equal(before)?,
                None => false,
            };
            if !same {
                changed.push(name.clone());
            }
        }
        Ok(changed)
    }
}

/// Whether two lists of changes are the same bit by bit.
pub fn are_same(one: &[Delta], other: &[Delta]) -> bool {
    let kinds = |one: &Tensor, other: &Tensor| Some(one.f_kind().ok()? == other.f_kind().ok()?);
    // what cannot be compared is not the same
    let same = |one: &Tensor, other: &Tensor| {
        one.size() == other.size() && kinds(one, other) == Some(true) && one.f_equal(other).unwrap_or(false)
    };
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.parameter == other.parameter
                && match (&one.form, &other.form) {
                    (Form::Dense(one), Form::Dense(other)) => same(one, other),
                    (Form::LowRank { left, right }, Form::LowRank { left: other_left, right: other_right }) => {
                        same(left, other_left) && same(right, other_right)
                    }
                    _ => false,
                }
        })
}

/// The layer that a parameter belongs to, whatever part of it; `None` for those of no layer.
pub fn layer_of(model: &Model, parameter: &str) -> Option<usize> {
    let prefix = |block: &locus_engine::model::architecture::BlockNames| {
        let mlp = block.mlp.module();
        let common = mlp.bytes().zip(block.attention_output.bytes()).take_while(|(one, other)| one == other);
        let common = &mlp[..common.count()];
        common.rfind('.').map_or("", |dot| &common[..=dot]).to_owned()
    };
    model.architecture.blocks.iter().position(|block| {
        let prefix = prefix(block);
        !prefix.is_empty() && parameter.starts_with(&prefix)
    })
}
