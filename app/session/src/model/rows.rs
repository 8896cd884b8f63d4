//! What a model makes of a fact: its tokens, and the rows of the live table.

use crate::error::Error;
use locus_engine::edit::Looking;
use locus_engine::model::Model;
use locus_engine::run::lens_rows;
use locus_plugin::Delta;
use locus_protocol::{Fact, LayerRow, StepRows, TokenText, WeightChange};
use std::ops::Range;
use std::time::Duration;

/// A screen shows no more rows than these.
const SHOWN_EVERY: Duration = Duration::from_millis(50);

/// The rows of a model for a fact whose targets are not empty.
pub fn rows_of(model: &Model, fact: &Fact) -> Result<Vec<LayerRow>, Error> {
    let [new, truth] = shown_tokens(model, fact)?;
    Ok(lens_rows(model, &model.tokenizer.encode(&fact.prompt())?, new, truth)?)
}

/// How the rows of the steps of an edit are looked at, from those before it; `None` where they are not.
pub fn looking(model: &Model, fact: &Fact, rows: &[LayerRow], which: StepRows) -> Result<Option<Looking>, Error> {
    let every = match which {
        StepRows::None => return Ok(None),
        StepRows::AsShown => SHOWN_EVERY,
        StepRows::All => Duration::ZERO,
    };
    Ok(Some(Looking { rows: rows.to_vec(), tokens: shown_tokens(model, fact)?, every }))
}

/// Puts the relative weight change into the rows of the layers that moved.
pub fn mark(rows: &mut [LayerRow], changes: &[WeightChange]) {
    for change in changes.iter().filter(|change| change.parameter.ends_with(".weight")) {
        if let Some(row) = change.layer.and_then(|layer| rows.get_mut(layer)) {
            row.weight_change = Some(change.relative);
        }
    }
}

/// What is to be said of changes of a token embedding that is the unembedding as well.
pub fn of_a_tied_embedding<'a>(model: &Model, deltas: impl IntoIterator<Item = &'a Delta>) -> Option<String> {
    let delta = deltas.into_iter().find(|delta| model.is_tied(&delta.parameter))?;
    Some(format!("{} is also the unembedding: its change moves the logits of all prompts", delta.parameter))
}

/// First tokens of the new and the true target.
pub fn shown_tokens(model: &Model, fact: &Fact) -> Result<[i64; 2], Error> {
    // a fact that was only ever traced may lack one of them
    let first = |target: &str, other: &str| {
        let target = if target.trim().is_empty() { other } else { target };
        let none = || Error::Request(format!("the target `{target}` has no token; give the answer's text"));
        model.tokenizer.joined(&fact.prompt(), target)?.target().first().copied().ok_or_else(none)
    };
    Ok([first(&fact.target_new, &fact.target_true)?, first(&fact.target_true, &fact.target_new)?])
}

/// The tokens of a prompt as text, the subject's marked.
pub fn token_texts(model: &Model, ids: &[i64], subject: &Range<usize>) -> Vec<TokenText> {
    let text = |(index, text)| TokenText { text, subject: subject.contains(&index) };
    model.tokenizer.pieces(ids).into_iter().enumerate().map(text).collect()
}
