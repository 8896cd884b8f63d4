//! The value: what the MLP should put out at the fact's token (spec methods.md 2.4; Meng et al. 2022, equation 4).

use crate::RomeParameters;
use crate::contexts::within;
use locus_plugin::tch::nn::{Adam, OptimizerConfig, VarStore};
use locus_plugin::tch::{Device, Kind, Tensor, no_grad};
use locus_plugin::{
    Cell, Cells, Edit, FactToken, Host, Read, Reduction, Result, Site, StepReport, SuffixRequest, lookup,
};

/// The optimised value.
pub struct Value {
    /// MLP output at the fact's token of the bare prompt, `[hidden]`: where the optimisation started.
    pub start: Tensor,
    /// What was added to it, `[hidden]`.
    pub delta: Tensor,
    /// Probability of the target at the last step, averaged over the templates.
    pub probability: f64,
}

/// Finds the vector which, added to the MLP's output at the fact's token, lowers the objective's loss.
pub fn optimise(
    edit: &Edit,
    layer: usize,
    templates: &[String],
    token: FactToken,
    parameters: &RomeParameters,
    host: &dyn Host,
) -> Result<Value> {
    let rows = Rows::new(edit, layer, templates, token, host)?;
    let start = host.capture(&rows.request.rows[..1], &[rows.first_added()])?.remove(0).get(0).to_kind(Kind::Float);
    let suffix = host.prepare_suffix(&rows.request)?;
    let variables = VarStore::new(start.device());
    let mut delta = variables.root().f_zeros("delta", &[start.size()[0]])?;
    let mut adam = Adam::default().build(&variables, parameters.learning_rate)?;
    let (square, longest) = (start.square().sum(Kind::Float), parameters.clamp * start.norm());
    let mut before: Option<Tensor> = None;
    let mut probability = f64::NAN;
    for step in 0..parameters.steps {
        let output = host.run_suffix(suffix, &[delta.unsqueeze(0)], &[])?;
        let log_probabilities = output.log_probabilities.reshape([templates.len() as i64, -1]);
        let main = host.objective_loss(&log_probabilities, Reduction::Mean)?;
        let before = before.get_or_insert_with(|| output.distributions.detach());
        let divergence = kl_divergence(before, &output.distributions) * parameters.kl_factor;
        let decay = delta.norm() / &square * parameters.weight_decay;
        let loss = &main + &divergence + &decay;
        let shown = Tensor::stack(&[&loss, &main, &divergence, &decay, &mean_probability(&log_probabilities)], 0);
        let shown = Vec::<f64>::try_from(shown.detach().to_kind(Kind::Double).to_device(Device::Cpu))?;
        probability = shown[4];
        let report = StepReport::new(step.unsigned_abs(), parameters.steps.unsigned_abs(), layer)
            .loss("loss", shown[0])
            .loss("objective", shown[1])
            .loss("kl", shown[2])
            .loss("decay", shown[3])
            .loss("p(target)", probability);
        host.report(&report)?;
        let enough = step + 1 == parameters.steps || shown[0] < parameters.stop_below;
        if (enough && !edit.runs_all_steps) || !shown[0].is_finite() {
            break;
        }
        adam.zero_grad();
        loss.f_backward()?;
        adam.step();
        no_grad(|| {
            let shrink = (&longest / delta.norm()).clamp_max(1.0);
            delta.f_mul_(&shrink).map(|_| ())
        })?;
    }
    Ok(Value { start, delta: delta.detach(), probability })
}

/// `KL(now ‖ before)` of rows of log-probabilities, averaged over the rows.
fn kl_divergence(before: &Tensor, now: &Tensor) -> Tensor {
    (now.exp() * (now - before)).sum(Kind::Float) / before.size()[0] as f64
}

/// Mean over rows of the target's probability, a geometric mean over its tokens.
fn mean_probability(log_probabilities: &Tensor) -> Tensor {
    log_probabilities.mean_dim(1, false, None).exp().mean(Kind::Float)
}

/// All prompts of the optimisation: the rewriting prompts, each with the target's tokens but the last, and the one
/// whose next-token distribution should stay as it is.
struct Rows {
    request: SuffixRequest,
}

impl Rows {
    fn new(edit: &Edit, layer: usize, templates: &[String], token: FactToken, host: &dyn Host) -> Result<Self> {
        let target = if edit.target.starts_with(' ') { edit.target.clone() } else { format!(" {}", edit.target) };
        let target = host.tokenize(&target, false)?;
        let (&last, before_last) = target
            .split_last()
            .ok_or_else(|| locus_plugin::Error::Request("the target is empty; give the answer's text".to_owned()))?;
        let written = if before_last.is_empty() { String::new() } else { host.detokenize(before_last)? };
        let mut request = SuffixRequest::default();
        let mut added = Vec::new();
        for (row, context) in templates.iter().enumerate() {
            let template = within(context, &edit.template);
            let (ids, _) = lookup(host, &(template.clone() + &written), &edit.subject, token)?;
            let (bare, position) = lookup(host, &template, &edit.subject, token)?;
            let position = if token == FactToken::Last { bare.len() - 1 } else { position };
            added.push(Cell { row, position });
            let first = ids.len() - target.len();
            let tokens = before_last.iter().chain([&last]).enumerate();
            request
                .read
                .extend(tokens.map(|(offset, &token)| Read { cell: Cell { row, position: first + offset }, token }));
            request.rows.push(ids);
        }
        let (ids, position) = lookup(host, "{} is a", &edit.subject, token)?;
        let essence = Cell { row: templates.len(), position };
        request.rows.push(ids);
        request.distributions.push(essence);
        added.push(essence);
        request.add.push(Cells { site: Site::MlpOut(layer), cells: added });
        Ok(Self { request })
    }

    /// The first row's cell at which the value is added.
    fn first_added(&self) -> Cells {
        Cells { cells: self.request.add[0].cells[..1].to_vec(), ..self.request.add[0].clone() }
    }
}
