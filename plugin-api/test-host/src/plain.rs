//! A plain objective to test methods with, and a plain method to test objectives with.

use locus_plugin::tch::Tensor;
use locus_plugin::{
    Cell, Cells, EditMethod, EditRequest, Edited, Error, FactToEdit, FactToken, Goal, Host, Info, Objective,
    PreparedSuffix, Read, Reduction, Result, Site, StepReport, SuffixRequest, parameters, tokenize_fact,
};

/// Raises the new target's probability.
#[derive(Default)]
pub struct Raise;

impl Objective for Raise {
    type Parameters = ();

    fn info() -> Info {
        Info::new("raise", "Raise")
    }

    fn goal(&mut self, fact: &FactToEdit, _parameters: &(), _host: &dyn Host) -> Result<Goal> {
        Ok(Goal::new(&fact.target_new))
    }

    fn loss(&mut self, _parameters: &(), log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor> {
        Ok(reduction.log_likelihood(log_probabilities)?.f_neg()?)
    }
}

parameters! {
    /// Hyperparameters of [`Descent`]: steps and step size.
    pub struct DescentParameters {
        steps: i64 = 20, integer(1..=1000), "optimization steps";
        length: f64 = 0.5, float(1e-4..=10.0), "length of a step";
    }
}

/// Gradient descent on the objective's loss over the MLP output of one layer at the subject.
#[derive(Default)]
pub struct Descent;

impl EditMethod for Descent {
    type Parameters = DescentParameters;

    fn info() -> Info {
        Info::new("descent", "Descent")
    }

    fn edit(&mut self, request: &EditRequest, parameters: &DescentParameters, host: &dyn Host) -> Result<Edited> {
        let [edit] = &request.edits[..] else { return Err(Error::Request("it edits one fact".to_owned())) };
        let layer = request.layers.first().copied().unwrap_or_default();
        let model = host.model()?;
        let down = model.down_projections.get(layer);
        let down = down.ok_or_else(|| Error::Request(format!("there is no layer {layer}")))?;
        let tokens = tokenize_fact(host, &edit.template, &edit.subject, &edit.target)?;
        let position = tokens.position(FactToken::SubjectLast);
        let at = |site| [Cells { site, cells: vec![Cell { row: 0, position }] }];
        let rows = vec![tokens.ids.clone()];
        let key = host.capture(&rows, &at(Site::MlpKey(layer)))?.remove(0).f_get(0)?;
        let read = tokens
            .target()
            .iter()
            .enumerate()
            .map(|(index, &token)| Read { cell: Cell { row: 0, position: tokens.prompt + index - 1 }, token });
        let run =
            SuffixRequest { rows, add: at(Site::MlpOut(layer)).into(), read: read.collect(), ..Default::default() };
        let suffix = PreparedSuffix::new(host, &run)?;
        let mut value = Tensor::f_zeros([1, model.hidden], (key.kind(), key.device()))?;
        let steps = parameters.steps.unsigned_abs();
        for step in 0..steps {
            let moved = value.f_detach()?.f_set_requires_grad(true)?;
            let read = suffix.run(&[moved.shallow_clone()], &[])?.log_probabilities.f_unsqueeze(0)?;
            let loss = host.objective_loss(&read, Reduction::Mean)?;
            host.report(&StepReport::new(step, steps, layer).loss("loss", loss.f_double_value(&[])?))?;
            let gradient = Tensor::f_run_backward(&[loss], &[&moved], false, false)?.remove(0);
            let length = gradient.f_norm()?.f_double_value(&[])? + 1e-12;
            value = moved.f_detach()?.f_sub(&gradient.f_mul_scalar(parameters.length / length)?)?;
        }
        let (left, right) = down.rank_one(&value.f_get(0)?, &key.f_div(&key.f_dot(&key)?)?);
        Ok(Edited::new().low_rank(&down.weight, left, right))
    }
}
