//! Scores all edits in place anew, on the model that they make together, and what they do to the rest.

use crate::error::{Error, Stopped};
use crate::measures::effort::Effort;
use crate::pace::RunningJob;
use locus_engine::evaluate::{perplexities, scores};
use locus_engine::model::Model;
use locus_protocol::{BeforeAfter, EditRescored, Event, Fact, Phase, Rescored};

/// Facts whose statements are the fixed text.
const TEXT_FACTS: usize = 32;
/// Tokens of a statement that are read.
const TEXT_TOKENS: usize = 100;

/// Measures every edit in place and the fixed text, before any edit and now.
pub fn run(job: RunningJob<'_>) -> Result<(), Stopped> {
    let loaded = job.loaded;
    let (base, model) = (loaded.stack.base(), loaded.stack.model());
    let applied = loaded.stack.applied();
    if applied.is_empty() {
        return Err(Error::Request("there is no edit to score; edit a fact first".to_owned()).into());
    }
    let edited: Vec<&Fact> = applied.iter().flat_map(|edit| edit.edit.order.facts()).collect();
    let text = text(&loaded.facts, &edited);
    let mut effort = Effort::default();
    for edit in applied {
        let positions = Effort::of_record(base, edit.edit.fact())?;
        effort.step(positions);
        effort.step(positions);
    }
    for _ in [base, model] {
        for text in &text {
            effort.step((base.tokenizer.encode(text)?.len() as u64).min(TEXT_TOKENS as u64));
        }
    }
    let mut step = 0;
    let mut tell = || {
        job.progress(Phase::Evaluation, effort.before(step), effort.all());
        step += 1;
        job.check_cancel()
    };
    let mut rescored = Rescored { job: job.number, changes: loaded.stack.changes()?, ..Rescored::default() };
    for edit in applied {
        let fact = edit.edit.fact();
        tell()?;
        let before = scores(base, fact)?;
        tell()?;
        let scores = BeforeAfter { before, after: scores(model, fact)? };
        rescored.edits.push(EditRescored { number: edit.number, scores });
    }
    if !text.is_empty() {
        rescored.text_facts = text.len();
        rescored.perplexity_before = perplexity(base, &text, &mut tell)?;
        rescored.perplexity_now = perplexity(model, &text, &mut tell)?;
    }
    tell()?;
    job.tell(Event::Rescored(rescored));
    Ok(())
}

/// Statements of facts about subjects that were not edited, evenly over the list, so that the same edits have the same
/// text.
fn text(all: &[Fact], edited: &[&Fact]) -> Vec<String> {
    let others: Vec<&Fact> = all
        .iter()
        .filter(|fact| !fact.target_true.trim().is_empty() && edited.iter().all(|known| known.subject != fact.subject))
        .collect();
    let count = others.len().min(TEXT_FACTS);
    let statement = |fact: &Fact| format!("{} {}.", fact.prompt(), fact.target_true.trim());
    (0..count).map(|index| statement(others[index * others.len() / count])).collect()
}

/// The geometric mean of the texts' perplexities; `tell` is called before each.
fn perplexity(
    model: &Model,
    texts: &[String],
    tell: &mut dyn FnMut() -> locus_engine::Result<()>,
) -> Result<f64, Error> {
    let mut sum = 0.0;
    for text in texts {
        tell()?;
        let each = perplexities(model, std::slice::from_ref(text), TEXT_TOKENS, None)?;
        sum += each.iter().map(|perplexity| perplexity.ln()).sum::<f64>();
    }
    Ok((sum / texts.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::{TEXT_FACTS, text};
    use locus_protocol::Fact;

    fn fact(subject: &str) -> Fact {
        Fact { template: "{} is in".into(), subject: subject.into(), target_true: " Asia".into(), ..Fact::default() }
    }

    #[test]
    fn the_text_leaves_edited_subjects_out_and_is_spread_over_all_facts() {
        let all: Vec<Fact> = (0..100).map(|number| fact(&format!("s{number}"))).collect();
        let edited = [fact("s0"), fact("s50")];
        let said = text(&all, &edited.iter().collect::<Vec<_>>());
        assert_eq!((said.len(), said[0].as_str()), (TEXT_FACTS, "s1 is in Asia."));
        assert!(said.iter().all(|text| !text.starts_with("s0 ") && !text.starts_with("s50 ")), "{said:?}");
        assert!(said.last().is_some_and(|text| text.starts_with("s9")), "{said:?}");
        assert!(text(&[], &[]).is_empty());
    }
}
