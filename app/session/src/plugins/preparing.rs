//! What is known before a method runs: settings, the objective's goals, the method's plan.

use super::engaging::believed;
use super::sealing::sealed;
use crate::emitter::log_level;
use crate::error::Error;
use crate::pace::RunningJob;
use locus_engine::edit::{EngineHost, HostEvent, bounds};
use locus_engine::model::Model;
use locus_engine::run::resolved;
use locus_plugin::object::ObjectiveInstance;
use locus_plugin::{Edit, EditRequest, FactToEdit, Goal, ModelInfo, Plan, SubjectNoise};
use locus_plugin_host::Registry;
use locus_protocol::{Aim, EditOrder, Fact, TriedOn};
use std::cell::RefCell;

/// What is known before a method runs.
pub struct PreparedEdit {
    /// What the method is asked.
    pub request: EditRequest,
    /// What it is going to do.
    pub plan: Plan,
    /// By fact: what the objective makes of it.
    pub aims: Vec<Aim>,
    /// Noise on the subjects while editing and scoring, its level in numbers.
    pub noise: Option<SubjectNoise>,
    /// What plugins may know of the model.
    pub info: ModelInfo,
    /// The model that is edited.
    pub on: TriedOn,
    /// The objective that has told its goals: the same is asked for the losses.
    pub objective: RefCell<Option<Box<dyn ObjectiveInstance>>>,
}

/// Fills in settings and layers that suit the model, asks the objective for its goals and the method for its plan.
pub fn prepare(job: RunningJob<'_>, registry: &Registry, order: &mut EditOrder) -> Result<PreparedEdit, Error> {
    prepare_on(job, registry, order, TriedOn::AsItIs)
}

/// The same for an edit of that model.
pub fn prepare_on(
    job: RunningJob<'_>,
    registry: &Registry,
    order: &mut EditOrder,
    on: TriedOn,
) -> Result<PreparedEdit, Error> {
    let method = registry.method(&order.method)?;
    let objective = registry.objective(&order.objective)?;
    let loaded = job.loaded;
    order.method_settings = loaded.defaults.of_method(&order.method, &order.objective, &order.method_settings);
    order.objective_settings = loaded.defaults.of_objective(&order.objective, &order.objective_settings);
    if order.layers.is_empty() {
        order.layers = loaded.defaults.layers_of(&order.method);
    }
    order.layers.sort_unstable();
    order.layers.dedup();
    if let Some(layer) = order.layers.iter().find(|&&layer| layer >= loaded.info.layers) {
        let message =
            format!("there is no layer {layer}; this model has layers 0 to {}", loaded.info.layers.saturating_sub(1));
        return Err(Error::Request(message));
    }
    let mut info = loaded.info.clone();
    info.embedding_deviation = loaded.embedding_deviation(&order.fact.subject)?;
    let model = loaded.model_on(on);
    let listener = |event| match event {
        HostEvent::Log(level, text) => {
            job.log(&order.objective, log_level(level), text);
        }
        // there is no table of steps yet
        HostEvent::Step(..) | HostEvent::Progress { .. } => {}
    };
    let cancelled = || job.is_cancelled();
    let host = EngineHost::new(model, info.clone(), None, &cancelled, None, listener);
    let ids = [order.objective.as_str(); 2];
    let named = |error| Error::plugin(&order.objective, error);
    // the weights are compared once for all facts of the order
    let (at_work, goals) = sealed(loaded, &order.objective, || {
        let mut at_work = believed(ids, objective.start(&order.objective_settings), &host)?;
        let mut goals = Vec::new();
        for fact in order.facts() {
            // the subject must be there, whatever the method makes of it
            model.tokenizer.prompt(&fact.template, &fact.subject, None)?;
            let goal = believed(ids, at_work.goal(&fact_to_edit(fact), &host), &host)?;
            bounds::goal(&goal).map_err(named)?;
            goals.push(goal);
        }
        Ok((at_work, goals))
    })?;
    let noise = goals.first().and_then(|goal| goal.noise.clone());
    let noise = noise.map(|noise| resolved(noise, info.embedding_deviation));
    let level = noise.as_ref().map_or(0.0, |noise| noise.level);
    let made = || order.facts().zip(&goals);
    let edits = made().map(|(fact, goal)| edit(fact, goal)).collect();
    let aims = made().map(|(fact, goal)| aim(model, fact, goal, level)).collect();
    if goals.iter().any(|goal| goal.noise != goals[0].noise) {
        let message = "the facts have different noise; edit them one at a time".to_owned();
        return Err(named(locus_plugin::Error::Request(message)));
    }
    let mut request = EditRequest { edits, layers: order.layers.clone(), seed: order.seed, apart: false };
    let named = |error| Error::plugin(&order.method, error);
    let plan = sealed(loaded, &order.method, || method.plan(&request, &order.method_settings, &info).map_err(named))?;
    bounds::plan(&plan).map_err(named)?;
    if let Some(layer) = plan.layers.iter().chain(&plan.second_moments).find(|&&layer| layer >= info.layers) {
        let message =
            format!("it plans to edit layer {layer}; the model has layers 0 to {}", info.layers.saturating_sub(1));
        return Err(named(locus_plugin::Error::Failed(message)));
    }
    not_of_experts(model, &order.method, &plan)?;
    request.layers.clone_from(&plan.layers);
    order.layers.clone_from(&plan.layers);
    drop(host);
    Ok(PreparedEdit { request, plan, aims, noise, info, on, objective: RefCell::new(Some(at_work)) })
}

/// Refuses a plan to edit the one MLP of a layer that has several, or to ask for second moments there. A plan that says
/// which parameters it changes may name those of an expert.
fn not_of_experts(model: &Model, method: &str, plan: &Plan) -> Result<(), Error> {
    let architecture = &model.architecture;
    let edited = plan.layers.iter().filter(|_| plan.parameters.is_empty());
    let Some((layer, experts)) = edited
        .chain(&plan.second_moments)
        .find_map(|&layer| architecture.experts_of(layer).map(|experts| (layer, experts)))
    else {
        return Ok(());
    };
    let single: Vec<String> = architecture.single_mlps().iter().map(ToString::to_string).collect();
    let others = match single.is_empty() {
        true => "no layer of this model has a single MLP".to_owned(),
        false => format!("choose among the layers with a single MLP: {}", single.join(", ")),
    };
    Err(Error::Request(format!(
        "{}, and {method} edits the one down-projection of a layer's MLP; {others}",
        experts.said(layer)
    )))
}

/// What the method is asked for a fact.
fn edit(fact: &Fact, goal: &Goal) -> Edit {
    let mut edit = Edit::new(&fact.template, &fact.subject, &goal.target);
    edit.runs_all_steps = goal.runs_all_steps;
    edit.copies = goal.noise.as_ref().map_or(1, |noise| noise.copies);
    edit
}

/// What an objective made of a fact.
fn aim(model: &Model, fact: &Fact, goal: &Goal, noise_level: f64) -> Aim {
    let (prompt, target) = (fact.prompt(), goal.target.clone());
    let baseline = goal.baseline.clone().unwrap_or_else(|| other_target(fact, &target));
    Aim {
        target_tokens: target_tokens(model, &prompt, &target),
        baseline_tokens: target_tokens(model, &prompt, &baseline),
        target,
        baseline,
        noise_level,
        lowers: goal.lowers,
    }
}

/// The tokens of a target after its prompt, for the eye; none where it is empty.
pub fn target_tokens(model: &Model, prompt: &str, target: &str) -> Vec<String> {
    let joined = model.tokenizer.joined(prompt, target);
    joined.map(|joined| joined.target().iter().map(|&id| model.tokenizer.piece(id)).collect()).unwrap_or_default()
}

/// A fact as an objective is asked for it: without the prompts that edits of it are measured by.
pub fn fact_to_edit(fact: &Fact) -> FactToEdit {
    FactToEdit {
        template: fact.template.clone(),
        subject: fact.subject.clone(),
        target_true: fact.target_true.clone(),
        target_new: fact.target_new.clone(),
    }
}

/// The record's target that is not `target`.
fn other_target(fact: &Fact, target: &str) -> String {
    if fact.target_true.trim() == target.trim() { fact.target_new.clone() } else { fact.target_true.clone() }
}
