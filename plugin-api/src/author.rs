//! The two traits an author implements.

use crate::error::{Error, Result};
use crate::host::ModelInfo;
use crate::request::{EditRequest, Edited, FactToEdit, Goal, Info, Plan, Reduction};
use crate::services::Host;
use locus_plugin_data::Hyperparameter;
use serde_json::{Map, Value};
use tch::Tensor;

/// Hyperparameters of a plugin; implemented by [`crate::parameters!`].
pub trait Parameters: Sized + Send + 'static {
    /// One entry per hyperparameter, in the order of the form.
    fn schema() -> Vec<Hyperparameter>;

    /// Validates the given values and uses defaults for the rest.
    ///
    /// # Errors
    /// One sentence per unknown name, wrong type, or value out of range; all of them at once.
    fn from_settings(settings: &Map<String, Value>) -> Result<Self, Vec<String>>;
}

impl Parameters for () {
    fn schema() -> Vec<Hyperparameter> {
        Vec::new()
    }

    fn from_settings(settings: &Map<String, Value>) -> Result<Self, Vec<String>> {
        match settings.keys().next() {
            Some(name) => Err(vec![format!("there is no hyperparameter `{name}`; the plugin has none")]),
            None => Ok(()),
        }
    }
}

/// A method: decides which weights change so that an objective's loss falls.
pub trait EditMethod: Default + Send + 'static {
    /// Declared with [`crate::parameters!`]; `()` for none.
    type Parameters: Parameters;

    /// Id, title, paper, and reported metrics.
    fn info() -> Info;

    /// Announces, before anything runs, the layers to edit and what is needed for it. By default, the requested layers.
    ///
    /// # Errors
    /// [`crate::Error::Request`] if the request cannot be carried out.
    fn plan(request: &EditRequest, parameters: &Self::Parameters, model: &ModelInfo) -> Result<Plan> {
        let _ = (parameters, model);
        Ok(Plan { layers: request.layers.clone(), ..Plan::default() })
    }

    /// Computes the changes. `request.layers` contains the layers of the plan. Every step must call
    /// [`Host::checkpoint`] or another service of the host, so that it can be canceled.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`] from the host, or what failed.
    fn edit(&mut self, request: &EditRequest, parameters: &Self::Parameters, host: &dyn Host) -> Result<Edited>;

    /// Computes an edit of each fact of the request as if it were the only one: on the unchanged model, without the
    /// others in place. A method that optimizes something per fact can do this in one batch, and declares it with
    /// [`Info::edits_apart`]; sweeps then use it. Up to rounding, the results are those of [`Self::edit`] for each fact
    /// alone.
    ///
    /// # Errors
    /// Those of [`Self::edit`]. A host that receives one falls back to one fact at a time.
    fn edit_apart(
        &mut self,
        request: &EditRequest,
        parameters: &Self::Parameters,
        host: &dyn Host,
    ) -> Result<Vec<Edited>> {
        let _ = (request, parameters, host);
        Err(Error::Request("the method edits separate facts only one at a time".to_owned()))
    }
}

/// An objective: decides what an edit is for. It is independent of methods.
pub trait Objective: Default + Send + 'static {
    /// Declared with [`crate::parameters!`]; `()` for none.
    type Parameters: Parameters;

    /// Id, title, and paper.
    fn info() -> Info;

    /// Chooses the target for a fact.
    ///
    /// # Errors
    /// [`crate::Error::Request`] if the fact lacks something.
    fn goal(&mut self, fact: &FactToEdit, parameters: &Self::Parameters, host: &dyn Host) -> Result<Goal>;

    /// Loss that a method minimizes, a scalar, from log-probabilities `[rows, tokens]` of the goal's target, preserving
    /// the gradient. For `[facts, rows, tokens]`, one loss per fact, `[facts]`; [`Reduction::log_likelihood`] handles
    /// both.
    ///
    /// # Errors
    /// Those of libtorch.
    fn loss(
        &mut self,
        parameters: &Self::Parameters,
        log_probabilities: &Tensor,
        reduction: Reduction,
    ) -> Result<Tensor>;
}
