//! The fact that a command line names.

use crate::cli::Failure;
use crate::cli::arguments::FactArguments;
use locus_protocol::{Fact, read_ranges};

/// The fact of `--case`, of `--prompt`, or the first of the file.
///
/// # Errors
/// No such record; a prompt that marks no subject.
pub fn choose(arguments: &FactArguments, facts: &[Fact]) -> Result<Fact, Failure> {
    let mut fact = match (&arguments.prompt, arguments.case) {
        (Some(prompt), _) => typed(prompt, arguments.subject.as_deref())?,
        (None, Some(case)) => recorded(case, facts)?,
        (None, None) => facts.first().cloned().ok_or_else(|| {
            Failure::usage("there are no facts; give one with --prompt, --true and --new, or a file with --facts")
        })?,
    };
    if let Some(text) = &arguments.target_true {
        fact.target_true = text.trim().to_owned();
    }
    if let Some(text) = &arguments.target_new {
        fact.target_new = text.trim().to_owned();
    }
    Ok(fact)
}

/// The facts of `--cases`: all of the file, or those whose numbers are named.
///
/// # Errors
/// Something that names no numbers; a number or range of which the file has no record.
pub fn choose_many(cases: &str, facts: &[Fact]) -> Result<Vec<Fact>, Failure> {
    if cases.trim() == "all" {
        let all = (!facts.is_empty()).then(|| facts.to_vec());
        return all.ok_or_else(|| Failure::usage("--cases all: there are no facts; give a file with --facts"));
    }
    let ranges = read_ranges(cases)
        .ok_or_else(|| Failure::usage(format!("--cases must look like 0-99, 3,5-7 or all, not `{cases}`")))?;
    let mut chosen: Vec<Fact> = Vec::new();
    for range in ranges {
        let found = facts.iter().filter(|fact| fact.case_id.is_some_and(|case| range.contains(&case)));
        let before = chosen.len();
        chosen.extend(found.filter(|fact| !chosen.contains(fact)).cloned().collect::<Vec<_>>());
        if chosen.len() == before {
            return Err(Failure::usage(format!(
                "--cases {cases}: there is no further record from {} to {}{} (see `locus facts`)",
                range.start(),
                range.end(),
                extent(facts)
            )));
        }
    }
    Ok(chosen)
}

fn recorded(case: u64, facts: &[Fact]) -> Result<Fact, Failure> {
    let found = facts.iter().find(|fact| fact.case_id == Some(case));
    found.cloned().ok_or_else(|| {
        Failure::usage(format!("--case {case}: there is no such record{} (see `locus facts`)", extent(facts)))
    })
}

/// Which numbers the records of a file have, as the end of a sentence.
fn extent(facts: &[Fact]) -> String {
    let numbers = || facts.iter().filter_map(|fact| fact.case_id);
    let range = numbers().min().zip(numbers().max());
    range.map_or_else(String::new, |(least, most)| format!("; the file has {least} to {most}"))
}

fn typed(prompt: &str, subject: Option<&str>) -> Result<Fact, Failure> {
    match subject {
        None => Fact::from_marked(prompt, "", "").map_err(|error| Failure::usage(format!("--prompt: {error}"))),
        Some(subject) => {
            let prompt = prompt.replace(['{', '}'], "");
            if subject.trim().is_empty() || !prompt.contains(subject) {
                return Err(Failure::usage(format!(
                    "--subject: `{subject}` does not occur in the prompt `{prompt}`; give it as it stands there"
                )));
            }
            let template = prompt.replacen(subject, "{}", 1);
            Ok(Fact { template: template.trim_end().to_owned(), subject: subject.to_owned(), ..Fact::default() })
        }
    }
}
