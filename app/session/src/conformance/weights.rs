//! The weights as they were, to be compared bit by bit.

use locus_engine::model::Model;
use locus_plugin::{Delta, Form};
use tch::Tensor;

/// A copy of all weights.
pub struct Weights(Vec<(String, Tensor)>);

impl Weights {
    /// Those of a model.
    pub fn of(model: &Model) -> Self {
        let _guard = tch::no_grad_guard();
        Self(model.parameters().into_iter().map(|(name, value)| (name, value.copy())).collect())
    }

    /// Names of those that are not the same any more.
    pub fn changed(&self, model: &Model) -> Vec<String> {
        let same = |name: &str, before: &Tensor| {
            model.parameter(name).is_some_and(|now| now.size() == before.size() && now.equal(before))
        };
        self.0.iter().filter(|(name, before)| !same(name, before)).map(|(name, _)| name.clone()).collect()
    }

    /// Writes them back into a model that shares storage with the one they were taken from.
    pub fn put_back(&self, model: &Model) {
        let _guard = tch::no_grad_guard();
        for (name, before) in &self.0 {
            if let Some(mut now) = model.parameter(name) {
                now.copy_(before);
            }
        }
    }
}

/// Whether two lists of changes are the same bit by bit.
pub fn are_same(one: &[Delta], other: &[Delta]) -> bool {
    let same =
        |one: &Tensor, other: &Tensor| one.size() == other.size() && one.kind() == other.kind() && one.equal(other);
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
        let common = block.down.bytes().zip(block.attention_norm.bytes()).take_while(|(one, other)| one == other);
        let common = &block.down[..common.count()];
        common.rfind('.').map_or("", |dot| &common[..=dot]).to_owned()
    };
    model.architecture.blocks.iter().position(|block| {
        let prefix = prefix(block);
        !prefix.is_empty() && parameter.starts_with(&prefix)
    })
}
