//! The prompts that are trained on, and where their targets are scored.

use crate::FineTuningParameters;
use locus_plugin::{Cell, Edit, Host, Read, Result, SuffixRequest, TargetReads, tokenize_fact};

/// The bare prompts with their targets after them, as often as the objective asks for; `first` is the number of the
/// first of `edits` in the request and `parameters` are the trained ones by name.
pub fn suffix(
    edits: &[Edit],
    first: usize,
    parameters: Vec<String>,
    settings: &FineTuningParameters,
    host: &dyn Host,
) -> Result<(SuffixRequest, TargetReads)> {
    let forced = settings.teacher_forced();
    let mut request = SuffixRequest { parameters, ..SuffixRequest::default() };
    let mut targets = Vec::with_capacity(edits.len());
    for (index, edit) in edits.iter().enumerate() {
        let tokens = tokenize_fact(host, &edit.template, &edit.subject, &edit.target)?;
        let (last, target) = (tokens.prompt - 1, tokens.target());
        let mut ids = tokens.ids[..tokens.prompt].to_vec();
        if forced {
            ids.extend(&target[..target.len() - 1]);
        }
        let mut rows = Vec::new();
        for _ in 0..edit.copies.max(1) {
            let row = request.rows.len();
            let read = |(offset, &token): (usize, &i64)| Read {
                cell: Cell { row, position: if forced { last + offset } else { last } },
                token,
            };
            rows.push(target.iter().enumerate().map(read).collect());
            request.rows.push(ids.clone());
            request.facts.push(first + index);
        }
        targets.push(rows);
    }
    let targets = TargetReads::new(&targets)?;
    request.read = targets.reads().to_vec();
    Ok((request, targets))
}
