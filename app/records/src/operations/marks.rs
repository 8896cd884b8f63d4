//! Names of what an operation refers to: the run of the program, the time, the facts.

use crate::error::Error;
use crate::hex;
use jiff::{Timestamp, Unit};
use locus_protocol::{Fact, FactsMark};
use sha2::{Digest, Sha256};

/// A name for this run of the program.
#[must_use]
pub fn run_name() -> String {
    format!("{}-{}", now().replace([':', '-'], ""), std::process::id())
}

/// The time as the journal has it.
#[must_use]
pub fn now() -> String {
    let now = Timestamp::now();
    now.round(Unit::Millisecond).unwrap_or(now).to_string()
}

/// Facts by their source and contents.
///
/// # Errors
/// They cannot be written as JSON.
pub fn facts_mark(source: &str, facts: &[Fact]) -> Result<FactsMark, Error> {
    let text = serde_json::to_vec(facts).map_err(|error| Error::Request(format!("the facts of {source}: {error}")))?;
    Ok(FactsMark { source: source.to_owned(), sha256: hex(&Sha256::digest(text)) })
}
