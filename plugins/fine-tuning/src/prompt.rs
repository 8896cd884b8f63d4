//! The prompt that is trained on, and where its target is scored.

use crate::FineTuningParameters;
use locus_plugin::{Cell, Edit, Error, Host, Read, Result, SuffixRequest};

/// The bare prompt with the target after it; `parameters` are the trained ones by name.
pub fn suffix(
    edit: &Edit,
    parameters: Vec<String>,
    settings: &FineTuningParameters,
    host: &dyn Host,
) -> Result<SuffixRequest> {
    let mut row = host.tokenize(&edit.prompt(), true)?;
    let target = host.tokenize(&format!(" {}", edit.target), false)?;
    if row.is_empty() || target.is_empty() {
        return Err(Error::Request("prompt and target must not be empty; give the fact's texts".to_owned()));
    }
    let last = row.len() - 1;
    let forced = settings.target_positions == "teacher_forced";
    let read = |(offset, &token): (usize, &i64)| Read {
        cell: Cell { row: 0, position: if forced { last + offset } else { last } },
        token,
    };
    let read = target.iter().enumerate().map(read).collect();
    if forced {
        row.extend(&target[..target.len() - 1]);
    }
    Ok(SuffixRequest { rows: vec![row], parameters, read, ..SuffixRequest::default() })
}
