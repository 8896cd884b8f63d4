//! What is said of facts before they are measured: how many there is something to be known of, by kind, and how to leave them
//! out.

use crate::cli::client::Client;
use crate::cli::{Failure, output};
use locus_protocol::{Event, Fact, Screen, counted};
use locus_sweep::{TWICE, fact_mark};
use std::collections::{BTreeMap, BTreeSet};

/// Facts that are looked through in one job.
const AT_ONCE: usize = 1000;

/// Places of the facts that are there before.
pub fn again(facts: &[Fact]) -> BTreeSet<usize> {
    let mut known = BTreeSet::new();
    facts.iter().enumerate().filter(|(_, fact)| !known.insert(fact_mark(fact))).map(|(place, _)| place).collect()
}

/// Counts what there is to be known of facts, `again` of which are there before, and says it where no records are printed.
///
/// # Errors
/// Those of the jobs.
pub fn tell(client: &mut Client, facts: &[Fact], again: usize, skips: bool) -> Result<(), Failure> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for part in facts.chunks(AT_ONCE) {
        client.job(Screen { facts: part.to_vec() }, &mut |event| {
            if let Event::Screened(screened) = event {
                for (what, count) in &screened.remarked {
                    *counts.entry(what.clone()).or_default() += count;
                }
            }
        })?;
    }
    if again > 0 {
        counts.insert(TWICE.to_owned(), again);
    }
    if !client.json() {
        lines(facts.len(), &counts, skips).iter().for_each(|line| output::complain(line));
    }
    Ok(())
}

/// Counts by kind as lines; none where there is nothing to be known.
fn lines(facts: usize, counts: &BTreeMap<String, usize>, skips: bool) -> Vec<String> {
    if counts.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("{} to measure, of which", counted(facts, "fact"))];
    lines.extend(counts.iter().map(|(what, count)| format!("  {}: {what}", counted(*count, "fact"))));
    if !skips {
        lines.push(
            "--skip-marked leaves out facts whose answer can be copied from the prompt or that change nothing, \
             duplicate records, and such neighborhood prompts"
                .to_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{again, lines};
    use locus_protocol::Fact;
    use std::collections::BTreeMap;

    #[test]
    fn a_record_is_there_before_whatever_its_number() {
        let fact = |subject: &str, case| Fact { subject: subject.into(), case_id: case, ..Fact::default() };
        let facts = [fact("a", Some(1)), fact("b", Some(2)), fact("a", Some(3)), fact("a", None)];
        assert_eq!(again(&facts).into_iter().collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn kinds_are_counted_and_the_flag_is_offered_where_it_is_not_given() {
        let counts = BTreeMap::from([("copying".to_owned(), 1), ("twice".to_owned(), 2)]);
        let told = lines(5, &counts, false);
        assert_eq!(told[..3], ["5 facts to measure, of which", "  1 fact: copying", "  2 facts: twice"]);
        assert!(told[3].starts_with("--skip-marked"), "{told:?}");
        assert_eq!(lines(5, &counts, true).len(), 3);
        assert!(lines(5, &BTreeMap::new(), false).is_empty());
    }
}
