//! My objective: the model is to answer with the new target, and an edit may stop once that is probable enough.
//!
//! ```sh
//! cargo test --release
//! cargo build --release
//! locus plugin check target/release/libmy_objective.so
//! locus edit --plugin target/release/libmy_objective.so --method METHOD --objective my-objective --case 0
//! locus --plugin target/release/libmy_objective.so
//! ```

use locus_plugin::tch::Tensor;
use locus_plugin::{Error, FactToEdit, Goal, Host, Info, Objective, Reduction, Result, export_plugin, parameters};

parameters! {
    /// What a user may set, with `--set-objective enough=0.5` or in the form of the workbench.
    pub struct MyObjectiveParameters {
        enough: f64 = 0.95, float(0.01..=1.0), "probability from which the loss is zero";
    }
}

/// The objective. Every edit starts with a new one.
#[derive(Default)]
pub struct MyObjective;

impl Objective for MyObjective {
    type Parameters = MyObjectiveParameters;

    fn info() -> Info {
        Info::new("my-objective", "My objective").summary("raises the new target's probability as far as needed")
    }

    /// Says which text's probability the loss is about.
    fn goal(&mut self, fact: &FactToEdit, _parameters: &MyObjectiveParameters, _host: &dyn Host) -> Result<Goal> {
        if fact.target_new.trim().is_empty() {
            return Err(Error::Request("the fact has no new target; give one as `target_new`".to_owned()));
        }
        Ok(Goal::new(&fact.target_new))
    }

    /// How far the target's log-probability is below what is enough. The gradient must stay intact; for
    /// `[rows, tokens]` the loss is one number, for `[facts, rows, tokens]` one for each fact.
    fn loss(
        &mut self,
        parameters: &MyObjectiveParameters,
        log_probabilities: &Tensor,
        reduction: Reduction,
    ) -> Result<Tensor> {
        let likelihood = reduction.log_likelihood(log_probabilities)?;
        Ok((likelihood.f_neg()? + parameters.enough.ln()).f_relu()?)
    }
}

export_plugin!(objectives: [MyObjective]);

#[cfg(test)]
mod tests {
    use super::MyObjective;
    use locus_plugin_test::{fact, try_objective};

    /// On the tiny model of `locus_plugin_test`, which loads in a moment.
    #[test]
    fn what_lowers_its_loss_makes_the_target_more_probable() {
        let trial = try_objective::<MyObjective>(&[]).expect("it edits");
        assert_eq!(trial.goal.target, fact().target_new);
        assert!(trial.losses.last() < trial.losses.first(), "{:?}", trial.losses);
        assert!(trial.after > trial.before, "{} {}", trial.before, trial.after);
    }

    #[test]
    fn what_is_probable_enough_costs_nothing() {
        let trial = try_objective::<MyObjective>(&[("enough", "0.01")]).expect("it edits");
        assert!(trial.losses[0] > 0.0, "{:?}", trial.losses);
    }
}
