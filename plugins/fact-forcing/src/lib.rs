//! Fact forcing (Hase et al. 2023, section 5): the model is to answer with the true target although the subject's
//! embeddings are noised. The noise is there in every run of the method and when the edit is scored.

use locus_plugin::tch::Tensor;
use locus_plugin::{
    Error, FactToEdit, Goal, Host, Info, NoisedSubject, Objective, Reduction, Result, SubjectNoise, parameters,
};

parameters! {
    /// Hyperparameters of fact forcing.
    pub struct FactForcingParameters {
        noise_level: f64 = 0.0, float(0.0..=100.0), "standard deviation of the noise on the subject; 0 takes three of the subjects' embeddings";
        noise_seed: i64 = 1, integer(0..=4294967295), "seed of the noise; 1 gives the published draws";
        copies: i64 = 10, integer(1..=1000), "noised copies of the prompt for a method that trains on the bare prompt alone";
        redraw: bool = true, boolean, "draw new noise in every step; no: every prompt keeps its noise";
        parity: String = "off", choice("off", "hase2023"), "hase2023: in every prompt the noise hits the bare prompt's positions, and scoring noises the published rows";
    }
}

/// Raises the probability of the true target while the subject is noised.
#[derive(Default)]
pub struct FactForcing;

impl Objective for FactForcing {
    type Parameters = FactForcingParameters;

    fn info() -> Info {
        Info::new("fact-forcing", "Fact forcing")
            .cite("Hase et al. 2023")
            .summary("raises the probability of the true target while the subject is noised")
    }

    fn goal(&mut self, fact: &FactToEdit, parameters: &FactForcingParameters, host: &dyn Host) -> Result<Goal> {
        if fact.target_true.trim().is_empty() {
            let message = "the fact has no true target; give one as `target_true`, the answer that the edit forces";
            return Err(Error::Request(message.to_owned()));
        }
        let noise = SubjectNoise {
            level: parameters.noise_level,
            seed: u32::try_from(parameters.noise_seed).unwrap_or(1),
            copies: parameters.copies.unsigned_abs() as usize,
            redraws: parameters.redraw,
            published_positions: parameters.parity == "hase2023",
        };
        let noised = NoisedSubject { subject: fact.subject.clone(), noise: noise.clone() };
        let answer = host.noised_prediction(&fact.template, &noised)?.f_argmax(None, false)?.int64_value(&[]);
        let answer = host.detokenize(&[answer])?;
        let goal = Goal::new(&fact.target_true);
        let goal = match answer.trim() {
            // the published code keeps the token's own space, and scoring puts another one before it
            _ if noise.published_positions => goal.against(&answer),
            // nothing is won by beating oneself: the host takes the record's new target
            word if word == fact.target_true.trim() => goal,
            word => goal.against(word),
        };
        Ok(goal.under(noise))
    }

    /// The negative log-likelihood of the target.
    fn loss(
        &mut self,
        _parameters: &FactForcingParameters,
        log_probabilities: &Tensor,
        reduction: Reduction,
    ) -> Result<Tensor> {
        Ok(reduction.log_likelihood(log_probabilities)?.f_neg()?)
    }
}

locus_plugin::export_plugin!(objectives: [FactForcing]);
