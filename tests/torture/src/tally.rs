//! What a campaign counted, and the faults that it found.

use std::collections::BTreeMap;
use std::fmt;

/// Figures of a campaign.
#[derive(Debug, Default)]
pub struct Tally {
    name: String,
    attempts: u64,
    counts: BTreeMap<String, u64>,
    /// What should not have happened, each with the attempt that it happened in.
    pub faults: Vec<String>,
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Counts one attempt: in words how it ended, or what was wrong.
    pub fn count(&mut self, attempt: &str, ended: Result<&str, String>) {
        self.attempts += 1;
        match ended {
            Ok(how) => *self.counts.entry(how.to_owned()).or_default() += 1,
            Err(fault) => {
                eprintln!("fault: {} / {attempt}: {fault}", self.name);
                self.faults.push(format!("{attempt}: {fault}"));
            }
        }
    }

    /// Takes the figures of a part in.
    pub fn add(&mut self, part: Self) {
        self.attempts += part.attempts;
        for (how, count) in part.counts {
            *self.counts.entry(format!("{}: {how}", part.name)).or_default() += count;
        }
        self.faults.extend(part.faults.into_iter().map(|fault| format!("{}: {fault}", part.name)));
    }

    /// How many attempts were made.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.attempts
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {} attempts, {} faults", self.name, self.attempts, self.faults.len())?;
        for (how, count) in &self.counts {
            write!(out, "\n  {count:>5}  {how}")?;
        }
        for fault in &self.faults {
            write!(out, "\n  FAULT  {fault}")?;
        }
        Ok(())
    }
}
