//! The rows of the value optimisation of many facts.

use crate::Contexts;
use locus_plugin::tch::Tensor;
use locus_plugin::{Cell, Cells, Edit, Error, FactToken, Host, Read, Result, Site, SuffixRequest, TargetReads, lookup};

/// All prompts of the optimisation. For each fact: the rewriting prompts, each with the target's tokens but the last,
/// and one whose next-token distribution at the fact's token should stay as it is.
pub(crate) struct Batch {
    /// The run, with one value to add per fact token.
    pub request: SuffixRequest,
    /// By cell that a value is added to: the fact, counted within the batch.
    pub owners: Tensor,
    /// What is read of the targets.
    pub targets: TargetReads,
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
        let (mut cells, mut starts, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        let mut targets = Vec::with_capacity(edits.len());
        for (fact, edit) in edits.iter().enumerate() {
            let target = target_tokens(edit, host)?;
            let before_last = &target[..target.len() - 1];
            let written = if before_last.is_empty() { String::new() } else { host.detokenize(before_last)? };
            let mut reads = Vec::new();
            for template in contexts.around(&edit.template) {
                let row = request.rows.len();
                let (_, position) = lookup(host, &template, &edit.subject, token)?;
                let (ids, _) = lookup(host, &(template + &written), &edit.subject, token)?;
                let start = ids.len() - target.len();
                let read = |(offset, &token)| Read { cell: Cell { row, position: start + offset }, token };
                reads.push(target.iter().enumerate().map(read).collect());
                request.rows.push(ids);
                cells.push(Cell { row, position });
            }
            starts.push(cells[cells.len() - contexts.0.len()]);
            targets.push(reads);
            let (ids, position) = lookup(host, "{} is a", &edit.subject, token)?;
            let essence = Cell { row: request.rows.len(), position };
            request.rows.push(ids);
            request.distributions.push(essence);
            cells.push(essence);
            let rows = contexts.0.len() + 1;
            owners.extend(std::iter::repeat_n(fact as i64, rows));
            request.facts.extend(std::iter::repeat_n(first + fact, rows));
        }
        let targets = TargetReads::new(&targets)?;
        request.read = targets.reads().to_vec();
        request.capture.push(Cells { site, cells: starts });
        request.add.push(Cells { site, cells });
        Ok(Self { request, owners: Tensor::from_slice(&owners), targets })
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
