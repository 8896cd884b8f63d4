//! What an edit does to its facts.

use crate::error::Error;
use crate::measures::judging::{Aims, following, kept};
use crate::measures::measuring::{Case, Measured, Texts, measure, relations, report};
use crate::model::loaded::Loaded;
use crate::model::rows::{mark, rows_of};
use crate::pace::RunningJob;
use locus_engine::edit::weight_changes;
use locus_engine::evaluate::Comparison;
use locus_engine::model::Model;
use locus_plugin::Delta;
use locus_protocol::{
    AimVerdict, Applied, BeforeAfter, EditOrder, Fact, LayerRow, Likeliness, Measures, Phase, Scores, TriedOn,
};

/// What is seen of an edit's facts under the model before it.
pub struct Before {
    seen: Seen,
    /// Rows of the model for the first fact.
    pub rows: Vec<LayerRow>,
}

impl Before {
    /// Looks at the model that is edited.
    pub fn of(job: RunningJob<'_>, order: &EditOrder, aims: &Aims, on: TriedOn) -> Result<Self, Error> {
        let model = job.loaded.model_on(on);
        Ok(Self { seen: Seen::of(job, model, order, aims)?, rows: rows_of(model, &order.fact)? })
    }
}

/// What is seen of an edit's facts under one model.
struct Seen {
    scores: Scores,
    measured: Measured,
    /// By fact.
    likeliness: Vec<Likeliness>,
}

impl Seen {
    fn of(job: RunningJob<'_>, model: &Model, order: &EditOrder, aims: &Aims) -> Result<Self, Error> {
        let fact = scored(order);
        let case = case(job.loaded, order, &fact, aims)?;
        let measures = measures(order);
        // what takes the time: the prompts of the record, each token that is said, the other facts
        let tokens = measures.said_tokens.saturating_add(measures.free_generation) as u64;
        let all = tokens.saturating_add(2 + aims.parts());
        let mut done = 0;
        let mut step = || {
            job.progress(Phase::Evaluation, done, all.max(done));
            done += 1;
            job.check_cancel()
        };
        step()?;
        let measured = measure(model, &case, &measures, None, &mut step)?;
        let mut likeliness: Vec<Likeliness> = measured.rewrite().into_iter().collect();
        likeliness.extend(aims.further(model, order, &mut || Ok(step()?))?);
        let scores = measured.scores(model, &case)?;
        job.progress(Phase::Evaluation, all, all);
        Ok(Self { scores, measured, likeliness })
    }
}

/// What is measured of an edit.
fn measures(order: &EditOrder) -> Measures {
    Measures { free_generation: order.free_generation, ..Measures::default() }
}

/// The first fact of an order as far as it is scored.
fn scored(order: &EditOrder) -> Fact {
    Fact { attributes: Vec::new(), ..order.fact.clone() }
}

fn case<'a>(loaded: &Loaded, order: &EditOrder, fact: &'a Fact, aims: &Aims) -> Result<Case<'a>, Error> {
    let together: Vec<&Fact> = order.facts().collect();
    let goal = aims.first_goal().ok_or_else(|| Error::Request("there is no fact to edit; give one".to_owned()))?;
    Ok(Case {
        goal: goal.clone(),
        lowers: aims.first().lowers,
        relations: relations(&loaded.facts, fact, &together),
        spoken: vec![fact.prompt()],
        essence: Vec::new(),
        fact,
    })
}

/// What a method said of its changes.
pub struct Told {
    /// Its title, numbers and notes; all else is measured.
    pub applied: Applied,
    /// What kept it from going further.
    pub limits: Vec<String>,
}

/// Measures what changes do to a model; `told` holds what the method said of them.
pub fn weigh(
    job: RunningJob<'_>,
    order: &EditOrder,
    aims: &Aims,
    on: TriedOn,
    deltas: &[Delta],
    before: Before,
    told: Told,
) -> Result<(Applied, Model), Error> {
    let loaded = job.loaded;
    let changes = weight_changes(loaded.stack.base(), deltas)?;
    let model = loaded.trial_on(on, &order.method, deltas)?;
    let after = Seen::of(job, &model, order, aims)?;
    let mut rows = rows_of(&model, &order.fact)?;
    mark(&mut rows, &changes);
    let fact = scored(order);
    let case = case(loaded, order, &fact, aims)?;
    let before = before.seen;
    let records = Comparison { before: before.measured.record().clone(), after: after.measured.record().clone() };
    let aim = aims.first();
    let verdict = AimVerdict {
        paraphrases: following(&records, aim.lowers),
        neighbors: kept(&records, &aim, &fact),
        limits: told.limits,
        ..aims.verdict(order, &before.likeliness, &after.likeliness)
    };
    let (numbers, texts) = report(&case, &measures(order), before.measured, Some(after.measured));
    let Texts { said, free: free_texts } = texts;
    let scores = BeforeAfter { before: before.scores, after: after.scores };
    let (number, verdict) = (job.number, Some(verdict));
    let would = Applied { job: number, aim, changes, rows, scores, numbers, said, free_texts, verdict, ..told.applied };
    Ok((would, model))
}
