//! Rows of prompts and, in each, the token at which a fact is edited.

use crate::Contexts;
use locus_plugin::{Cell, Edit, FactToken, Host, Result, lookup};

/// Rows, the cell of each row's fact token, and the fact that each row is about.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// Token ids, one row per prompt.
    pub rows: Vec<Vec<i64>>,
    /// The fact's token of each row.
    pub cells: Vec<Cell>,
    /// The fact of each row, its number in the request.
    pub facts: Vec<usize>,
}

impl Placed {
    fn push(&mut self, template: &str, edit: &Edit, fact: usize, token: FactToken, host: &dyn Host) -> Result<()> {
        let (ids, position) = lookup(host, template, &edit.subject, token)?;
        self.cells.push(Cell { row: self.rows.len(), position });
        self.rows.push(ids);
        self.facts.push(fact);
        Ok(())
    }
}

/// The bare prompts of facts; `first` is the number of the first of them in the request.
///
/// # Errors
/// A template that cannot be filled.
pub fn bare_rows(edits: &[Edit], first: usize, token: FactToken, host: &dyn Host) -> Result<Placed> {
    let mut placed = Placed::default();
    for (index, edit) in edits.iter().enumerate() {
        placed.push(&edit.template, edit, first + index, token, host)?;
    }
    Ok(placed)
}

/// The prompts of facts in all contexts, those of one fact side by side in the order of the contexts.
///
/// # Errors
/// A template that cannot be filled.
pub fn context_rows(
    edits: &[Edit],
    first: usize,
    contexts: &Contexts,
    token: FactToken,
    host: &dyn Host,
) -> Result<Placed> {
    let mut placed = Placed::default();
    for (index, edit) in edits.iter().enumerate() {
        for template in contexts.around(&edit.template) {
            placed.push(&template, edit, first + index, token, host)?;
        }
    }
    Ok(placed)
}
