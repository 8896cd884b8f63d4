//! What an edit does to its facts.

use crate::error::Error;
use crate::measures::effort::Effort;
use crate::measures::judging::{Aims, following, kept};
use crate::measures::measuring::{Case, Measured, Texts, measure, relations, report};
use crate::model::loaded::Loaded;
use crate::model::rows::{mark, rows_of};
use crate::pace::RunningJob;
use locus_engine::edit::{changed_down_projections, weight_changes};
use locus_engine::evaluate::{Below, Comparison};
use locus_engine::model::Model;
use locus_engine::run::{Choice, Length, Pair, generate, generate_both};
use locus_plugin::Delta;
use locus_protocol::{
    AimVerdict, Applied, BeforeAfter, EditOrder, Fact, LayerRow, Likeliness, Measures, Phase, Scores, TriedOn,
};
use std::cell::Cell;

/// What is seen of an edit's facts under the model before it.
pub struct Before {
    seen: Seen,
    /// Rows of the model for the first fact.
    pub rows: Vec<LayerRow>,
    /// What the record ran below the layers that the edit may move.
    below: Option<Below>,
}

impl Before {
    /// Looks at the model that is edited; `layers` are those that the method is going to edit.
    pub fn of(
        job: RunningJob<'_>,
        order: &EditOrder,
        aims: &Aims,
        on: TriedOn,
        layers: &[usize],
    ) -> Result<Self, Error> {
        let model = job.loaded.model_on(on);
        let lowest = layers.iter().min().filter(|&&layer| layer < model.architecture.layers);
        let mut below = lowest.map(|&layer| Below::new(layer));
        let seen = Seen::of(job, model, order, aims, below.as_mut(), None)?;
        Ok(Self { seen, rows: rows_of(model, &order.fact)?, below })
    }
}

/// What is seen of an edit's facts under one model.
struct Seen {
    scores: Scores,
    measured: Measured,
    /// How likely target and baseline are, for each fact.
    likeliness: Vec<Likeliness>,
}

impl Seen {
    /// What is seen under a model. What it says is generated together with what the one before says, which gets it then.
    fn of(
        job: RunningJob<'_>,
        model: &Model,
        order: &EditOrder,
        aims: &Aims,
        below: Option<&mut Below>,
        before: Option<Earlier<'_>>,
    ) -> Result<Self, Error> {
        let fact = scored(order);
        let case = case(job.loaded, order, &fact, aims)?;
        let measures = Measures { said_tokens: 0, ..measures(order) };
        let mut effort = Effort::of(model, &case, &measures)?;
        let own = effort.steps();
        aims.parts().into_iter().for_each(|positions| effort.step(positions));
        let (begun, said_tokens) = (effort.steps(), self::measures(order).said_tokens);
        if before.is_some() {
            let spoken =
                case.spoken.iter().chain(&case.spoken).map(|prompt| Ok(model.tokenizer.encode(prompt)?.len() as u64));
            effort.text(&spoken.collect::<Result<Vec<_>, Error>>()?, said_tokens);
        }
        let steps = Cell::new(0);
        let mut step = || {
            job.progress(Phase::Evaluation, effort.before(steps.get()), effort.all());
            steps.set(steps.get() + 1);
            job.check_cancel()
        };
        let mut measured = measure(model, &case, &measures, None, below, &mut step)?;
        let mut likeliness: Vec<Likeliness> = measured.rewrite().into_iter().collect();
        // texts that ended early have left steps out
        steps.set(own);
        likeliness.extend(aims.further(model, order, &mut || Ok(step()?))?);
        let scores = measured.scores(model, &case)?;
        if let Some(before) = before {
            steps.set(begun);
            let length = Length::After(said_tokens);
            let [then, now] = match before.layers {
                Some(layers) => {
                    let pair = Pair { model: before.model, edited: model, layers };
                    generate_both(pair, &case.spoken, length, &mut step)?
                }
                None => {
                    let mut each = |model| generate(model, &case.spoken, length, Choice::Greedy, &mut step);
                    [each(before.model)?, each(model)?]
                }
            };
            before.measured.says(&then, model)?;
            measured.says(&now, model)?;
        }
        job.progress(Phase::Evaluation, effort.all(), effort.all());
        Ok(Self { scores, measured, likeliness })
    }
}

/// The model before, what was measured of it, and the layers whose down-projections alone the edit moves.
struct Earlier<'a> {
    model: &'a Model,
    measured: &'a mut Measured,
    layers: Option<&'a [usize]>,
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

/// What is told of changes of which nothing is measured: which weights they move, and what the method said.
pub fn unweighed(
    job: RunningJob<'_>,
    order: &EditOrder,
    aims: &Aims,
    on: TriedOn,
    deltas: &[Delta],
    told: Told,
) -> Result<(Applied, Model), Error> {
    let changes = weight_changes(job.loaded.stack.base(), deltas)?;
    let model = job.loaded.trial_on(on, &order.method, deltas)?;
    let mut would = Applied { job: job.number, aim: aims.first(), changes, ..told.applied };
    would.notes.extend(told.limits);
    Ok((would, model))
}

/// Measures what changes do to a model; `told` holds what the method said of them.
pub fn weigh(
    job: RunningJob<'_>,
    order: &EditOrder,
    aims: &Aims,
    on: TriedOn,
    deltas: &[Delta],
    mut before: Before,
    told: Told,
) -> Result<(Applied, Model), Error> {
    let loaded = job.loaded;
    let changes = weight_changes(loaded.stack.base(), deltas)?;
    let model = loaded.trial_on(on, &order.method, deltas)?;
    let layers = changed_down_projections(loaded.stack.base(), deltas)?;
    let earlier =
        Earlier { model: loaded.model_on(on), measured: &mut before.seen.measured, layers: layers.as_deref() };
    let stays = |below: &&mut Below| layers.iter().flatten().all(|&layer| layer >= below.layer()) && layers.is_some();
    let below = before.below.as_mut().filter(stays);
    let after = Seen::of(job, &model, order, aims, below, Some(earlier))?;
    let mut rows = rows_of(&model, &order.fact)?;
    mark(&mut rows, &changes);
    let fact = scored(order);
    let case = case(loaded, order, &fact, aims)?;
    let before = before.seen;
    let records = Comparison { before: before.measured.record().clone(), after: after.measured.record().clone() };
    let aim = aims.first();
    let verdict = aims.verdict(order, &before.likeliness, &after.likeliness);
    // what kept the method back says nothing of an edit that took
    let limits = if verdict.success { Vec::new() } else { told.limits };
    let (paraphrases, neighbors) = (following(&records, aim.lowers), kept(&records, &aim, &fact));
    let verdict = AimVerdict { paraphrases, neighbors, limits, ..verdict };
    let (numbers, texts) = report(&case, &measures(order), before.measured, Some(after.measured));
    let Texts { said, free: free_texts } = texts;
    let scores = BeforeAfter { before: before.scores, after: after.scores };
    let (number, verdict) = (job.number, Some(verdict));
    let would = Applied { job: number, aim, changes, rows, scores, numbers, said, free_texts, verdict, ..told.applied };
    Ok((would, model))
}
