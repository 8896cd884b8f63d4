//! Readers of fact files: CounterFact records, and the workbench's own facts.

use crate::error::{Error, Result};
use locus_protocol::Fact;
use serde_json::Value;
use std::path::Path;

/// Reads a JSON file with a list of CounterFact records.
///
/// # Errors
/// The file cannot be read, is no JSON list, or a record lacks a field: one sentence that names it.
pub fn read(file: &Path) -> Result<Vec<Fact>> {
    let text = std::fs::read_to_string(file).map_err(|source| Error::Facts {
        path: file.to_owned(),
        message: format!("cannot be read ({source}); give a JSON file of CounterFact records"),
    })?;
    parse(&text).map_err(|message| Error::Facts { path: file.to_owned(), message })
}

/// Facts out of the text of a CounterFact file.
///
/// # Errors
/// One sentence that names record and field.
pub fn parse(text: &str) -> Result<Vec<Fact>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not valid JSON: {error}"))?;
    let records = value.as_array().ok_or("not a JSON list; give a list of CounterFact records")?;
    if records.is_empty() {
        return Err("the list is empty; give at least one CounterFact record".to_owned());
    }
    records
        .iter()
        .enumerate()
        .map(|(index, record)| fact(record).map_err(|complaint| format!("record {index}: {complaint}")))
        .collect()
}

fn fact(record: &Value) -> Result<Fact, String> {
    let rewrite = record.get("requested_rewrite").ok_or("field `requested_rewrite` is missing")?;
    let text = |path: &[&str]| -> Result<String, String> {
        let found = path.iter().try_fold(rewrite, |value, name| value.get(name));
        let named = || format!("field `requested_rewrite.{}` must be a text that is not empty", path.join("."));
        found.and_then(Value::as_str).filter(|text| !text.trim().is_empty()).map(str::to_owned).ok_or_else(named)
    };
    let template = text(&["prompt"])?;
    if template.matches("{}").count() != 1 {
        return Err("field `requested_rewrite.prompt` must contain {} exactly once, in the subject's place".to_owned());
    }
    Ok(Fact {
        case_id: record.get("case_id").and_then(Value::as_u64),
        template,
        subject: text(&["subject"])?,
        target_true: text(&["target_true", "str"])?,
        target_new: text(&["target_new", "str"])?,
        relation: rewrite.get("relation_id").and_then(Value::as_str).unwrap_or_default().to_owned(),
        paraphrases: prompts(record, "paraphrase_prompts")?,
        neighborhood: prompts(record, "neighborhood_prompts")?,
    })
}

/// A list of prompts; a record may lack it.
fn prompts(record: &Value, field: &str) -> Result<Vec<String>, String> {
    let Some(list) = record.get(field) else { return Ok(Vec::new()) };
    serde_json::from_value(list.clone()).map_err(|_| format!("field `{field}` must be a list of texts"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_missing_field_is_named() {
        let whole = r#"[{"case_id": 7, "requested_rewrite": {"prompt": "The capital of {} is", "relation_id": "P36",
            "subject": "France", "target_new": {"str": "Rome"}, "target_true": {"str": "Paris"}},
            "paraphrase_prompts": ["France has its capital in"], "neighborhood_prompts": []}]"#;
        let facts = parse(whole).expect("whole record");
        assert_eq!(facts[0].prompt(), "The capital of France is");
        assert_eq!((facts[0].case_id, facts[0].paraphrases.len()), (Some(7), 1));
        for (from, to, named) in [
            (r#""target_true": {"str": "Paris"}"#, r#""target_true": {}"#, "target_true.str"),
            (r#""subject": "France","#, "", "requested_rewrite.subject"),
            ("of {} is", "of France is", "exactly once"),
            (r#"["France has its capital in"]"#, "3", "paraphrase_prompts"),
        ] {
            let broken = whole.replace(from, to);
            assert_ne!(broken, whole, "{from}");
            let error = parse(&broken).expect_err(named);
            assert!(error.starts_with("record 0: ") && error.contains(named), "{error}");
        }
        assert!(parse("{}").expect_err("object").contains("not a JSON list"));
    }
}
