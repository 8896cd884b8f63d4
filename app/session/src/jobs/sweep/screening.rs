//! Which facts are swept: what the unedited model makes of each, and the filters of the grid.

use super::refused;
use crate::error::{Error, Stopped};
use crate::pace::RunningJob;
use locus_engine::evaluate::{ANSWER_TOKENS, Question, RemarkKind, answer, is_correct, remarks};
use locus_engine::model::Model;
use locus_engine::run::{Choice, Length, generate};
use locus_protocol::{Event, Fact, Phase, SweepRow, SweptFact};
use locus_sweep::{FactChoice, Ledger, Plan, Rows, fact_mark};
use std::collections::{BTreeMap, BTreeSet};

/// Facts that are asked of the model together.
const TOGETHER: usize = 16;

/// The facts that are swept, and what became of the others.
pub struct Screened {
    /// Those that pass the filters, in the order of their file.
    pub facts: Vec<Fact>,
    /// How many do not, by the reason.
    pub left_out: BTreeMap<String, usize>,
    /// Facts by what should be known of them.
    pub remarked: BTreeMap<String, usize>,
}

impl Screened {
    /// What became of those that do not pass, as a clause.
    pub fn sentence(&self) -> String {
        let parts = self.left_out.iter().map(|(why, count)| format!("{count}: {why}"));
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() { "there are no facts".to_owned() } else { parts.join("; ") }
    }
}

/// The places of the facts that the grid names, in the order of their file, before anything is asked of the model.
///
/// # Errors
/// The grid names a fact that is not there.
pub fn named(facts: &[Fact], choice: &FactChoice) -> Result<Vec<usize>, Error> {
    let first = choice.first.unwrap_or(usize::MAX).min(facts.len());
    let cases: BTreeSet<u64> = choice.cases.iter().copied().collect();
    let is_named = |fact: &Fact| cases.is_empty() || fact.case_id.is_some_and(|case| cases.contains(&case));
    let places: Vec<usize> = (0..first).filter(|&place| is_named(&facts[place])).collect();
    let numbers: BTreeSet<u64> = places.iter().filter_map(|&place| facts[place].case_id).collect();
    if let Some(missing) = cases.iter().find(|case| !numbers.contains(case)) {
        let text = format!("no screened fact has the case_id {missing}, which `cases` of [facts] names; remove it");
        return Err(Error::Request(text));
    }
    Ok(places)
}

/// Looks at facts in their order until enough pass the filters; what the ledger knows is not asked again.
///
/// # Errors
/// A prompt that the model cannot read; the ledger cannot be written; the user stopped it.
pub fn screen(
    job: RunningJob<'_>,
    ledger: &Ledger,
    rows: &mut Rows,
    writer: &mut locus_sweep::Worker,
) -> Result<Screened, Stopped> {
    let loaded = job.loaded;
    let model = loaded.stack.base();
    let choice = &ledger.grid().facts;
    let places = named(&loaded.facts, choice)?;
    let all = places.len() as u64;
    let mut screened = Screened { facts: Vec::new(), left_out: BTreeMap::new(), remarked: BTreeMap::new() };
    let mut counted = BTreeSet::new();
    for (part, places) in places.chunks(TOGETHER).enumerate() {
        let facts: Vec<&Fact> = places.iter().map(|&place| &loaded.facts[place]).collect();
        job.check_cancel()?;
        let done = (part * TOGETHER) as u64;
        job.progress(Phase::Facts, done, choice.count.map_or(all, |_| 0));
        let keys: Vec<String> = facts.iter().map(|fact| Plan::fact_key(ledger.identity(), fact)).collect();
        let is_fresh = |&place: &usize| rows.get(&keys[place]).is_none() && !keys[..place].contains(&keys[place]);
        let fresh: Vec<usize> = (0..facts.len()).filter(is_fresh).collect();
        let asked: Vec<&Fact> = fresh.iter().map(|&place| facts[place]).collect();
        let seen = see(job, model, &asked)?;
        let mut new = Vec::new();
        let mut left = choice.count.map_or(usize::MAX, |count| count.saturating_sub(screened.facts.len()));
        left = left.saturating_sub(known(rows, &keys, &counted));
        for (&place, (probability, correct)) in fresh.iter().zip(seen) {
            let fact = facts[place];
            let mut kinds: Vec<String> = remarks(&model.tokenizer, fact)?
                .iter()
                .map(|remark: &locus_engine::evaluate::FactRemark| remark.kind.words().to_owned())
                .collect();
            kinds.dedup();
            let mut row = SweptFact {
                key: keys[place].clone(),
                fact: fact_mark(fact),
                index: places[place],
                case_id: fact.case_id,
                subject: fact.subject.clone(),
                prompt: fact.prompt(),
                target_true: fact.target_true.clone(),
                target_new: fact.target_new.clone(),
                relation: fact.relation.clone(),
                probability,
                correct,
                remarks: kinds,
                left_out: None,
            };
            row.left_out = left_out(&row, choice);
            // the ledger holds no fact beyond those that are swept
            if left == 0 {
                break;
            }
            left -= usize::from(row.left_out.is_none());
            new.push(SweepRow::Fact(row));
        }
        writer.add(&new).map_err(refused)?;
        new.into_iter().for_each(|row| rows.take_in(row));
        for (fact, key) in facts.into_iter().zip(&keys) {
            let Some(SweepRow::Fact(row)) = rows.get(key) else { continue };
            if !counted.insert(key.clone()) {
                *screened.left_out.entry(locus_sweep::TWICE.to_owned()).or_default() += 1;
                continue;
            }
            if choice.count.is_some_and(|count| screened.facts.len() >= count) {
                break;
            }
            job.tell(Event::Swept { job: job.number, row: Box::new(SweepRow::Fact(row.clone())) });
            for kind in &row.remarks {
                *screened.remarked.entry(kind.clone()).or_default() += 1;
            }
            match &row.left_out {
                None => screened.facts.push(fact.clone()),
                Some(why) => *screened.left_out.entry(why.clone()).or_default() += 1,
            }
        }
        if choice.count.is_some_and(|count| screened.facts.len() >= count) {
            break;
        }
    }
    Ok(screened)
}

/// Of how many facts of a part, by their keys, the ledger says that they are swept. A duplicate of an earlier record,
/// which is not, has that one's row.
fn known(rows: &Rows, keys: &[String], counted: &BTreeSet<String>) -> usize {
    let of_part: BTreeSet<&String> = keys.iter().filter(|key| !counted.contains(*key)).collect();
    let passes = |key: &&String| matches!(rows.get(key), Some(SweepRow::Fact(row)) if row.left_out.is_none());
    of_part.into_iter().filter(passes).count()
}

/// By fact: probability of the true answer, and whether the model says it.
fn see(job: RunningJob<'_>, model: &Model, facts: &[&Fact]) -> Result<Vec<(f64, bool)>, Error> {
    if facts.is_empty() {
        return Ok(Vec::new());
    }
    let has_answer = |fact: &&Fact| !fact.target_true.trim().is_empty();
    let questions: Vec<Question> = facts
        .iter()
        .map(|fact| {
            if has_answer(fact) {
                Question::new(fact.prompt(), &[&fact.target_true])
            } else {
                Question::new(fact.prompt(), &[])
            }
        })
        .collect();
    let likelihoods = answer(model, &questions, None)?;
    let prompts: Vec<String> = facts.iter().map(|fact| fact.prompt()).collect();
    let said = generate(model, &prompts, Length::After(ANSWER_TOKENS), Choice::Greedy, &mut || job.check_cancel())?;
    let mut seen = Vec::new();
    for ((fact, likelihoods), said) in facts.iter().zip(likelihoods).zip(said) {
        let correct = has_answer(fact) && is_correct(&said.continuation(model)?, &fact.target_true);
        seen.push((likelihoods.first().map_or(0.0, |likelihood| likelihood.probability()), correct));
    }
    Ok(seen)
}

/// Why a fact is not swept, if it is not.
fn left_out(row: &SweptFact, choice: &FactChoice) -> Option<String> {
    let spoils = [RemarkKind::NoChange, RemarkKind::Copying, RemarkKind::FirstToken];
    let is_spoilt = |why: &&String| spoils.iter().any(|kind| kind.words() == why.as_str());
    if let Some(why) = row.remarks.iter().find(|why| choice.skip_marked && is_spoilt(why)) {
        return Some(why.clone());
    }
    if choice.correct_only && !row.correct {
        return Some("the model does not say the true answer".to_owned());
    }
    if let Some(least) = choice.least_probability.filter(|least| row.probability <= *least) {
        return Some(format!("the true answer's probability is not above {least}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{known, named};
    use locus_protocol::{Fact, SweepRow, SweptFact};
    use locus_sweep::{FactChoice, Rows};
    use std::collections::BTreeSet;

    #[test]
    fn facts_are_named_by_their_number_among_the_first() {
        let facts = [7, 8, 9].map(|case| Fact { case_id: Some(case), ..Fact::default() });
        let of = |cases: &[u64], first: Option<usize>| {
            let choice = FactChoice { cases: cases.to_vec(), first, ..FactChoice::default() };
            named(&facts, &choice).map_err(|error| error.to_string())
        };
        assert_eq!(of(&[], None), Ok(vec![0, 1, 2]));
        assert_eq!(of(&[], Some(2)), Ok(vec![0, 1]));
        assert_eq!(of(&[9, 8], None), Ok(vec![1, 2]));
        assert!(of(&[9], Some(2)).expect_err("beyond").contains("no screened fact has the case_id 9"));
    }

    #[test]
    fn a_duplicate_is_no_fact_that_is_swept() {
        let mut rows = Rows::default();
        for (key, left_out) in [("a", None), ("b", Some("unknown".to_owned())), ("c", None)] {
            rows.take_in(SweepRow::Fact(SweptFact { key: key.into(), left_out, ..SweptFact::default() }));
        }
        let of = |keys: &[&str], counted: &[&str]| {
            let [keys, counted] = [keys, counted].map(|keys| keys.iter().map(|&key| key.to_owned()));
            known(&rows, &keys.collect::<Vec<String>>(), &counted.collect::<BTreeSet<String>>())
        };
        assert_eq!(of(&["a", "b", "c", "new"], &[]), 2);
        assert_eq!(of(&["a", "c", "a", "a"], &[]), 2, "a repeat within the part");
        assert_eq!(of(&["a", "new"], &["a", "c"]), 0, "a duplicate of a fact of an earlier part");
    }
}
