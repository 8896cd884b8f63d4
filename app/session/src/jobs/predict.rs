//! The most probable next tokens of a fact's prompt, and what each layer says of its targets.

use crate::emitter::Emitter;
use crate::error::Error;
use crate::model::loaded::Loaded;
use crate::model::rows::{rows_of, token_texts};
use locus_engine::evaluate::top_tokens;
use locus_engine::model::Model;
use locus_engine::model::tokenizer::PlacedPrompt;
use locus_engine::run::{Choice, Length, generate, word};
use locus_protocol::{Event, Fact, TriedOn};

/// Tokens of a word at most.
const LONGEST_WORD: usize = 12;

/// Tells the tokens of the prompt, what comes next, and the rows of the model as it is.
pub fn predict(emitter: &Emitter, loaded: &Loaded, fact: &Fact) -> Result<(), Error> {
    let (model, in_place) = (loaded.stack.model(), loaded.edits_on(TriedOn::AsItIs));
    let prompt = fact.prompt();
    let PlacedPrompt { ids, subject, .. } = model.tokenizer.prompt(&fact.template, &fact.subject, None)?;
    let (tokens, top) = (token_texts(model, &ids, &subject), top_tokens(model, &ids)?);
    // a fact that is only traced may lack a target
    let has_targets = [&fact.target_new, &fact.target_true].iter().all(|target| !target.trim().is_empty());
    let rows = if has_targets { rows_of(loaded.stack.model(), fact)? } else { Vec::new() };
    // whoever knows the answer does not ask for it
    let says = if fact.target_true.trim().is_empty() { first_word(model, &prompt)? } else { String::new() };
    let edits = in_place.len();
    emitter.tell(Event::Prediction { prompt, tokens, top, edits, in_place, rows, says });
    Ok(())
}

/// The word that the model says after a prompt of its own accord; nothing where it says no word.
fn first_word(model: &Model, prompt: &str) -> Result<String, Error> {
    let prompts = [prompt.to_owned()];
    let texts = generate(model, &prompts, Length::Word(LONGEST_WORD), Choice::Greedy, &mut || Ok(()))?;
    let text = texts.first().map(|text| text.continuation(model)).transpose()?;
    Ok(word(&text.unwrap_or_default()).to_owned())
}
