//! Readers of fact files: CounterFact, CounterFact flattened to one line a record, zsRE, known facts, and the
//! workbench's own facts. A file is a JSON list, or JSON Lines; each record is known by its fields.

mod formats;
mod mention;

use crate::error::{Error, Result};
use locus_protocol::{Fact, Reading};
use serde_json::Value;
use std::path::Path;

pub use mention::{Mention, mention};

/// Bytes of a file of facts at most: ten times the largest published one.
const LARGEST: u64 = 512 << 20;

/// What a file held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FactFile {
    pub facts: Vec<Fact>,
    /// One sentence for each record that was left out.
    pub bad: Vec<String>,
}

/// Reads a file of facts; every record must be good.
///
/// # Errors
/// The file cannot be read, is neither a JSON list nor JSON Lines, or a record lacks a field: one sentence that names it.
pub fn read(file: &Path) -> Result<Vec<Fact>> {
    Ok(read_as(file, &Reading::default())?.facts)
}

/// Reads a file of facts.
///
/// # Errors
/// Those of [`read`]; with `skip_bad` only where no record is good.
pub fn read_as(file: &Path, reading: &Reading) -> Result<FactFile> {
    let text = locus_files::text(file, LARGEST).map_err(|source| Error::File {
        path: file.to_owned(),
        message: format!("cannot be read ({source}); give a JSON file of CounterFact, zsRE or known-facts records"),
    })?;
    parse_as(&text, reading).map_err(|message| Error::File { path: file.to_owned(), message })
}

/// Facts out of the text of a file; every record must be good.
///
/// # Errors
/// One sentence that names record and field.
pub fn parse(text: &str) -> Result<Vec<Fact>, String> {
    Ok(parse_as(text, &Reading::default())?.facts)
}

/// Facts out of the text of a file.
///
/// # Errors
/// One sentence that names record and field; with `skip_bad` only where no record is good.
pub fn parse_as(text: &str, reading: &Reading) -> Result<FactFile, String> {
    let records = records(text)?;
    let answers = formats::Answers::of(records.iter().filter_map(|(_, record)| record.as_ref().ok()));
    let mut file = FactFile::default();
    for (index, (name, record)) in records.into_iter().enumerate() {
        let fact = record.and_then(|record| formats::fact(&record, index, &answers, reading));
        match fact {
            Ok(fact) => file.facts.push(fact),
            Err(complaint) if reading.skip_bad => file.bad.push(format!("{name}: {complaint}")),
            Err(complaint) => return Err(format!("{name}: {complaint}")),
        }
    }
    match (file.facts.is_empty(), file.bad.first()) {
        (false, _) => Ok(file),
        (true, None) => Err("there is no record; give at least one".to_owned()),
        (true, Some(first)) => Err(format!("no record is valid, {} are invalid; the first: {first}", file.bad.len())),
    }
}

/// What to call each record, and what it is if it is JSON.
type Records = Vec<(String, Result<Value, String>)>;

fn records(text: &str) -> Result<Records, String> {
    // some editors put a byte order mark in front
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('[') {
        let list: Vec<Value> = serde_json::from_str(text).map_err(|error| format!("not valid JSON: {error}"))?;
        return Ok(list
            .into_iter()
            .enumerate()
            .map(|(index, record)| (format!("record {index}"), Ok(record)))
            .collect());
    }
    if !text.trim_start().starts_with('{') {
        return Err("neither a JSON list nor JSON Lines; give a list of records, or one record per line".to_owned());
    }
    // one record over several lines
    if let Ok(record) = serde_json::from_str(text) {
        return Ok(vec![("record 0".to_owned(), Ok(record))]);
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let record = |(index, line): (usize, &str)| {
        let record = serde_json::from_str(line).map_err(|error| format!("not valid JSON: {error}"));
        (format!("line {}", index + 1), record)
    };
    Ok(lines.map(record).collect())
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_as};
    use locus_protocol::{Reading, ZsreReading};

    const WHOLE: &str = r#"[{"case_id": 7, "requested_rewrite": {"prompt": "The capital of {} is", "relation_id": "P36",
        "subject": "France", "target_new": {"str": "Rome", "id": "Q220"}, "target_true": {"str": "Paris"}},
        "paraphrase_prompts": ["France has its capital in"], "neighborhood_prompts": [],
        "generation_prompts": ["France is known for"]}]"#;

    #[test]
    fn a_missing_field_is_named() {
        let facts = parse(WHOLE).expect("whole record");
        assert_eq!(facts[0].prompt(), "The capital of France is");
        assert_eq!((facts[0].case_id, facts[0].paraphrases.len()), (Some(7), 1));
        assert_eq!((facts[0].target_new_id.as_str(), facts[0].generation.len()), ("Q220", 1));
        for (from, to, named) in [
            (r#""target_true": {"str": "Paris"}"#, r#""target_true": {}"#, "target_true.str"),
            (r#""subject": "France","#, "", "requested_rewrite.subject"),
            ("of {} is", "of France is", "exactly once"),
            (r#"["France has its capital in"]"#, "3", "paraphrase_prompts"),
            (r#"["France has its capital in"]"#, r#"[" "]"#, "paraphrase_prompts"),
            (r#""case_id": 7"#, r#""case_id": "seven""#, "case_id"),
            (r#""relation_id": "P36""#, r#""relation_id": 36"#, "relation_id"),
            (r#""id": "Q220""#, r#""id": 220"#, "target_new.id"),
            ("requested_rewrite", "requested", "format"),
        ] {
            let broken = WHOLE.replace(from, to);
            assert_ne!(broken, WHOLE, "{from}");
            let error = parse(&broken).expect_err(named);
            assert!(error.starts_with("record 0: ") && error.contains(named), "{error}");
        }
        assert!(parse("{}").expect_err("object").contains("format"));
        assert!(parse("[]").expect_err("empty").contains("no record"));
        assert!(parse("x").expect_err("text").contains("JSON Lines"));
    }

    #[test]
    fn bad_records_can_be_left_out() {
        let good = WHOLE.trim_start_matches('[').trim_end_matches(']').replace('\n', " ");
        let lines = format!("{good}\n\n{{\"case_id\": 8}}\n{{\"torn\n{good}\n");
        let error = parse(&lines).expect_err("bad lines");
        assert!(error.starts_with("line 3: "), "{error}");
        let lenient = Reading { skip_bad: true, ..Reading::default() };
        let file = parse_as(&lines, &lenient).expect("two good lines");
        assert_eq!((file.facts.len(), file.bad.len()), (2, 2));
        assert!(file.bad[1].starts_with("line 4: not valid JSON"), "{:?}", file.bad);
        assert!(parse_as("[{}]", &lenient).expect_err("none good").contains("no record is valid"));
    }

    #[test]
    fn other_files_are_known_by_their_fields() {
        let known = r#"[{"known_id": 3, "subject": "Vinson Massif", "attribute": "Antarctica", "template": "{} is in",
            "prediction": "x", "prompt": "Vinson Massif is located in the continent of", "relation_id": "P30"}]"#;
        let fact = &parse(known).expect("known fact")[0];
        assert_eq!(fact.template, "{} is located in the continent of");
        assert_eq!((fact.target_true.as_str(), fact.target_new.as_str(), fact.case_id), ("Antarctica", "", Some(3)));
        let blanks = known.replace("\"Antarctica\"", "\"\\u00a0Antarctica\\n\"");
        assert_eq!(&parse(&blanks).expect("known fact")[0], fact);
        let flat = r#"{"case_id": 2, "prompt": "The capital of France is", "subject": "France", "ground_truth": ["Paris"],
            "target_new": "Rome", "rephrase_prompt": "France's capital is", "locality_prompt": "The capital of Gaul is",
            "locality_ground_truth": "Paris"}"#;
        let fact = &parse(flat).expect("flat record")[0];
        assert_eq!((fact.template.as_str(), fact.target_true.as_str()), ("The capital of {} is", "Paris"));
        assert_eq!((fact.paraphrases.len(), fact.neighborhood.len(), fact.locality.len()), (1, 1, 0));
        let other = flat.replace("\"locality_ground_truth\": \"Paris\"", "\"locality_ground_truth\": \"Lugdunum\"");
        let fact = &parse(&other).expect("flat record")[0];
        assert_eq!((fact.neighborhood.len(), fact.locality[0].answer.as_str()), (0, "Lugdunum"));
    }

    #[test]
    fn zsre_has_two_readings() {
        let zsre = r#"[{"subject": "Watts Humphrey", "src": "What university did Watts Humphrey attend?",
            "rephrase": "Where did Watts Humphrey study?", "answers": ["Illinois"], "alt": "x", "pred": "y",
            "loc": "nq question: who is it", "loc_ans": "Hugo", "cond": "z"},
            {"subject": "A", "src": "Where is A?", "rephrase": "A is where?", "answers": ["Bern"],
            "loc": "nq question: what", "loc_ans": "that"}]"#;
        let reading = |zsre| Reading { zsre, ..Reading::default() };
        let question = &parse_as(zsre, &reading(ZsreReading::Question)).expect("records").facts[0];
        assert_eq!(question.template, "What university did {} attend?");
        assert_eq!((question.target_new.as_str(), question.target_true.as_str()), ("Illinois", "<|endoftext|>"));
        assert_eq!(question.paraphrases, ["Where did Watts Humphrey study?"]);
        assert_eq!(question.locality[0].prompt, "nq question: who is it?");
        let statement = &parse_as(zsre, &reading(ZsreReading::Statement)).expect("records").facts[0];
        assert_eq!(statement.prompt(), "Question: What university did Watts Humphrey attend? Answer:");
        assert_eq!((statement.target_true.as_str(), statement.target_new.as_str()), ("Illinois", "Bern"));
        assert_eq!(statement.neighborhood, ["Question: who is it? Answer:"]);
        // an answer is the same with white space around it
        let blanks = zsre.replace("[\"Illinois\"]", "[\" Illinois\\n\"]").replace("[\"Bern\"]", "\"Illinois\\t\"");
        let error = parse(&blanks).expect_err("one answer only");
        assert!(error.contains("no other record has a different answer"), "{error}");
        let blanks = zsre.replace("[\"Bern\"]", "[\"\\tBern \"]").replace("\"Hugo\"", "\" Hugo\\n\"");
        let statement = &parse(&blanks).expect("records")[0];
        assert_eq!((statement.target_new.as_str(), statement.locality[0].answer.as_str()), ("Bern", "Hugo"));
        let missing = zsre.replace("What university did Watts Humphrey attend?", "What university?");
        let error = parse(&missing).expect_err("no subject");
        assert!(error.starts_with("record 0: ") && error.contains("`src`") && error.contains("Watts"), "{error}");
    }
}
