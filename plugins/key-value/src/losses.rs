//! The rows of the value optimisation of many facts, and the objective's loss of each.

use crate::Contexts;
use locus_plugin::tch::{Kind, Tensor};
use locus_plugin::{
    Cell, Cells, Edit, Error, FactToken, Host, Read, Reduction, Result, Site, SuffixOutput, SuffixRequest, lookup,
};
use std::collections::BTreeMap;

/// All prompts of the optimisation. For each fact: the rewriting prompts, each with the target's tokens but the last,
/// and one whose next-token distribution at the fact's token should stay as it is.
pub(crate) struct Batch {
    /// The run, with one value to add per fact token.
    pub request: SuffixRequest,
    /// By cell that a value is added to: the fact, counted within the batch.
    pub owners: Tensor,
    /// Facts whose targets have the same number of tokens.
    groups: Vec<Group>,
    /// Where each fact's loss lies when those of all groups are joined.
    order: Tensor,
    contexts: i64,
}

/// Facts with targets of `tokens` tokens.
struct Group {
    facts: i64,
    tokens: i64,
    /// Indices of their reads, `[facts · contexts · tokens]`.
    reads: Tensor,
}

impl Batch {
    /// Rows of `edits`, the first of which has number `first` in the request. Values are added at `site`.
    pub fn new(
        edits: &[Edit],
        first: usize,
        site: Site,
        contexts: &Contexts,
        token: FactToken,
        host: &dyn Host,
    ) -> Result<Self> {
        let mut request = SuffixRequest::default();
        let (mut cells, mut bare, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        let mut by_length: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (fact, edit) in edits.iter().enumerate() {
            let target = target_tokens(edit, host)?;
            let before_last = &target[..target.len() - 1];
            let written = if before_last.is_empty() { String::new() } else { host.detokenize(before_last)? };
            by_length.entry(target.len()).or_default().push((fact, request.read.len()));
            bare.push(cells.len());
            for template in contexts.around(&edit.template) {
                let row = request.rows.len();
                let (_, position) = lookup(host, &template, &edit.subject, token)?;
                let (ids, _) = lookup(host, &(template + &written), &edit.subject, token)?;
                let start = ids.len() - target.len();
                let read = |(offset, &token)| Read { cell: Cell { row, position: start + offset }, token };
                request.read.extend(target.iter().enumerate().map(read));
                request.rows.push(ids);
                cells.push(Cell { row, position });
            }
            let (ids, position) = lookup(host, "{} is a", &edit.subject, token)?;
            let essence = Cell { row: request.rows.len(), position };
            request.rows.push(ids);
            request.distributions.push(essence);
            cells.push(essence);
            let rows = contexts.0.len() + 1;
            owners.extend(std::iter::repeat_n(fact as i64, rows));
            request.facts.extend(std::iter::repeat_n(first + fact, rows));
        }
        let starts = bare.iter().map(|&index| cells[index]).collect();
        request.capture.push(Cells { site, cells: starts });
        request.add.push(Cells { site, cells });
        let contexts = contexts.0.len();
        let mut order = vec![0; edits.len()];
        let mut place = 0;
        let mut groups = Vec::new();
        for (tokens, members) in by_length {
            for (fact, _) in &members {
                order[*fact] = place;
                place += 1;
            }
            let reads: Vec<i64> =
                members.iter().flat_map(|(_, start)| (*start..start + contexts * tokens).map(|at| at as i64)).collect();
            let facts = members.len() as i64;
            groups.push(Group { facts, tokens: tokens as i64, reads: Tensor::from_slice(&reads) });
        }
        let (owners, order) = (Tensor::from_slice(&owners), Tensor::from_slice(&order));
        Ok(Self { request, owners, groups, order, contexts: contexts as i64 })
    }

    /// The objective's loss and the target's probability (a mean over the contexts of a geometric mean over its tokens)
    /// of every fact, `[facts]` each.
    pub fn losses(&self, output: &SuffixOutput, host: &dyn Host) -> Result<(Tensor, Tensor)> {
        let device = output.log_probabilities.device();
        let (mut losses, mut probabilities) = (Vec::new(), Vec::new());
        for group in &self.groups {
            let read = output.log_probabilities.f_index_select(0, &group.reads.to_device(device))?;
            let read = read.f_reshape([group.facts, self.contexts, group.tokens])?;
            // an objective that knows of one fact only is asked about one fact
            let loss = if group.facts == 1 {
                host.objective_loss(&read.get(0), Reduction::Mean)?.f_reshape([1])?
            } else {
                host.objective_loss(&read, Reduction::Mean)?
            };
            if loss.size() != [group.facts] {
                let message = format!("the objective's loss has shape {:?}, not one per fact", loss.size());
                return Err(Error::Failed(message));
            }
            losses.push(loss);
            let means = read.f_mean_dim(-1i64, false, None)?.f_exp()?;
            probabilities.push(means.f_mean_dim(-1i64, false, Kind::Float)?);
        }
        let order = self.order.to_device(device);
        let join = |parts: &[Tensor]| Tensor::f_cat(parts, 0).and_then(|all| all.f_index_select(0, &order));
        Ok((join(&losses)?, join(&probabilities)?))
    }
}

/// Token ids of a target as it stands after its prompt.
fn target_tokens(edit: &Edit, host: &dyn Host) -> Result<Vec<i64>> {
    let target = if edit.target.starts_with(' ') { edit.target.clone() } else { format!(" {}", edit.target) };
    let ids = host.tokenize(&target, false)?;
    if edit.target.trim().is_empty() || ids.is_empty() {
        return Err(Error::Request("the target is empty; give the answer's text".to_owned()));
    }
    Ok(ids)
}
