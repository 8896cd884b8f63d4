//! The fact that a command line names.

use crate::cli::arguments::FactArguments;
use crate::cli::client::Client;
use crate::cli::{Failure, output};
use locus_protocol::shown::{message, shown};
use locus_protocol::{Fact, read_ranges};

/// Checks that a typed prompt marks a subject, before anything is loaded for it.
///
/// # Errors
/// It marks none; an answer is empty.
pub fn check(arguments: &FactArguments) -> Result<(), Failure> {
    for (name, answer) in [("--true", &arguments.target_true), ("--new", &arguments.target_new)] {
        if answer.as_ref().is_some_and(|answer| answer.trim().is_empty()) {
            return Err(Failure::usage(format!("{name} is empty; give the answer's text")));
        }
    }
    typed(arguments).map(drop)
}

/// The fact of `--case`, the one that was typed, or the first of the file.
///
/// # Errors
/// No such record; a prompt that marks no subject.
pub fn choose(arguments: &FactArguments, facts: &[Fact]) -> Result<Fact, Failure> {
    let mut fact = match (typed(arguments)?, arguments.case) {
        (Some(fact), _) => fact,
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

/// The fact of a typed prompt; its true target may still be missing.
fn typed(arguments: &FactArguments) -> Result<Option<Fact>, Failure> {
    let (flag, prompt) = match (&arguments.marked, &arguments.prompt) {
        (Some(prompt), _) => ("", prompt),
        (None, Some(prompt)) => ("--prompt: ", prompt),
        (None, None) => return Ok(None),
    };
    let Some(subject) = &arguments.subject else {
        let fact = Fact::from_marked(prompt, "", "").map_err(|error| Failure::usage(format!("{flag}{error}")))?;
        return Ok(Some(fact));
    };
    let prompt = prompt.replace(['{', '}'], "");
    if subject.trim().is_empty() || !prompt.contains(subject) {
        return Err(Failure::usage(format!(
            "--subject: `{subject}` does not occur in the prompt `{prompt}`; give it exactly as in the prompt"
        )));
    }
    let template = prompt.replacen(subject, "{}", 1);
    Ok(Some(Fact { template: template.trim_end().to_owned(), subject: subject.to_owned(), ..Fact::default() }))
}

/// Takes the model's prediction as the true target of a fact that was given without one, and says so: on standard error
/// where the output is one table.
///
/// # Errors
/// The model predicts no word, or already the new target.
pub fn complete(client: &mut Client, fact: &mut Fact, is_table: bool) -> Result<(), Failure> {
    if !fact.target_true.is_empty() {
        return Ok(());
    }
    let (says, next) = client.says(fact)?;
    let prompt = fact.prompt();
    let prompt = message(&prompt);
    if says.is_empty() {
        return Err(Failure::usage(format!(
            "the model says no word after “{prompt}”, but “{}”; give the true target with --true",
            message(&next)
        )));
    }
    if says == fact.target_new {
        return Err(Failure::usage(format!(
            "the model already says “{says}” after “{prompt}”; give another new target, or the true one with --true"
        )));
    }
    let told = format!("the model says “{}”, which is taken as the true target; --true sets another", shown(&says));
    match (client.json(), is_table && !output::is_for_people()) {
        (true, _) => {}
        (false, true) => output::complain(&told),
        (false, false) => output::print(&format!("{told}\n"))?,
    }
    fact.target_true = says;
    Ok(())
}
