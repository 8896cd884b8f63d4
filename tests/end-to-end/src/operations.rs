//! The journal of operations of a home.

use crate::Home;
use locus_protocol::Operation;

/// All operations that a home's journal holds.
///
/// # Panics
/// A line is none.
#[must_use]
pub fn operations(home: &Home) -> Vec<Operation> {
    let text = std::fs::read_to_string(home.path("state/locus/operations.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}
