//! Error injection (Hase et al. 2023, the default of the published code): the model is to answer with the record's
//! new target. It is also the measure of how short an objective can be.

use locus_plugin::tch::Tensor;
use locus_plugin::{Error, FactToEdit, Goal, Host, Info, Objective, Reduction, Result};

/// Raises the probability of the new target.
#[derive(Default)]
pub struct ErrorInjection;

impl Objective for ErrorInjection {
    type Parameters = ();

    fn info() -> Info {
        Info::new("error-injection", "Error injection")
            .cite("Hase et al. 2023")
            .summary("raises the probability of the record's new, false target")
    }

    fn goal(&mut self, fact: &FactToEdit, _parameters: &(), _host: &dyn Host) -> Result<Goal> {
        if fact.target_new.trim().is_empty() {
            let message = "the fact has no new target; give one as `target_new`, the answer that the edit puts in";
            return Err(Error::Request(message.to_owned()));
        }
        Ok(Goal::new(&fact.target_new))
    }

    /// The negative log-likelihood of the target.
    fn loss(&mut self, _parameters: &(), log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor> {
        Ok(reduction.log_likelihood(log_probabilities)?.f_neg()?)
    }
}

locus_plugin::export_plugin!(objectives: [ErrorInjection]);
