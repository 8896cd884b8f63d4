//! Slurm's own programs as they are called here.

use crate::directives::Directives;
use crate::error::{Error, Result};
use crate::programs::{self, Said};
use std::process::Command;
use std::time::Duration;

/// How long a program that only asks may take.
const ASKING: Duration = Duration::from_secs(10);
/// How long sbatch may take: it tries again by itself while a controller is busy.
const SUBMITTING: Duration = Duration::from_secs(120);
/// What MaxArraySize is where nothing else is configured (manual page of slurm.conf).
const USUAL_ARRAY: usize = 1001;
/// Directives whose variables of sbatch would go before the script's lines.
const OF_THE_SCRIPT: [&str; 8] =
    ["array-inx", "signal", "requeue", "no-requeue", "open-mode", "output", "error", "wait"];
/// Directives that stand for each other.
const ALIKE: [&[&str]; 2] = [
    &["mem", "mem-per-node", "mem-per-cpu", "mem-per-gpu"],
    &["gres", "gpus", "gpus-per-node", "gpus-per-task", "gpus-per-socket"],
];

/// What a cluster allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// MaxArraySize: one more than the highest index of an array.
    pub largest_array: usize,
    /// Why that is guessed; `None` where Slurm said it.
    pub guessed: Option<String>,
}

/// Whether sbatch is there.
///
/// # Errors
/// sbatch is not on the PATH.
pub fn is_there() -> Result<()> {
    programs::run(Command::new("sbatch").arg("--version"), ASKING).map(|_| ())
}

/// Asks `scontrol show config` what the cluster allows. What it does not say is what is usual.
#[must_use]
pub fn limits() -> Limits {
    let guess = |why: String| Limits { largest_array: USUAL_ARRAY, guessed: Some(why) };
    let said = match programs::run(Command::new("scontrol").args(["show", "config"]), ASKING) {
        Ok(said) if said.well => said,
        Ok(said) => return guess(format!("`scontrol show config` says: {}", said.words())),
        Err(error) => return guess(error.to_string()),
    };
    match value(&said.out, "MaxArraySize").and_then(|value| value.parse().ok()) {
        Some(largest_array) => Limits { largest_array, guessed: None },
        None => guess("`scontrol show config` does not name MaxArraySize".to_owned()),
    }
}

/// The value of a line `Name = value`.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once('=')?;
        (found.trim() == name).then(|| value.trim())
    })
}

/// A job as sbatch names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub number: String,
    /// Its cluster, where there are several.
    pub cluster: Option<String>,
}

/// Submits a script; `arguments` are sbatch's, the script and its own.
///
/// # Errors
/// sbatch refuses, does not answer, or says nothing that is understood.
pub fn sbatch(directives: &Directives, arguments: &[String]) -> Result<Job> {
    let mut command = Command::new("sbatch");
    command.arg("--parsable").args(arguments);
    for name in variables(directives, std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned())) {
        command.env_remove(name);
    }
    let said = programs::run(&mut command, SUBMITTING)?;
    if !said.well {
        return Err(Error::Refused { program: "sbatch".to_owned(), words: plain(&said) });
    }
    job(&said.out).ok_or_else(|| Error::Unclear { program: "sbatch".to_owned(), words: said.words() })
}

/// The words of sbatch without its name before each.
fn plain(said: &Said) -> String {
    said.words().replace("sbatch: error: ", "").replace("sbatch: fatal: ", "").replace("sbatch: ", "")
}

/// The last line that is a job's number: sites have sbatch print more than that.
fn job(text: &str) -> Option<Job> {
    text.lines().rev().find_map(|line| {
        let (number, cluster) = match line.trim().split_once(';') {
            Some((number, cluster)) => (number, Some(cluster.to_owned())),
            None => (line.trim(), None),
        };
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Job { number: number.to_owned(), cluster })
    })
}

/// Variables that would change what the script asks for: those of the job in which this program may run itself, and those of
/// sbatch for what the script says.
fn variables(directives: &Directives, all: impl Iterator<Item = String>) -> Vec<String> {
    let all: Vec<String> = all.collect();
    let in_a_job = all.iter().any(|name| name == "SLURM_JOB_ID");
    let mut said: Vec<&str> = OF_THE_SCRIPT.to_vec();
    for name in directives.iter().map(|directive| directive.name.as_str()) {
        said.push(if name == "time" { "timelimit" } else { name });
        ALIKE.iter().filter(|alike| alike.contains(&name)).for_each(|alike| said.extend_from_slice(alike));
    }
    let said: Vec<String> =
        said.iter().map(|name| format!("SBATCH_{}", name.to_uppercase().replace('-', "_"))).collect();
    let goes = |name: &String| {
        let of_the_job =
            in_a_job && name.starts_with("SLURM_") && !["SLURM_CONF", "SLURM_CLUSTERS"].contains(&name.as_str());
        of_the_job || said.contains(name)
    };
    all.into_iter().filter(goes).collect()
}

/// Runs squeue with these arguments and returns what it said.
///
/// # Errors
/// It is not there, or does not answer.
pub fn squeue(cluster: Option<&str>, arguments: &[&str]) -> Result<Said> {
    let mut command = Command::new("squeue");
    command.args(cluster.map(|cluster| format!("--clusters={cluster}"))).args(arguments);
    programs::run(&mut command, ASKING)
}

#[cfg(test)]
mod tests {
    use super::{Job, job, value, variables};
    use crate::directives::{Directive, Directives};

    #[test]
    fn a_jobs_number_is_found_among_what_else_is_printed() {
        let plain = |number: &str| Some(Job { number: number.into(), cluster: None });
        assert_eq!(job("123\n"), plain("123"));
        assert_eq!(job("Welcome!\n quota: 12 %\n123\n\n"), plain("123"));
        assert_eq!(job("123;alpha\n"), Some(Job { number: "123".into(), cluster: Some("alpha".into()) }));
        assert_eq!(job("Submitted batch job\n"), None);
    }

    #[test]
    fn the_configuration_is_read_by_name() {
        let text = "Configuration data as of now\nMaxArraySize            = 1001\nMaxJobCount = 10\n";
        assert_eq!((value(text, "MaxArraySize"), value(text, "ArraySize")), (Some("1001"), None));
    }

    #[test]
    fn variables_do_not_go_before_the_script() {
        let directives =
            Directives::new(vec![Directive::new("time", "10"), Directive::new("mem", "1G")], 0).expect("fine");
        let of = |names: &[&str]| variables(&directives, names.iter().map(ToString::to_string));
        let given = [
            "SBATCH_TIMELIMIT",
            "SBATCH_MEM_PER_GPU",
            "SBATCH_WAIT",
            "SBATCH_ACCOUNT",
            "SLURM_MEM_PER_NODE",
            "SLURM_CONF",
        ];
        assert_eq!(of(&given), ["SBATCH_TIMELIMIT", "SBATCH_MEM_PER_GPU", "SBATCH_WAIT"]);
        assert_eq!(of(&["SLURM_JOB_ID", "SLURM_MEM_PER_NODE", "SLURM_CONF"]), ["SLURM_JOB_ID", "SLURM_MEM_PER_NODE"]);
    }
}
