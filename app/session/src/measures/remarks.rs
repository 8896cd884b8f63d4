//! What should be known of a fact before its numbers are believed.

use crate::emitter::Emitter;
use crate::error::Error;
use locus_engine::evaluate::{FactRemark, remarks};
use locus_engine::model::Model;
use locus_protocol::{Fact, LogLevel};

/// Tells what should be known of a fact before its numbers are believed.
pub fn tell_remarks(emitter: &Emitter, model: &Model, fact: &Fact) -> Result<Vec<FactRemark>, Error> {
    let remarks = remarks(&model.tokenizer, fact)?;
    for remark in &remarks {
        emitter.log("engine", LogLevel::Warning, format!("“{}”: {}", fact.prompt(), remark.text));
    }
    Ok(remarks)
}
