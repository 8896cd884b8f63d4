//! Rows that begin alike, run as one: a forest of tokens in which every shared beginning stands once.

use super::Model;
use super::batch::{Batch, Sight, Span};
use crate::error::{Doing, Result};
use crate::room::room;
use std::collections::HashMap;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};

/// Tokens of many rows. A token sees itself and the tokens before it in its row, so that a row's activations are
/// those of the row run alone, and what rows have in common is computed once.
#[derive(Clone, Debug, Default)]
pub struct Forest {
    tokens: Vec<i64>,
    parents: Vec<Option<usize>>,
    positions: Vec<i64>,
    /// Of the row that brought each token.
    lengths: Vec<i64>,
    /// Numbers of tokens; rows of so many and longer ones share nothing.
    borders: Vec<i64>,
    /// By tree, borders that the row has passed, parent and token: the token that rows share there.
    shared: HashMap<(usize, usize, Option<usize>, i64), usize>,
    /// The tree of each token.
    trees: Vec<usize>,
}

impl Forest {
    /// A forest for a model. Where the length of a row decides how its tokens turn, rows on both sides of the border
    /// share nothing.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        Self { borders: model.architecture.borders(), ..Self::default() }
    }

    /// Adds a row and gives the index of each of its tokens. At positions where `own` holds, the row gets a token of
    /// its own, and so it does after them.
    pub fn plant(&mut self, row: &[i64], own: impl Fn(usize) -> bool) -> Vec<usize> {
        self.plant_in(0, row, own)
    }

    /// The same in a tree of its own: rows of different trees share nothing.
    pub fn plant_in(&mut self, tree: usize, row: &[i64], own: impl Fn(usize) -> bool) -> Vec<usize> {
        let length = row.len() as i64;
        let passed = self.borders.iter().filter(|&&border| length > border).count();
        let mut parent = None;
        let path = row.iter().enumerate().map(|(position, &token)| {
            let known = if own(position) { None } else { self.shared.get(&(tree, passed, parent, token)).copied() };
            let index = known.unwrap_or_else(|| {
                let index = self.tokens.len();
                self.tokens.push(token);
                self.parents.push(parent);
                self.positions.push(position as i64);
                self.lengths.push(length);
                self.trees.push(tree);
                if !own(position) {
                    self.shared.insert((tree, passed, parent, token), index);
                }
                index
            });
            parent = Some(index);
            index
        });
        path.collect()
    }

    /// Whether another one has the same tokens in the same places.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.tokens == other.tokens && self.parents == other.parents && self.lengths == other.lengths
    }

    /// The tree of each token.
    #[must_use]
    pub fn trees(&self) -> &[usize] {
        &self.trees
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether no row was planted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens, `[tokens]` int64.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn ids(&self, device: Device) -> Result<Tensor> {
        Ok(Tensor::f_from_slice(&self.tokens)?.f_to_device(device)?)
    }

    /// The batch to run.
    ///
    /// # Errors
    /// Those of libtorch, and [`crate::Error::OutOfMemory`] for more tokens than can be looked at together.
    pub fn batch(&self, device: Device) -> Result<Batch> {
        let count = self.len();
        let mut hidden = room(count * count).doing(|| format!("gathering {count} tokens"))?;
        hidden.resize(count * count, true);
        for (index, parent) in self.parents.iter().enumerate() {
            // a token sees what the one before it sees, and itself
            let (before, rest) = hidden.split_at_mut(index * count);
            if let Some(parent) = parent {
                rest[..count].copy_from_slice(&before[parent * count..(parent + 1) * count]);
            }
            rest[index] = false;
        }
        let hidden = Tensor::f_from_slice(&hidden)?.f_to_kind(Kind::Bool)?.f_to_device(device)?;
        let [positions, lengths] =
            [&self.positions, &self.lengths].map(|list| Tensor::f_from_slice(list)?.f_to_device(device));
        let sight = Sight::new(positions?, lengths?, hidden.f_reshape([count as i64, count as i64])?);
        let span = Span { rows: 1, columns: count as i64, first: 0, whole: count as i64 };
        Ok(Batch { forest: Some(Rc::new(sight)), ..Batch::of(vec![span]) })
    }
}

#[cfg(test)]
mod tests {
    use super::Forest;
    use tch::Device;

    #[test]
    fn rows_share_their_beginning_and_nothing_else() {
        let mut forest = Forest::default();
        let never = |_: usize| false;
        assert_eq!(forest.plant(&[5, 6, 7], never), [0, 1, 2]);
        assert_eq!(forest.plant(&[5, 6, 8], never), [0, 1, 3]);
        assert_eq!(forest.plant(&[6, 7], never), [4, 5]);
        // the same tokens with something added at the second one
        assert_eq!(forest.plant(&[5, 6, 7], |position| position == 1), [0, 6, 7]);
        let mut apart = Forest::default();
        assert_eq!([0, 1, 0].map(|tree| apart.plant_in(tree, &[5, 6], never)), [[0, 1], [2, 3], [0, 1]]);
        assert_eq!(apart.trees(), [0, 0, 1, 1]);
        let sight = forest.batch(Device::Cpu).expect("batch").forest.expect("forest");
        assert_eq!(Vec::<i64>::try_from(&sight.positions).expect("positions"), [0, 1, 2, 2, 0, 1, 1, 2]);
        let seen = |token: i64| {
            let hidden = sight.hidden.get(token);
            (0..8).filter(|&other| hidden.int64_value(&[other]) == 0).collect::<Vec<i64>>()
        };
        assert_eq!((seen(3), seen(5), seen(7)), (vec![0, 1, 3], vec![4, 5], vec![0, 6, 7]));
    }
}
