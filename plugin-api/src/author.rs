//! The two traits an author implements.

use crate::error::{Error, Result};
use crate::host::ModelInfo;
use crate::request::{EditRequest, Edited, FactToEdit, Goal, Info, Plan, Reduction};
use crate::services::Host;
use locus_plugin_data::Hyperparameter;
use serde_json::{Map, Value};
use tch::Tensor;

/// Hyperparameters; written by [`crate::parameters!`].
pub trait Parameters: Sized + Send + 'static {
    /// One entry per hyperparameter, in the order of a form.
    fn schema() -> Vec<Hyperparameter>;

    /// Fills in the values that are given, checks them, and takes the defaults for the rest.
    ///
    /// # Errors
    /// One sentence per unknown name, wrong type or value out of range: all of them at once.
    fn from_settings(settings: &Map<String, Value>) -> Result<Self, Vec<String>>;
}

/// No hyperparameters.
impl Parameters for () {
    fn schema() -> Vec<Hyperparameter> {
        Vec::new()
    }

    fn from_settings(settings: &Map<String, Value>) -> Result<Self, Vec<String>> {
        match settings.keys().next() {
            Some(name) => Err(vec![format!("there is no hyperparameter `{name}`; there are none at all")]),
            None => Ok(()),
        }
    }
}

/// A method: decides which weights move so that an objective's loss falls.
pub trait EditMethod: Default + Send + 'static {
    /// Its hyperparameters.
    type Parameters: Parameters;

    /// What it says of itself.
    fn info() -> Info;

    /// What it is going to do, told before anything runs. Without a choice of its own: the layers it was given.
    ///
    /// # Errors
    /// [`crate::Error::Request`] when the request cannot be carried out as asked.
    fn plan(request: &EditRequest, parameters: &Self::Parameters, model: &ModelInfo) -> Result<Plan> {
        let _ = (parameters, model);
        Ok(Plan { layers: request.layers.clone(), ..Plan::default() })
    }

    /// Finds the changes. `request.layers` holds the plan's layers. It must call [`Host::checkpoint`] or another
    /// service of the host in every step, so that it can be cancelled.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`] from the host, or what failed.
    fn edit(&mut self, request: &EditRequest, parameters: &Self::Parameters, host: &dyn Host) -> Result<Edited>;

    /// Finds an edit of each fact of the request as if it were the only one: on the model as it is, with none of the others
    /// in place. A method that optimises something per fact can do so for all of them in one batch, and says so with
    /// [`Info::edits_apart`]; a sweep then asks it so. What it finds is what [`Self::edit`] finds of each fact alone, but
    /// for rounding.
    ///
    /// # Errors
    /// Those of [`Self::edit`]. A host that gets one asks for the facts one after the other.
    fn edit_apart(
        &mut self,
        request: &EditRequest,
        parameters: &Self::Parameters,
        host: &dyn Host,
    ) -> Result<Vec<Edited>> {
        let _ = (request, parameters, host);
        Err(Error::Request("the method edits facts apart one after the other only".to_owned()))
    }
}

/// An objective: decides what an edit is for. It knows nothing of methods.
pub trait Objective: Default + Send + 'static {
    /// Its hyperparameters.
    type Parameters: Parameters;

    /// What it says of itself.
    fn info() -> Info;

    /// What it aims at for one fact.
    ///
    /// # Errors
    /// [`crate::Error::Request`] when the fact lacks what it needs.
    fn goal(&mut self, fact: &FactToEdit, parameters: &Self::Parameters, host: &dyn Host) -> Result<Goal>;

    /// The loss that a method lowers, for log-probabilities `[rows, tokens]` of the goal's target, with the gradient
    /// intact: a scalar. For `[facts, rows, tokens]` one loss per fact, `[facts]`;
    /// [`Reduction::log_likelihood`] does both.
    ///
    /// # Errors
    /// What libtorch says.
    fn loss(
        &mut self,
        parameters: &Self::Parameters,
        log_probabilities: &Tensor,
        reduction: Reduction,
    ) -> Result<Tensor>;
}
