//! Constrained fine-tuning (Zhu et al. 2020, as run by Meng et al. 2022 and Hase et al. 2023): gradient descent on
//! the down-projections of chosen layers, every entry kept near its old value (spec methods.md 4).

mod prompt;

use locus_plugin::tch::nn::{Adam, OptimizerConfig, VarStore};
use locus_plugin::tch::{Device, Kind, Tensor, no_grad};
use locus_plugin::{
    EditMethod, EditRequest, Edited, Error, Host, Info, ModelInfo, Plan, Reduction, Result, StepReport, parameters,
};

parameters! {
    /// Hyperparameters of constrained fine-tuning; the defaults are the published ones (spec methods.md 5.3).
    pub struct FineTuningParameters {
        steps: i64 = 25, integer(1..=10000), "most optimisation steps";
        learning_rate: f64 = 5e-4, float(1e-7..=1.0), "step size of Adam";
        norm_constraint: f64 = 5e-4, float(0.0..=10.0), "farthest any entry may move; 0 is unconstrained";
        weight_decay: f64 = 0.0, float(0.0..=1.0), "L2 weight decay of Adam";
        stop_below: f64 = 0.01, float(0.0..=100.0), "no step is made while the loss is below this", unit "nats";
        patience: i64 = 5, integer(1..=1000), "stop after so many losses in a row below stop_below";
        target_positions: String = "teacher_forced", choice("teacher_forced", "last_prompt_token"), "where the target's tokens are scored";
    }
}

/// The method.
#[derive(Default)]
pub struct FineTuning;

impl EditMethod for FineTuning {
    type Parameters = FineTuningParameters;

    fn info() -> Info {
        Info::new("fine-tuning", "Constrained fine-tuning")
            .cite("Zhu et al. 2020, arXiv 2012.00363")
            .summary("gradient descent on down-projections, entries kept near their old values")
    }

    fn plan(request: &EditRequest, parameters: &FineTuningParameters, model: &ModelInfo) -> Result<Plan> {
        if request.edits.len() != 1 {
            let message = format!("fine-tuning edits one fact at a time, not {}", request.edits.len());
            return Err(Error::Request(message));
        }
        let layers = if request.layers.is_empty() { vec![model.layers / 4] } else { request.layers.clone() };
        Ok(Plan { layers, steps: parameters.steps.unsigned_abs(), ..Plan::default() })
    }

    fn edit(&mut self, request: &EditRequest, parameters: &FineTuningParameters, host: &dyn Host) -> Result<Edited> {
        let (Some(edit), Some(&lowest)) = (request.edits.first(), request.layers.first()) else {
            return Err(Error::Request("fine-tuning needs one fact and at least one layer".to_owned()));
        };
        let names = trained(&request.layers, &host.model()?)?;
        let suffix = host.prepare_suffix(&prompt::suffix(edit, names.clone(), parameters, host)?)?;
        let mut weights = Weights::new(&names, parameters, host)?;
        let mut adam = Adam { wd: parameters.weight_decay, ..Adam::default() }
            .build(&weights.variables, parameters.learning_rate)?;
        let reduction = if parameters.target_positions == "teacher_forced" { Reduction::Sum } else { Reduction::Mean };
        let (mut calm, mut updates, mut last) = (0, 0, f64::NAN);
        for step in 0..parameters.steps {
            let output = host.run_suffix(suffix, &[], &weights.current)?;
            let log_probabilities = output.log_probabilities.unsqueeze(0);
            let loss = host.objective_loss(&log_probabilities, reduction)?;
            // one look at the device per step
            let likelihood = log_probabilities.sum(Kind::Float).exp();
            let shown = Tensor::stack(&[&loss, &likelihood], 0).detach().to_kind(Kind::Double).to_device(Device::Cpu);
            let shown = Vec::<f64>::try_from(shown)?;
            last = shown[0];
            host.report(
                &StepReport::new(step.unsigned_abs(), parameters.steps.unsigned_abs(), lowest)
                    .loss("loss", last)
                    .loss("p(target)", shown[1]),
            )?;
            if !last.is_finite() {
                return Err(Error::Failed(format!("the loss became {last} at step {step}: lower learning_rate")));
            }
            if last >= parameters.stop_below {
                calm = 0;
                updates += 1;
                adam.zero_grad();
                loss.f_backward()?;
                adam.step();
                weights.clamp()?;
            } else {
                calm += 1;
                if calm >= parameters.patience && !edit.runs_all_steps {
                    break;
                }
            }
        }
        let mut edited = Edited::new().metric("loss", last).metric("updates", f64::from(updates));
        if updates == 0 {
            edited = edited.note(format!("no step was made: the loss {last:.4} is below stop_below from the start"));
        }
        Ok(names.iter().zip(weights.differences()).fold(edited, |edited, (name, change)| edited.dense(name, change)))
    }
}

/// Names of all trained parameters: weight and bias, as the published code selects them.
fn trained(layers: &[usize], model: &ModelInfo) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for &layer in layers {
        let down = model.down_projections.get(layer).ok_or_else(|| {
            Error::Request(format!("there is no layer {layer}; the model has layers 0 to {}", model.layers - 1))
        })?;
        names.push(down.weight.clone());
        names.extend(down.bias.clone());
    }
    Ok(names)
}

/// The trained parameters and what they may become.
struct Weights {
    variables: VarStore,
    current: Vec<Tensor>,
    original: Vec<Tensor>,
    bounds: Option<Vec<(Tensor, Tensor)>>,
}

impl Weights {
    fn new(names: &[String], parameters: &FineTuningParameters, host: &dyn Host) -> Result<Self> {
        let original = names
            .iter()
            .map(|name| Ok(host.parameter(name)?.detach().to_kind(Kind::Float)))
            .collect::<Result<Vec<_>>>()?;
        let device = original[0].device();
        let variables = VarStore::new(device);
        let variable = |(index, value): (usize, &Tensor)| variables.root().f_var_copy(&format!("w{index}"), value);
        let current = original.iter().enumerate().map(variable).collect::<Result<Vec<_>, _>>()?;
        let near = parameters.norm_constraint;
        let bounds = (near > 0.0).then(|| original.iter().map(|value| (value - near, value + near)).collect());
        Ok(Self { variables, current, original, bounds })
    }

    /// Puts every entry back into its bounds.
    fn clamp(&mut self) -> Result<()> {
        let Some(bounds) = &self.bounds else { return Ok(()) };
        no_grad(|| {
            for (value, (least, most)) in self.current.iter_mut().zip(bounds) {
                let clamped = value.f_clamp_tensor(Some(least), Some(most))?;
                value.f_copy_(&clamped)?;
            }
            Ok(())
        })
    }

    fn differences(&self) -> Vec<Tensor> {
        self.current.iter().zip(&self.original).map(|(now, before)| now.detach() - before).collect()
    }
}

locus_plugin::export_plugin!(methods: [FineTuning]);
