//! The rows of the value optimization of many facts.

use crate::{Contexts, Placed};
use locus_plugin::tch::Tensor;
use locus_plugin::{
    Cell, Cells, Edit, FactToken, Host, Read, Result, Site, SuffixRequest, TargetReads, lookup, tokenize_fact,
};

/// All prompts of the optimization. For each fact: the rewriting prompts, each with the target's tokens but the last,
/// and one whose next-token distribution at the fact's token should stay as it is.
pub(crate) struct Batch {
    /// The run, with one value to add per fact token.
    pub request: SuffixRequest,
    /// By cell that a value is added to: the fact, counted within the batch.
    pub owners: Tensor,
    /// What is read of the targets.
    pub targets: TargetReads,
    /// The facts' tokens in the rewriting prompts, in the order of [`crate::context_rows`].
    cells: Vec<Cell>,
}

impl Batch {
    /// Rows of `edits`, the first of which has number `first` in the request. Values are added at `site`; keys are captured
    /// at the layer `keys`, if there is one.
    pub fn new(
        edits: &[Edit],
        first: usize,
        (site, keys): (Site, Option<usize>),
        contexts: &Contexts,
        token: FactToken,
        host: &dyn Host,
    ) -> Result<Self> {
        let mut request = SuffixRequest::default();
        let (mut cells, mut starts, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        let mut in_contexts = Vec::new();
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
            let own = &cells[cells.len() - contexts.0.len()..];
            starts.push(own[0]);
            in_contexts.extend_from_slice(own);
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
        request.capture.extend(keys.map(|layer| Cells { site: Site::MlpKey(layer), cells: in_contexts.clone() }));
        request.add.push(Cells { site, cells });
        Ok(Self { request, owners: Tensor::from_slice(&owners), targets, cells: in_contexts })
    }

    /// Whether the facts' tokens are those of `placed`, with the same tokens before each: what follows them changes nothing
    /// there.
    pub fn begins_like(&self, placed: &Placed) -> bool {
        let alike = |(ours, (theirs, row)): (&Cell, (&Cell, &Vec<i64>))| {
            let whole = &self.request.rows[ours.row];
            ours.position == theirs.position && whole.get(..=ours.position) == row.get(..=theirs.position)
        };
        let theirs = placed.cells.iter().zip(&placed.rows);
        self.cells.len() == placed.cells.len() && self.cells.iter().zip(theirs).all(alike)
    }
}
