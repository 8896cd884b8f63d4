//! The rows of the value optimisation of many facts.

use crate::Contexts;
use locus_plugin::tch::Tensor;
use locus_plugin::{
    Cell, Cells, Edit, FactToken, Host, Read, Result, Site, SuffixRequest, TargetReads, lookup, tokenize_fact,
};

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
            let mut reads = Vec::new();
            for template in contexts.around(&edit.template) {
                let row = request.rows.len();
                let mut tokens = tokenize_fact(host, &template, &edit.subject, &edit.target)?;
                let start = tokens.prompt - 1;
                let read = |(offset, &token)| Read { cell: Cell { row, position: start + offset }, token };
                reads.push(tokens.target().iter().enumerate().map(read).collect());
                cells.push(Cell { row, position: tokens.position(token) });
                // nothing is read after the last token
                tokens.ids.pop();
                request.rows.push(tokens.ids);
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
