//! The most probable next tokens of a fact's prompt, and what each layer says of its targets.

use crate::editing::rows_of;
use crate::error::Error;
use crate::worker::Worker;
use locus_engine::evaluate::top_tokens;
use locus_engine::model::Model;
use locus_protocol::{Event, Fact, TokenText};
use std::ops::Range;

/// Tells the tokens of the prompt, what comes next, and the rows of the model as it is.
pub fn predict(worker: &Worker<'_>, fact: &Fact) -> Result<(), Error> {
    let loaded = worker.ready()?;
    let (model, edits) = (loaded.stack.model(), loaded.stack.applied().len());
    let prompt = fact.prompt();
    let ids = model.tokenizer.encode(&prompt)?;
    let subject = model.tokenizer.subject_range(&prompt, &fact.subject)?;
    let (tokens, top) = (token_texts(model, &ids, &subject)?, top_tokens(model, &ids)?);
    // a fact that is only traced may lack a target
    let has_targets = [&fact.target_new, &fact.target_true].iter().all(|target| !target.trim().is_empty());
    let rows = if has_targets { rows_of(loaded.stack.model(), fact)? } else { Vec::new() };
    worker.emitter.tell(Event::Prediction { prompt, tokens, top, edits, rows });
    Ok(())
}

/// The tokens of a prompt as text, the subject's marked.
pub fn token_texts(model: &Model, ids: &[i64], subject: &Range<usize>) -> Result<Vec<TokenText>, Error> {
    let text = |(index, &id): (usize, &i64)| {
        Ok(TokenText { text: model.tokenizer.decode(&[id])?, subject: subject.contains(&index) })
    };
    ids.iter().enumerate().map(text).collect()
}
