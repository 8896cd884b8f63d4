//! Fact amplification (Hase et al. 2023, section 5): the model is to answer with the true target, surer than it does.

use locus_plugin::tch::Tensor;
use locus_plugin::{Error, FactToEdit, Goal, Host, Info, Objective, Reduction, Result, parameters};

parameters! {
    /// Hyperparameters of fact amplification.
    pub struct FactAmplificationParameters {
        parity: String = "off", choice("off", "hase2023"), "hase2023: scoring compares with the end-of-text token, not with the record's new target";
    }
}

/// Raises the probability of the true target.
#[derive(Default)]
pub struct FactAmplification;

impl Objective for FactAmplification {
    type Parameters = FactAmplificationParameters;

    fn info() -> Info {
        Info::new("fact-amplification", "Fact amplification")
            .cite("Hase et al. 2023")
            .summary("raises the probability of the record's true target")
    }

    fn goal(&mut self, fact: &FactToEdit, parameters: &FactAmplificationParameters, host: &dyn Host) -> Result<Goal> {
        if fact.target_true.trim().is_empty() {
            let message =
                "the fact has no true target; give one as `target_true`, the answer that the edit strengthens";
            return Err(Error::Request(message.to_owned()));
        }
        let goal = Goal::new(&fact.target_true);
        Ok(if parameters.parity == "hase2023" { goal.against(&host.model()?.end_of_text) } else { goal })
    }

    /// The negative log-likelihood of the target.
    fn loss(
        &mut self,
        _parameters: &FactAmplificationParameters,
        log_probabilities: &Tensor,
        reduction: Reduction,
    ) -> Result<Tensor> {
        Ok(reduction.log_likelihood(log_probabilities)?.f_neg()?)
    }
}

locus_plugin::export_plugin!(objectives: [FactAmplification]);
