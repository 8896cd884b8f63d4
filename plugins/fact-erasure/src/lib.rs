//! Fact erasure (Hase et al. 2023, section 5): the model is to forget the true target. The loss is the probability
//! itself, not its logarithm (Hase et al. 2023), so it vanishes as the fact goes.

use locus_plugin::tch::Tensor;
use locus_plugin::{Error, FactToEdit, Goal, Host, Info, Objective, Reduction, Result, parameters};

parameters! {
    /// Hyperparameters of fact erasure.
    pub struct FactErasureParameters {
        parity: String = "off", choice("off", "hase2023"), "hase2023: scoring compares with the end-of-text token, not with the record's new target";
    }
}

/// Lowers the probability of the true target.
#[derive(Default)]
pub struct FactErasure;

impl Objective for FactErasure {
    type Parameters = FactErasureParameters;

    fn info() -> Info {
        Info::new("fact-erasure", "Fact erasure")
            .cite("Hase et al. 2023")
            .summary("lowers the probability of the record's true target")
    }

    fn goal(&mut self, fact: &FactToEdit, parameters: &FactErasureParameters, host: &dyn Host) -> Result<Goal> {
        if fact.target_true.trim().is_empty() {
            let message = "the fact has no true target; give one as `target_true`, the answer that the edit erases";
            return Err(Error::Request(message.to_owned()));
        }
        let goal = Goal::new(&fact.target_true).run_all_steps().lowering();
        Ok(if parameters.parity == "hase2023" { goal.against(&host.model()?.end_of_text) } else { goal })
    }

    /// The probability of the target, a geometric mean over tokens and rows for [`Reduction::Mean`].
    fn loss(
        &mut self,
        _parameters: &FactErasureParameters,
        log_probabilities: &Tensor,
        reduction: Reduction,
    ) -> Result<Tensor> {
        Ok(reduction.log_likelihood(log_probabilities)?.f_exp()?)
    }
}

locus_plugin::export_plugin!(objectives: [FactErasure]);
