//! The same two traits with their types erased, as a host uses them, whether a plugin is linked or loaded.

use crate::author::{EditMethod, Objective, Parameters};
use crate::error::{Error, Result};
use crate::host::ModelInfo;
use crate::request::{EditRequest, Edited, FactToEdit, Goal, Info, Plan, Reduction};
use crate::services::Host;
use locus_plugin_data::Hyperparameter;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::marker::PhantomData;
use tch::Tensor;

/// A method or objective as it describes itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Id, title, version, and paper, as declared.
    #[serde(flatten)]
    pub info: Info,
    /// In the order in which a form shows them.
    #[serde(default)]
    pub hyperparameters: Vec<Hyperparameter>,
}

/// A method with its type erased.
pub trait MethodObject: Send + Sync {
    /// The plugin's description of itself.
    fn description(&self) -> &Description;

    /// See [`EditMethod::plan`].
    ///
    /// # Errors
    /// Bad settings, or a request that cannot be carried out.
    fn plan(&self, request: &EditRequest, settings: &Map<String, Value>, model: &ModelInfo) -> Result<Plan>;

    /// See [`EditMethod::edit`]; every call starts from a fresh instance.
    ///
    /// # Errors
    /// Those of the method.
    fn edit(&self, request: &EditRequest, settings: &Map<String, Value>, host: &dyn Host) -> Result<Edited>;

    /// See [`EditMethod::edit_apart`]; every call starts from a fresh instance.
    ///
    /// # Errors
    /// Those of the method; it does not edit facts apart.
    fn edit_apart(&self, request: &EditRequest, settings: &Map<String, Value>, host: &dyn Host) -> Result<Vec<Edited>>;
}

/// An objective with its type erased.
pub trait ObjectiveObject: Send + Sync {
    /// The plugin's description of itself.
    fn description(&self) -> &Description;

    /// A fresh instance with its settings.
    ///
    /// # Errors
    /// Bad settings.
    fn start(&self, settings: &Map<String, Value>) -> Result<Box<dyn ObjectiveInstance>>;
}

/// An instance of an objective.
pub trait ObjectiveInstance {
    /// See [`Objective::goal`].
    ///
    /// # Errors
    /// Those of the objective.
    fn goal(&mut self, fact: &FactToEdit, host: &dyn Host) -> Result<Goal>;

    /// See [`Objective::loss`].
    ///
    /// # Errors
    /// Those of the objective.
    fn loss(&mut self, log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor>;
}

/// Reads settings and joins all complaints into one sentence.
///
/// # Errors
/// [`Error::Request`] with every complaint.
pub fn read_settings<P: Parameters>(settings: &Map<String, Value>) -> Result<P> {
    P::from_settings(settings).map_err(|complaints| Error::Request(complaints.join("; ")))
}

/// An [`EditMethod`] linked into the program.
pub struct LinkedMethod<M: EditMethod> {
    description: Description,
    method: PhantomData<fn() -> M>,
}

impl<M: EditMethod> Default for LinkedMethod<M> {
    fn default() -> Self {
        let description = Description { info: M::info(), hyperparameters: M::Parameters::schema() };
        Self { description, method: PhantomData }
    }
}

impl<M: EditMethod> MethodObject for LinkedMethod<M> {
    fn description(&self) -> &Description {
        &self.description
    }

    fn plan(&self, request: &EditRequest, settings: &Map<String, Value>, model: &ModelInfo) -> Result<Plan> {
        M::plan(request, &read_settings(settings)?, model)
    }

    fn edit(&self, request: &EditRequest, settings: &Map<String, Value>, host: &dyn Host) -> Result<Edited> {
        M::default().edit(request, &read_settings(settings)?, host)
    }

    fn edit_apart(&self, request: &EditRequest, settings: &Map<String, Value>, host: &dyn Host) -> Result<Vec<Edited>> {
        M::default().edit_apart(request, &read_settings(settings)?, host)
    }
}

/// An [`Objective`] linked into the program.
pub struct LinkedObjective<O: Objective> {
    description: Description,
    objective: PhantomData<fn() -> O>,
}

impl<O: Objective> Default for LinkedObjective<O> {
    fn default() -> Self {
        let description = Description { info: O::info(), hyperparameters: O::Parameters::schema() };
        Self { description, objective: PhantomData }
    }
}

impl<O: Objective> ObjectiveObject for LinkedObjective<O> {
    fn description(&self) -> &Description {
        &self.description
    }

    fn start(&self, settings: &Map<String, Value>) -> Result<Box<dyn ObjectiveInstance>> {
        Ok(Box::new(Started { objective: O::default(), parameters: read_settings::<O::Parameters>(settings)? }))
    }
}

struct Started<O: Objective> {
    objective: O,
    parameters: O::Parameters,
}

impl<O: Objective> ObjectiveInstance for Started<O> {
    fn goal(&mut self, fact: &FactToEdit, host: &dyn Host) -> Result<Goal> {
        self.objective.goal(fact, &self.parameters, host)
    }

    fn loss(&mut self, log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor> {
        self.objective.loss(&self.parameters, log_probabilities, reduction)
    }
}
