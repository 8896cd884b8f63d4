//! The targets of several facts: what is read for each, and the objective's loss for each.

use crate::error::{Error, Result};
use crate::host::Read;
use crate::request::Reduction;
use crate::services::Host;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// Reads of the targets of several facts. All rows of a fact have the same number of tokens to read.
#[derive(Debug)]
pub struct TargetReads {
    reads: Vec<Read>,
    groups: Vec<Group>,
    /// For each fact, the position of its loss in the losses of all groups, concatenated.
    order: Tensor,
}

/// Facts with equally many rows and tokens.
#[derive(Debug)]
struct Group {
    facts: i64,
    rows: i64,
    tokens: i64,
    /// Indices of their reads, `[facts · rows · tokens]`.
    reads: Tensor,
}

impl TargetReads {
    /// From the reads of each fact and row.
    ///
    /// # Errors
    /// [`Error::Request`] for a fact without reads, or with rows of unequal length.
    pub fn new(facts: &[Vec<Vec<Read>>]) -> Result<Self> {
        let mut reads: Vec<Read> = Vec::new();
        let mut shapes: BTreeMap<(usize, usize), Vec<(usize, usize)>> = BTreeMap::new();
        for (fact, rows) in facts.iter().enumerate() {
            let tokens = rows.first().map_or(0, Vec::len);
            if tokens == 0 || rows.iter().any(|row| row.len() != tokens) {
                return Err(Error::Request(format!("fact {fact} reads no target, or not the same in all of its rows")));
            }
            shapes.entry((rows.len(), tokens)).or_default().push((fact, reads.len()));
            reads.extend(rows.iter().flatten());
        }
        let mut order = vec![0; facts.len()];
        let mut groups = Vec::new();
        let mut place = 0;
        for ((rows, tokens), members) in shapes {
            for (fact, _) in &members {
                order[*fact] = place;
                place += 1;
            }
            let count = rows * tokens;
            let indices: Vec<i64> =
                members.iter().flat_map(|(_, first)| *first as i64..(first + count) as i64).collect();
            groups.push(Group {
                facts: members.len() as i64,
                rows: rows as i64,
                tokens: tokens as i64,
                reads: Tensor::from_slice(&indices),
            });
        }
        Ok(Self { reads, groups, order: Tensor::from_slice(&order) })
    }

    /// All reads, as a run needs them.
    #[must_use]
    pub fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// The objective's loss of every fact, and the target's probability, both `[facts]`: for [`Reduction::Sum`] the
    /// joint probability of its tokens, for [`Reduction::Mean`] their geometric mean, averaged over the rows.
    /// `log_probabilities` `[reads]` is the output of a run for [`Self::reads`].
    ///
    /// # Errors
    /// Those of the objective; [`Error::Failed`] if it does not return one loss per fact.
    pub fn losses(
        &mut self,
        log_probabilities: &Tensor,
        reduction: Reduction,
        host: &dyn Host,
    ) -> Result<(Tensor, Tensor)> {
        self.move_to(log_probabilities.device());
        let (mut losses, mut probabilities) = (Vec::new(), Vec::new());
        for group in &self.groups {
            let read = log_probabilities.f_index_select(0, &group.reads)?;
            let read = read.f_reshape([group.facts, group.rows, group.tokens])?;
            // an objective that knows of one fact only is asked about one fact
            let loss = if group.facts == 1 {
                host.objective_loss(&read.get(0), reduction)?.f_reshape([1])?
            } else {
                host.objective_loss(&read, reduction)?
            };
            if loss.size() != [group.facts] {
                let message = format!("the objective's loss has shape {:?}, not one per fact", loss.size());
                return Err(Error::Failed(message));
            }
            losses.push(loss);
            let whole = match reduction {
                Reduction::Mean => read.f_mean_dim(-1i64, false, None)?,
                Reduction::Sum => read.f_sum_dim_intlist(-1i64, false, None)?,
            };
            probabilities.push(whole.f_exp()?.f_mean_dim(-1i64, false, Kind::Float)?);
        }
        let join = |parts: &[Tensor]| Tensor::f_cat(parts, 0).and_then(|all| all.f_index_select(0, &self.order));
        Ok((join(&losses)?, join(&probabilities)?))
    }

    /// Moves the indices to the model's device; after the first step they stay there.
    fn move_to(&mut self, device: Device) {
        if self.order.device() != device {
            self.order = self.order.to_device(device);
            for group in &mut self.groups {
                group.reads = group.reads.to_device(device);
            }
        }
    }
}
