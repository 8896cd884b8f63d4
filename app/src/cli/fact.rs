//! The fact that a command line names.

use crate::cli::Failure;
use crate::cli::arguments::FactArguments;
use locus_protocol::Fact;

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

fn recorded(case: u64, facts: &[Fact]) -> Result<Fact, Failure> {
    let found = facts.iter().find(|fact| fact.case_id == Some(case));
    found.cloned().ok_or_else(|| {
        let numbers: Vec<u64> = facts.iter().filter_map(|fact| fact.case_id).collect();
        let range = numbers.iter().min().zip(numbers.iter().max());
        let range = range.map_or_else(String::new, |(least, most)| format!("; the file has {least} to {most}"));
        Failure::usage(format!("--case {case}: there is no such record{range} (see `locus facts`)"))
    })
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
