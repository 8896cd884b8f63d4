//! One record of each kind of file.

use super::mention;
use crate::noise::LegacyRandom;
use locus_protocol::{Fact, Locality, Reading, ZsreReading};
use serde_json::Value;
use std::collections::BTreeSet;

/// All first answers of the zsRE records of a file, in order.
pub struct Answers(Vec<String>);

impl Answers {
    /// Out of the records.
    pub fn of<'a>(records: impl Iterator<Item = &'a Value>) -> Self {
        let zsre = records.filter(|record| record.get("src").is_some());
        // who reads the record complains of a bad one
        let first = zsre.filter_map(|record| first_answer(record, "answers").ok());
        Self(first.collect::<BTreeSet<_>>().into_iter().collect())
    }
}

/// The fact of a record, whatever kind it is.
pub fn fact(record: &Value, index: usize, answers: &Answers, reading: &Reading) -> Result<Fact, String> {
    let has = |field: &str| record.get(field).is_some();
    if has("requested_rewrite") {
        counterfact(record)
    } else if has("src") && has("answers") {
        zsre(record, index, answers, reading)
    } else if has("attribute") && has("prompt") {
        known_fact(record)
    } else if has("prompt") && has("target_new") {
        flat(record)
    } else {
        Err("its format is unknown: it has neither `requested_rewrite` (CounterFact), `src` and `answers` (zsRE), \
             `attribute` and `prompt` (known facts) nor `prompt` and `target_new` (flattened CounterFact)"
            .to_owned())
    }
}

fn counterfact(record: &Value) -> Result<Fact, String> {
    let template = text(record, "requested_rewrite.prompt")?;
    if template.matches("{}").count() != 1 {
        return Err("field `requested_rewrite.prompt` must contain {} exactly once, in the subject's place".to_owned());
    }
    let optional = |path: &str| optional_text(record, &format!("requested_rewrite.{path}"));
    Ok(Fact {
        case_id: number(record, "case_id")?,
        template,
        subject: trimmed(record, "requested_rewrite.subject")?,
        target_true: trimmed(record, "requested_rewrite.target_true.str")?,
        target_new: trimmed(record, "requested_rewrite.target_new.str")?,
        relation: optional("relation_id")?,
        paraphrases: texts(record, "paraphrase_prompts")?,
        neighborhood: texts(record, "neighborhood_prompts")?,
        attributes: texts(record, "attribute_prompts")?,
        generation: texts(record, "generation_prompts")?,
        locality: Vec::new(),
        target_true_id: optional("target_true.id")?,
        target_new_id: optional("target_new.id")?,
    })
}

fn known_fact(record: &Value) -> Result<Fact, String> {
    let subject = trimmed(record, "subject")?;
    Ok(Fact {
        case_id: number(record, "known_id")?,
        // the template of the file is shorter than the prompt
        template: template(&text(record, "prompt")?, "prompt", &subject)?,
        subject,
        target_true: trimmed(record, "attribute")?,
        relation: optional_text(record, "relation_id")?,
        ..Fact::default()
    })
}

fn flat(record: &Value) -> Result<Fact, String> {
    let subject = trimmed(record, "subject")?;
    let target_true = first_answer(record, "ground_truth")?;
    let mut fact = Fact {
        case_id: number(record, "case_id")?,
        template: template(&text(record, "prompt")?, "prompt", &subject)?,
        subject,
        target_new: first_answer(record, "target_new")?,
        paraphrases: one_or_more(record, "rephrase_prompt")?,
        ..Fact::default()
    };
    if record.get("locality_prompt").is_some() {
        let prompt = first_text(record, "locality_prompt")?;
        let answer = first_answer(record, "locality_ground_truth")?;
        // a neighbor has the same true answer
        if answer == target_true {
            fact.neighborhood.push(prompt);
        } else {
            fact.locality.push(Locality { prompt, answer });
        }
    }
    Ok(Fact { target_true, ..fact })
}

fn zsre(record: &Value, index: usize, answers: &Answers, reading: &Reading) -> Result<Fact, String> {
    let subject = trimmed(record, "subject")?;
    let question = template(&text(record, "src")?, "src", &subject)?;
    let first = first_answer(record, "answers")?;
    let rephrased = text(record, "rephrase")?;
    let (other, other_answer) = (text(record, "loc")?, trimmed(record, "loc_ans")?);
    let locality = vec![Locality { prompt: format!("{other}?"), answer: other_answer }];
    let case_id = number(record, "case_id")?.or(Some(index as u64));
    Ok(match reading.zsre {
        ZsreReading::Question => Fact {
            case_id,
            template: question,
            subject,
            target_true: Fact::NO_ANSWER.to_owned(),
            target_new: first,
            paraphrases: vec![rephrased],
            locality,
            ..Fact::default()
        },
        ZsreReading::Statement => {
            let asked = |question: &str| format!("Question: {question} Answer:");
            let other = other.strip_prefix("nq question:").unwrap_or(&other).trim();
            Fact {
                case_id,
                template: asked(&question),
                subject,
                target_new: another(answers, &first, index, reading.seed)?,
                target_true: first,
                paraphrases: vec![asked(&rephrased)],
                neighborhood: vec![asked(&format!("{other}?"))],
                locality,
                ..Fact::default()
            }
        }
    })
}

/// Another record's answer, the same however many records are read before this one.
fn another(answers: &Answers, answer: &str, index: usize, seed: u32) -> Result<String, String> {
    let others: Vec<&String> = answers.0.iter().filter(|other| *other != answer).collect();
    if others.is_empty() {
        return Err(
            "no other record has a different answer to use as the new target; give a file with several records".into(),
        );
    }
    let mut random = LegacyRandom::new(seed.wrapping_add((index as u32).wrapping_mul(0x9e37_79b9)));
    let drawn = (random.uniform() * others.len() as f64) as usize;
    Ok(others[drawn.min(others.len() - 1)].clone())
}

/// A prompt with `{}` in place of the subject: at its last mention that is a word of its own, else at the last place where
/// its letters stand.
fn template(prompt: &str, field: &str, subject: &str) -> Result<String, String> {
    if prompt.contains("{}") {
        return Err(format!("field `{field}` contains {{}}, which stands for the subject; remove the braces"));
    }
    if !prompt.contains(subject) {
        return Err(format!(
            "field `{field}` does not contain the subject `{subject}` verbatim; give a prompt that does"
        ));
    }
    let place = mention(prompt, subject).map(|found| found.place.start).or_else(|| prompt.rfind(subject));
    let start = place.unwrap_or_default();
    Ok(format!("{}{{}}{}", &prompt[..start], &prompt[start + subject.len()..]))
}

/// A subject or an answer, without white space around it: no token of its own would hold it, and one space is put before
/// an answer wherever it is used.
fn trimmed(record: &Value, path: &str) -> Result<String, String> {
    Ok(text(record, path)?.trim().to_owned())
}

/// The same of a text or the first of a list of texts.
fn first_answer(record: &Value, field: &str) -> Result<String, String> {
    Ok(first_text(record, field)?.trim().to_owned())
}

/// The value at a path of field names.
fn at<'a>(record: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(record, |value, name| value.get(name))
}

/// The text at a path of field names.
fn text(record: &Value, path: &str) -> Result<String, String> {
    let text = at(record, path).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    text.map(str::to_owned).ok_or_else(|| format!("field `{path}` must be a non-empty string"))
}

/// A text that a record may lack.
fn optional_text(record: &Value, path: &str) -> Result<String, String> {
    match at(record, path) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(format!("field `{path}` must be a string")),
    }
}

/// A text, or the first of a list of texts.
fn first_text(record: &Value, field: &str) -> Result<String, String> {
    let found = record.get(field);
    let first = found.and_then(|value| value.as_str().or_else(|| value.get(0)?.as_str()));
    let first = first.filter(|text| !text.trim().is_empty());
    first
        .map(str::to_owned)
        .ok_or_else(|| format!("field `{field}` must be a non-empty string or a non-empty list of strings"))
}

/// One prompt or a list of them; a record may lack it.
fn one_or_more(record: &Value, field: &str) -> Result<Vec<String>, String> {
    match record.get(field) {
        Some(Value::String(_)) => Ok(vec![text(record, field)?]),
        _ => texts(record, field),
    }
}

/// A list of prompts; a record may lack it.
fn texts(record: &Value, field: &str) -> Result<Vec<String>, String> {
    let list: Vec<String> = match record.get(field) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(list) => {
            serde_json::from_value(list.clone()).map_err(|_| format!("field `{field}` must be a list of strings"))?
        }
    };
    match list.iter().any(|prompt| prompt.trim().is_empty()) {
        true => Err(format!("field `{field}` contains an empty prompt; remove it")),
        false => Ok(list),
    }
}

/// A number that a record may lack.
fn number(record: &Value, field: &str) -> Result<Option<u64>, String> {
    match record.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            value.as_u64().map(Some).ok_or_else(|| format!("field `{field}` must be a non-negative whole number"))
        }
    }
}
