//! An evaluation: facts before and after an edit that is not kept, or under the model as it is.

use crate::SessionOptions;
use crate::edits::finding::{self, Steps};
use crate::error::{Error, Stopped};
use crate::measures::effort::Effort;
use crate::measures::measuring::{Case, Texts, goal, measure, plain_goal, relations, report};
use crate::measures::remarks::tell_remarks;
use crate::moments;
use crate::pace::RunningJob;
use crate::plugins::preparing::{prepare, target_tokens};
use locus_engine::evaluate::{
    ANSWER_TOKENS, Consistency, essence_texts, fact_seed, is_correct, target_log_probabilities,
};
use locus_engine::evaluate::{FactRemark, without_doubtful_neighbors};
use locus_engine::model::Model;
use locus_engine::run::{Choice, Length, generate};
use locus_plugin_host::Registry;
use locus_protocol::{Aim, EvaluateOrder, Evaluated, Event, Fact, Measures, Phase};

/// Parts of a case that are told.
const PARTS: u64 = 100;

/// Measures the facts of an order and tells of each.
pub fn run(
    job: RunningJob<'_>,
    registry: &Registry,
    options: &SessionOptions,
    order: EvaluateOrder,
) -> Result<(), Stopped> {
    let EvaluateOrder { edit, facts, mut measures } = order;
    if measures.free_generation == 0 {
        // an order may ask for it itself
        measures.free_generation = edit.as_ref().map_or(0, |edit| edit.free_generation);
    }
    let consistency = measures.consistency.as_deref().map(Consistency::read).transpose()?;
    let all: Vec<Fact> = edit.as_ref().map_or(facts, |edit| edit.facts().cloned().collect());
    if all.is_empty() {
        return Err(Error::Request("there is no fact to measure; give at least one".to_owned()).into());
    }
    let RunningJob { number, loaded, .. } = job;
    let model = loaded.stack.model();
    // what is measured of each fact may leave prompts out; told is the fact as it was given
    let (mut kept, mut given) = (Vec::new(), Vec::new());
    for fact in all {
        job.check_cancel()?;
        let marked = tell_remarks(&job.pace.emitter, model, &fact)?;
        let left_out = left_out(job, &fact, &measures, &marked)?;
        let marked: Vec<String> = marked.into_iter().map(|remark| remark.text).collect();
        match left_out {
            None => {
                kept.push(if measures.skip_marked { without_doubtful_neighbors(&fact) } else { fact.clone() });
                given.push((fact, marked));
            }
            left_out => job.tell(Event::Evaluated(Evaluated {
                job: number,
                fact,
                remarks: marked,
                left_out,
                ..Evaluated::default()
            })),
        }
    }
    if kept.is_empty() {
        return Ok(());
    }
    match edit {
        None => measure_as_it_is(job, &kept, &given, &measures, consistency.as_ref())?,
        Some(mut edit) => {
            edit.fact = kept[0].clone();
            edit.more = kept[1..].to_vec();
            let prepared = prepare(job, registry, &mut edit)?;
            if !prepared.plan.second_moments.is_empty() {
                let _ = moments::ensure(job, options, &prepared.plan.second_moments, edit.corpus_tokens)?;
            }
            let together: Vec<&Fact> = kept.iter().collect();
            let mut cases = Vec::new();
            for (fact, aim) in kept.iter().zip(&prepared.aims) {
                cases.push(Case {
                    goal: goal(model, prepared.noise.as_ref(), aim, fact),
                    lowers: aim.lowers,
                    relations: relations(&loaded.facts, fact, &together),
                    ..case(job, fact, &measures)?
                });
            }
            // before and after are phases of their own, with the method's between them
            let all = |model: &Model| {
                let one = |(place, case)| {
                    let mut told = Told::new(job, model, case, &measures, [place, cases.len()])?;
                    measure(model, case, &measures, consistency.as_ref(), None, &mut || told.step())
                };
                cases.iter().enumerate().map(one).collect::<Result<Vec<_>, Error>>()
            };
            let before = all(model)?;
            let edited = finding::run(job, registry, &edit, &prepared, Steps::Counted)?;
            job.check_cancel()?;
            // a variant beside the edits in place, of which none is touched
            let variant = loaded.stack.trial(&edit.method, &edited.deltas)?;
            let after = all(&variant)?;
            for (index, ((case, before), after)) in cases.iter().zip(before).zip(after).enumerate() {
                let (mut numbers, Texts { said, free: free_texts }) = report(case, &measures, before, Some(after));
                numbers.extend(edited.metrics.iter().map(|(name, value)| (format!("method.{name}"), *value)));
                let aim = prepared.aims[index].clone();
                let (fact, remarks) = given[index].clone();
                let left_out = None;
                let evaluated = Evaluated { job: number, fact, aim, remarks, left_out, numbers, said, free_texts };
                job.tell(Event::Evaluated(evaluated));
            }
        }
    }
    Ok(())
}

/// Tells how far the measuring of one case of several is; each counts as much as the others.
struct Told<'a> {
    job: RunningJob<'a>,
    effort: Effort,
    step: usize,
    /// Which case it is, and how many there are.
    place: [usize; 2],
}

impl<'a> Told<'a> {
    fn new(
        job: RunningJob<'a>,
        model: &Model,
        case: &Case<'_>,
        measures: &Measures,
        place: [usize; 2],
    ) -> Result<Self, Error> {
        Ok(Self { job, effort: Effort::of(model, case, measures)?, step: 0, place })
    }

    fn step(&mut self) -> locus_engine::Result<()> {
        let [place, count] = self.place.map(|number| number as u64 * PARTS);
        let part = PARTS * self.effort.before(self.step) / self.effort.all().max(1);
        self.step += 1;
        self.job.progress(Phase::Evaluation, place + part, count);
        self.job.check_cancel()
    }
}

fn measure_as_it_is(
    job: RunningJob<'_>,
    facts: &[Fact],
    given: &[(Fact, Vec<String>)],
    measures: &Measures,
    consistency: Option<&Consistency>,
) -> Result<(), Error> {
    let loaded = job.loaded;
    let model = loaded.stack.model();
    for (done, fact) in facts.iter().enumerate() {
        let case = Case { relations: relations(&loaded.facts, fact, &[]), ..case(job, fact, measures)? };
        let mut told = Told::new(job, model, &case, measures, [done, facts.len()])?;
        let before = measure(model, &case, measures, consistency, None, &mut || told.step())?;
        let (numbers, Texts { said, free: free_texts }) = report(&case, measures, before, None);
        let aim = Aim { target: case.goal.target.clone(), baseline: case.goal.baseline.clone(), ..Aim::default() };
        let tokens = |target: &str| target_tokens(model, &fact.prompt(), target);
        let aim = Aim { target_tokens: tokens(&aim.target), baseline_tokens: tokens(&aim.baseline), ..aim };
        let ((fact, remarks), left_out) = (given[done].clone(), None);
        job.tell(Event::Evaluated(Evaluated {
            job: job.number,
            fact,
            aim,
            remarks,
            left_out,
            numbers,
            said,
            free_texts,
        }));
    }
    Ok(())
}

/// What is asked of a fact, without what an edit adds.
fn case<'a>(job: RunningJob<'_>, fact: &'a Fact, measures: &Measures) -> Result<Case<'a>, Error> {
    let model = job.loaded.stack.model();
    let mut spoken = vec![fact.prompt()];
    spoken.extend(fact.paraphrases.iter().cloned());
    let essence = if measures.essence {
        essence_texts(model, &fact.subject, fact_seed(fact, "essence", measures.seed), &mut || job.check_cancel())?
    } else {
        Vec::new()
    };
    Ok(Case { fact, goal: plain_goal(model, fact), lowers: false, relations: Vec::new(), spoken, essence })
}

/// Why a fact is not measured, if it is not.
fn left_out(
    job: RunningJob<'_>,
    fact: &Fact,
    measures: &Measures,
    marked: &[FactRemark],
) -> Result<Option<String>, Error> {
    let model = job.loaded.stack.model();
    if let Some(remark) = marked.iter().find(|remark| measures.skip_marked && remark.kind.spoils_scores()) {
        return Ok(Some(remark.text.clone()));
    }
    let prompts = [fact.prompt()];
    if let Some(least) = measures.least_probability {
        let log_probability = target_log_probabilities(model, &prompts, &[&fact.target_true])?[0][0];
        if log_probability.exp() <= least {
            return Ok(Some(format!("p(true) is {:.4}, not above {least}", log_probability.exp())));
        }
    }
    if measures.correct_only {
        let length = Length::After(ANSWER_TOKENS);
        let text = generate(model, &prompts, length, Choice::Greedy, &mut || job.check_cancel())?;
        let said = text[0].continuation(model)?;
        if !is_correct(&said, &fact.target_true) {
            return Ok(Some("the model does not say the true answer".to_owned()));
        }
    }
    Ok(None)
}
