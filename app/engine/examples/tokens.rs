//! Tokens of prompts, their subjects and targets: `tokens FOLDER CASES OUT`.
//!
//! CASES is a JSON list of objects with `template`, `subject` and `target`; OUT gets a list of `ids`, `subject_range` and
//! `target_ids`.

use locus_engine::model::Tokenizer;
use serde_json::{Value, json};
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder, cases, out] = &arguments[..] else { return Err("usage: tokens FOLDER CASES OUT".into()) };
    let tokenizer = Tokenizer::read(folder)?;
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(cases)?)?;
    let mut told = Vec::new();
    for case in &cases {
        let text = |name: &str| case[name].as_str().unwrap_or_default();
        let prompt = tokenizer.prompt(text("template"), text("subject"), None)?;
        let whole = tokenizer.prompt(text("template"), text("subject"), Some(text("target")))?;
        told.push(json!({
            "ids": prompt.ids,
            "subject_range": [whole.subject.start, whole.subject.end],
            "target_ids": whole.ids[whole.prompt..],
        }));
    }
    std::fs::write(out, serde_json::to_string(&told)?)?;
    Ok(())
}
