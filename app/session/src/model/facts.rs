//! The facts that belong to a model.

use crate::emitter::Emitter;
use crate::error::Error;
use locus_engine::model::Model;
use locus_protocol::shown::quoted;
use locus_protocol::{Fact, LogLevel, ModelSource, Reading, counted};
use locus_records::facts;
use std::path::{Path, PathBuf};

/// Tokens that a tokenizer adds to a text at most.
const ADDED: i64 = 8;

/// Facts that are told by name when they do not fit.
const NAMED: usize = 10;

/// The facts that were asked for, those in the model's folder, or the built-in ones.
pub fn read(
    emitter: &Emitter,
    (file, reading): (Option<&Path>, &Reading),
    source: &ModelSource,
    folder: &Path,
) -> Result<(String, Vec<Fact>), Error> {
    let own: PathBuf = folder.join("facts.json");
    match (file, source) {
        (Some(file), _) => {
            let read = facts::read_as(file, reading)?;
            tell_bad(emitter, file, &read.bad);
            Ok((file.display().to_string(), read.facts))
        }
        (None, ModelSource::BuiltIn) => Ok(("built-in facts".to_owned(), facts::read(&own)?)),
        (None, ModelSource::Folder(_)) if own.exists() => Ok((own.display().to_string(), facts::read(&own)?)),
        (None, ModelSource::Folder(_)) => {
            let built_in = locus_demo::assets().iter().find(|(name, _)| *name == "facts.json");
            let text = built_in.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok()).unwrap_or("[]");
            let facts = facts::parse(text).map_err(Error::Request)?;
            Ok(("built-in facts (the folder has no facts.json)".to_owned(), facts))
        }
    }
}

/// The facts whose prompts the model can read; the others are told by name.
pub fn that_fit(emitter: &Emitter, model: &Model, facts: Vec<Fact>) -> Vec<Fact> {
    let mut left_out = 0;
    let fitting = facts.into_iter().enumerate().filter_map(|(index, fact)| match fits(model, &fact.prompt()) {
        Ok(()) => Some(fact),
        Err(why) => {
            left_out += 1;
            if left_out <= NAMED {
                let subject = quoted(&fact.subject);
                emitter.log("engine", LogLevel::Warning, format!("fact {index} (“{subject}”): {why}; it is skipped"));
            }
            None
        }
    });
    let fitting = fitting.collect();
    if left_out > NAMED {
        emitter.log(
            "engine",
            LogLevel::Warning,
            format!("skipped {} that the model cannot read", counted(left_out, "fact")),
        );
    }
    fitting
}

/// Whether the model can read a prompt.
fn fits(model: &Model, prompt: &str) -> Result<(), String> {
    let context = model.architecture.context;
    // a token is one byte of the prompt at least, or one of few that the tokenizer adds
    if (prompt.len() as i64) < context - ADDED {
        return Ok(());
    }
    let tokens = model.tokenizer.encode(prompt).map_err(|error| error.to_string())?.len() as i64;
    if (1..=context).contains(&tokens) {
        Ok(())
    } else {
        Err(format!("its prompt has {tokens} tokens, but the model reads 1 to {context}"))
    }
}

/// Lists the records that were left out.
fn tell_bad(emitter: &Emitter, file: &Path, bad: &[String]) {
    for complaint in bad {
        emitter.log("engine", LogLevel::Warning, format!("{}: {complaint}; it is skipped", file.display()));
    }
    if !bad.is_empty() {
        emitter.log(
            "engine",
            LogLevel::Warning,
            format!("{}: skipped {}", file.display(), counted(bad.len(), "bad record")),
        );
    }
}
