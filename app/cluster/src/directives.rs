//! What is asked of Slurm, checked for what contradicts itself before Slurm sees it.

use crate::error::{Error, Result};
use crate::time;
use std::collections::BTreeSet;

/// Directives that the script itself needs as they are.
const OWN: [&str; 10] =
    ["array", "signal", "requeue", "no-requeue", "nodes", "ntasks", "ntasks-per-node", "wrap", "parsable", "wait"];
/// Ways to ask for memory; Slurm takes one of them.
const MEMORY: [&str; 3] = ["mem", "mem-per-cpu", "mem-per-gpu"];
/// Ways to ask for GPUs; sites differ in which they want.
const GPUS: [&str; 5] = ["gres", "gpus", "gpus-per-node", "gpus-per-task", "gpus-per-socket"];
/// Short forms of the manual page of sbatch.
const SHORT: [(&str, &str); 17] = [
    ("a", "array"),
    ("A", "account"),
    ("c", "cpus-per-task"),
    ("C", "constraint"),
    ("d", "dependency"),
    ("D", "chdir"),
    ("e", "error"),
    ("G", "gpus"),
    ("J", "job-name"),
    ("n", "ntasks"),
    ("N", "nodes"),
    ("o", "output"),
    ("p", "partition"),
    ("q", "qos"),
    ("t", "time"),
    ("w", "nodelist"),
    ("x", "exclude"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Its long name, without dashes.
    pub name: String,
    /// Its value; `None` for a switch.
    pub value: Option<String>,
}

impl Directive {
    /// A directive with a value.
    #[must_use]
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: Some(value.into()) }
    }

    /// A directive without a value, such as `exclusive`.
    #[must_use]
    pub fn switch(name: &str) -> Self {
        Self { name: name.to_owned(), value: None }
    }

    /// Reads a free line: `#SBATCH --gres=gpu:1`, `--gres gpu:1`, `gres=gpu:1` or `-p main`.
    ///
    /// # Errors
    /// It names nothing.
    pub fn free(line: &str) -> Result<Self> {
        let text = line.trim().trim_start_matches("#SBATCH").trim();
        let bad = || {
            Error::Directive(format!(
                "--sbatch: `{line}` is not a directive; write it as --sbatch \
                                               'gres=gpu:1'"
            ))
        };
        let (name, value) = match text.split_once(['=', ' ']) {
            Some((name, value)) => (name, Some(value.trim().trim_matches('"').to_owned())),
            None => (text, None),
        };
        let is_short = name.starts_with('-') && !name.starts_with("--");
        let name = name.trim_start_matches('-');
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_alphabetic())
                && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '-')
        };
        if !is_name(name) {
            return Err(bad());
        }
        let long = SHORT.iter().find(|(short, _)| is_short && *short == name).map(|(_, long)| *long);
        match (long, is_short) {
            (None, true) => Err(Error::Directive(format!("--sbatch: write `{line}` with its long name"))),
            (long, _) => Ok(Self { name: long.unwrap_or(name).to_owned(), value }),
        }
    }

    /// Its line in a batch script.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.value {
            None => format!("#SBATCH --{}", self.name),
            Some(value) => format!("#SBATCH --{}={}", self.name, protected(value)),
        }
    }
}

/// A value as sbatch reads it from a script: a space or a `#` would end it.
fn protected(value: &str) -> String {
    if !value.contains(|character: char| character.is_whitespace() || "#\"'\\".contains(character)) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Directives that do not contradict each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives(Vec<Directive>);

impl Directives {
    /// Checks directives; `notice` is how many seconds before the time limit an element is told to stop.
    ///
    /// # Errors
    /// They contradict each other, the script, or themselves.
    pub fn new(directives: Vec<Directive>, notice: u64) -> Result<Self> {
        check(&directives, notice).map_err(Error::Directive)?;
        Ok(Self(directives))
    }

    /// The value of a directive.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|directive| directive.name == name).and_then(|directive| directive.value.as_deref())
    }

    /// Whether there is one of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|directive| directive.name == name)
    }

    /// The seconds of the time limit; `None` where none is named, or one without a bound.
    #[must_use]
    pub fn seconds(&self) -> Option<u64> {
        time::seconds(self.get("time")?)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Directive> {
        self.0.iter()
    }
}

fn check(directives: &[Directive], notice: u64) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for Directive { name, value } in directives {
        if OWN.contains(&name.as_str()) {
            return Err(format!(
                "--sbatch: `{name}` is set by locus itself; `locus sweep submit --help` has flags for what it may be"
            ));
        }
        if !names.insert(name.as_str()) {
            return Err(format!("`{name}` is given twice; give it once"));
        }
        let Some(value) = value else { continue };
        if value.trim().is_empty() {
            return Err(format!("`{name}` is empty; give it a value, or leave it out"));
        }
        if value.contains(char::is_control) {
            return Err(format!("`{name}` contains a line break or another control character; write it on one line"));
        }
    }
    let given = |all: &[&'static str]| -> Vec<&'static str> {
        all.iter().copied().filter(|name| names.contains(name)).collect()
    };
    if let [one, other, ..] = given(&MEMORY)[..] {
        return Err(format!(
            "--{one} and --{other} contradict each other: Slurm accepts one of --mem, --mem-per-cpu and --mem-per-gpu"
        ));
    }
    let value_of = |name: &str| directives.iter().find(|it| it.name == name).and_then(|it| it.value.as_deref());
    let mut gpus = given(&GPUS);
    gpus.retain(|name| {
        *name != "gres" || value_of("gres").is_some_and(|value| value.split(',').any(|of| of.starts_with("gpu")))
    });
    if let [one, other, ..] = gpus[..] {
        return Err(format!("--{one} and --{other} both ask for GPUs; give the one that the site wants"));
    }
    for name in ["mem-per-gpu", "cpus-per-gpu"] {
        if names.contains(name) && gpus.is_empty() {
            return Err(format!("--{name} needs a GPU: add --gres gpu:1 or --gpus-per-node 1"));
        }
    }
    if names.contains("exclusive") && names.contains("oversubscribe") {
        return Err("--exclusive and oversubscribe contradict each other; give one".to_owned());
    }
    if let (Some(only), Some(never)) = (value_of("nodelist"), value_of("exclude"))
        && let Some(node) = only.split(',').find(|node| never.split(',').any(|other| other == *node))
    {
        return Err(format!("--nodelist and --exclude both name {node}; leave it out of one"));
    }
    if let Some(limit) = value_of("time") {
        if !time::is_limit(limit) {
            return Err(format!("--time {limit}: write it as minutes, hours:minutes:seconds or days-hours"));
        }
        if time::seconds(limit).is_some_and(|limit| limit <= notice) {
            return Err(format!(
                "--time {limit} ends before the {notice} s of --notice begin; give more time, or less notice"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Directive, Directives};

    fn refused(directives: &[(&str, &str)]) -> String {
        let all = directives.iter().map(|(name, value)| Directive::new(name, *value)).collect();
        Directives::new(all, 90).expect_err("contradicts").to_string()
    }

    #[test]
    fn what_contradicts_itself_is_said_in_one_sentence() {
        for (directives, says) in [
            (&[("mem", "1G"), ("gres", "gpu:1"), ("mem-per-gpu", "2G")][..], "--mem and --mem-per-gpu contradict"),
            (&[("gres", "gpu:1"), ("gpus-per-node", "1")], "--gres and --gpus-per-node both ask for GPUs"),
            (&[("mem-per-gpu", "2G")], "needs a GPU"),
            (&[("mem-per-gpu", "2G"), ("gres", "lustre:1")], "needs a GPU"),
            (&[("time", "1")], "--time 1 ends before the 90 s"),
            (&[("time", "soon")], "write it as minutes"),
            (&[("nodelist", "a,b"), ("exclude", "b")], "both name b"),
            (&[("partition", "")], "`partition` is empty"),
            (&[("comment", "a\nrm -r b")], "line break"),
            (&[("partition", "a"), ("partition", "b")], "given twice"),
            (&[("array", "0-9")], "is set by locus itself"),
        ] {
            let error = refused(directives);
            assert!(error.contains(says) && !error.contains('\n'), "{error}");
        }
        let fine = [("gres", "gpu:1,lustre:1"), ("mem-per-gpu", "2G"), ("time", "2"), ("account", "0123")];
        let fine = fine.iter().map(|(name, value)| Directive::new(name, *value)).collect();
        let fine = Directives::new(fine, 90).expect("fine");
        assert_eq!((fine.get("account"), fine.has("partition")), (Some("0123"), false));
        let unlimited = Directives::new(vec![Directive::new("time", "0")], 90).expect("0 is no limit");
        assert_eq!((unlimited.get("time"), unlimited.seconds()), (Some("0"), None));
    }

    #[test]
    fn free_lines_are_read_as_sbatch_has_them() {
        for (line, expected) in [
            ("#SBATCH --gres=gpu:a100:1", Directive::new("gres", "gpu:a100:1")),
            ("--gres gpu:1", Directive::new("gres", "gpu:1")),
            ("licenses=a:1", Directive::new("licenses", "a:1")),
            ("-p main", Directive::new("partition", "main")),
            ("exclusive", Directive::switch("exclusive")),
            ("--comment=\"a b\"", Directive::new("comment", "a b")),
        ] {
            assert_eq!(Directive::free(line).expect(line), expected);
        }
        for line in ["", "--", "-Z 1", "x;y"] {
            assert!(Directive::free(line).is_err(), "{line}");
        }
    }

    #[test]
    fn values_reach_sbatch_whole() {
        assert_eq!(Directive::new("account", "0123").line(), "#SBATCH --account=0123");
        assert_eq!(Directive::new("comment", "a # \"b\"").line(), "#SBATCH --comment=\"a # \\\"b\\\"\"");
        assert_eq!(Directive::switch("exclusive").line(), "#SBATCH --exclusive");
    }
}
