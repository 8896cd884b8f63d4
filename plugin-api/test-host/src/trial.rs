//! One edit on the tiny model, from the goal to the changed weights.

use crate::host::TestHost;
use crate::plain::{Descent, Raise};
use locus_plugin::object::{LinkedMethod, LinkedObjective, MethodObject, ObjectiveObject};
use locus_plugin::schema::{Map, Value};
use locus_plugin::tch::Tensor;
use locus_plugin::{
    Edit, EditMethod, EditRequest, Edited, Error, FactToEdit, Form, Goal, Hyperparameter, Objective, Plan, Result,
};
use std::collections::BTreeMap;

/// Result of an edit.
#[derive(Debug)]
pub struct Trial {
    /// Goal that the objective chose.
    pub goal: Goal,
    /// Plan that the method announced.
    pub plan: Plan,
    /// Result that the method returned.
    pub edited: Edited,
    /// Loss of each reported step.
    pub losses: Vec<f64>,
    /// Probability of the goal's target before the edit, the geometric mean over its tokens.
    pub before: f64,
    /// The same after the edit.
    pub after: f64,
}

/// An example fact: the capital of France.
#[must_use]
pub fn fact() -> FactToEdit {
    FactToEdit {
        template: "The capital of {} is".to_owned(),
        subject: "France".to_owned(),
        target_true: "Paris".to_owned(),
        target_new: "Rome".to_owned(),
    }
}

/// Edits [`fact`] with a method that raises the new target's probability. Settings are given as with `--set`.
///
/// # Errors
/// Those of the method, and those with which the program would reject its result.
pub fn edit<M: EditMethod>(settings: &[(&str, &str)]) -> Result<Trial> {
    edit_towards::<M, Raise>(&fact(), settings, &[])
}

/// Edits [`fact`] with an objective, by gradient descent on its loss. Settings are given as with `--set-objective`.
///
/// # Errors
/// Those of the objective, and those with which the program would reject its results.
pub fn try_objective<O: Objective>(settings: &[(&str, &str)]) -> Result<Trial> {
    edit_towards::<Descent, O>(&fact(), &[], settings)
}

/// Edits a fact with a method and an objective, each with its settings.
///
/// # Errors
/// Those of either, and those with which the program would reject their results.
pub fn edit_towards<M: EditMethod, O: Objective>(
    fact: &FactToEdit,
    of_method: &[(&str, &str)],
    of_objective: &[(&str, &str)],
) -> Result<Trial> {
    let (method, objective) = (LinkedMethod::<M>::default(), LinkedObjective::<O>::default());
    TestHost::new().trial((&method, of_method), (&objective, of_objective), fact)
}

impl TestHost {
    /// One edit: the goal, the plan, the changes, and what they do to the target's probability. The result passes the
    /// program's checks; [`Self::reports`] and [`Self::log`] have what was reported on the way.
    ///
    /// # Errors
    /// Those of either plugin; [`Error::Failed`] for a loss of another shape, for changes that do not fit or are not
    /// finite, and if a parameter of the host was written into.
    pub fn trial(
        &self,
        (method, of_method): (&dyn MethodObject, &[(&str, &str)]),
        (objective, of_objective): (&dyn ObjectiveObject, &[(&str, &str)]),
        fact: &FactToEdit,
    ) -> Result<Trial> {
        let of_method = settings(&method.description().hyperparameters, of_method)?;
        let of_objective = settings(&objective.description().hyperparameters, of_objective)?;
        let mut at_work = objective.start(&of_objective)?;
        let goal = at_work.goal(fact, self)?;
        if goal.target.trim().is_empty() {
            return Err(Error::Failed("the objective aims at an empty text".to_owned()));
        }
        self.set_objective(at_work);
        let edit = Edit {
            runs_all_steps: goal.runs_all_steps,
            copies: goal.noise.as_ref().map_or(0, |noise| noise.copies),
            ..Edit::new(&fact.template, &fact.subject, &goal.target)
        };
        let mut request = EditRequest { edits: vec![edit], layers: Vec::new(), seed: 1, apart: false };
        let plan = method.plan(&request, &of_method, &locus_plugin::Host::model(self)?)?;
        request.layers.clone_from(&plan.layers);
        self.begin(plan.second_moments.clone(), &[(&fact.subject, &goal)])?;
        let told = self.reports.borrow().len();
        let edited = method.edit(&request, &of_method, self)?;
        if let Some(name) = self.written() {
            return Err(Error::Failed(format!("it wrote into `{name}`, which belongs to the host")));
        }
        let asked = [fact.template.as_str(), &fact.subject, &goal.target];
        let (before, after) = (self.probability(asked, [])?, self.probability(asked, self.changed(&edited)?)?);
        let losses = self.reports.borrow()[told..].iter().map(|report| report.losses["loss"]).collect();
        Ok(Trial { goal, plan, edited, losses, before, after })
    }

    /// The parameters that an edit changes, with their new values.
    ///
    /// # Errors
    /// [`Error::Failed`] for a change of the wrong shape, or one that is not finite.
    pub fn changed(&self, edited: &Edited) -> Result<BTreeMap<String, Tensor>> {
        let mut changed: BTreeMap<String, Tensor> = BTreeMap::new();
        for delta in &edited.deltas {
            let name = &delta.parameter;
            let difference = match &delta.form {
                Form::LowRank { left, right } => left.f_matmul(right)?,
                Form::Dense(difference) => difference.shallow_clone(),
            };
            let unfit = |what: String| Error::Failed(format!("its change of `{name}` {what}"));
            let before = match changed.get(name) {
                Some(before) => before.shallow_clone(),
                None => self.unedited(name).map_err(|error| unfit(format!("cannot be made: {error}")))?,
            };
            if difference.size() != before.size() {
                return Err(unfit(format!("has shape {:?}, not {:?}", difference.size(), before.size())));
            }
            if difference.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                return Err(unfit("is not finite".to_owned()));
            }
            changed.insert(name.clone(), before.f_add(&difference.f_detach()?)?);
        }
        Ok(changed)
    }
}

/// Settings as a user types them.
fn settings(declared: &[Hyperparameter], given: &[(&str, &str)]) -> Result<Map<String, Value>> {
    let read = |(name, text): &(&str, &str)| {
        let known = declared.iter().find(|field| field.name == *name);
        let field = known.ok_or_else(|| Error::Request(format!("there is no hyperparameter `{name}`")))?;
        Ok(((*name).to_owned(), field.parse(text).map_err(Error::Request)?))
    };
    given.iter().map(read).collect()
}
