//! My method: adds to the output of one layer's MLP whatever lowers the objective's loss, and writes that into the
//! layer's down-projection as a change of rank one.
//!
//! ```sh
//! cargo test --release
//! cargo build --release
//! locus plugin check target/release/libmy_method.so
//! locus edit --plugin target/release/libmy_method.so --method my-method --case 0
//! locus --plugin target/release/libmy_method.so
//! ```

use locus_plugin::tch::Tensor;
use locus_plugin::{
    Cell, Cells, EditMethod, EditRequest, Edited, Error, FactToken, Host, Info, ModelInfo, Plan, PreparedSuffix, Read,
    Reduction, Result, Site, StepReport, SuffixRequest, export_plugin, parameters, tokenize_fact,
};

parameters! {
    /// What a user may set, with `--set steps=40` or in the form of the workbench.
    pub struct MyMethodParameters {
        steps: i64 = 20, integer(1..=500), "optimization steps";
        rate: f64 = 1.0, float(1e-4..=10.0), "length of a step", unit "‖m‖";
    }
}

/// The method. Every edit starts with a new one.
#[derive(Default)]
pub struct MyMethod;

impl EditMethod for MyMethod {
    type Parameters = MyMethodParameters;

    fn info() -> Info {
        Info::new("my-method", "My method").summary("adds to an MLP's output what lowers the loss")
    }

    /// Plans the edit before anything runs.
    fn plan(request: &EditRequest, parameters: &MyMethodParameters, model: &ModelInfo) -> Result<Plan> {
        if request.edits.len() > 1 {
            return Err(Error::Request("it edits one fact at a time; mark one only".to_owned()));
        }
        let layer = match request.layers[..] {
            [] => model.layers / 4,
            [layer] => layer,
            _ => return Err(Error::Request("it edits one layer; name one only".to_owned())),
        };
        Ok(Plan { layers: vec![layer], steps: parameters.steps.unsigned_abs(), ..Plan::default() })
    }

    /// Finds the change. `?` returns at once when the user cancels: every service of the host then returns an error.
    fn edit(&mut self, request: &EditRequest, parameters: &MyMethodParameters, host: &dyn Host) -> Result<Edited> {
        let (Some(edit), Some(&layer)) = (request.edits.first(), request.layers.first()) else {
            return Err(Error::Request("it needs a fact and a layer".to_owned()));
        };
        let model = host.model()?;
        let projection = model.down_projections.get(layer);
        let projection = projection.ok_or_else(|| Error::Request(format!("there is no layer {layer}")))?;

        // the prompt followed by the target: where the subject ends, and where each token of the target is read
        let tokens = tokenize_fact(host, &edit.template, &edit.subject, &edit.target)?;
        let (position, last) = (tokens.position(FactToken::SubjectLast), tokens.prompt - 1);
        let reads = tokens.target().iter().enumerate();
        let read = reads.map(|(index, &token)| Read { cell: Cell { row: 0, position: last + index }, token }).collect();
        // nothing is read after the target's last token
        let row = tokens.ids[..tokens.ids.len() - 1].to_vec();

        // the key of the subject in this layer, and the output of the layer's MLP for it
        let at = |site| Cells { site, cells: vec![Cell { row: 0, position }] };
        let seen = host.capture(&[row.clone()], &[at(Site::MlpKey(layer)), at(Site::MlpOut(layer))])?;
        let (key, output) = (seen[0].get(0), seen[1].get(0));
        let step_length = output.norm().double_value(&[]) * parameters.rate;

        // computed once: everything that no step changes; released with `suffix`
        let add = vec![at(Site::MlpOut(layer))];
        let run = SuffixRequest { rows: vec![row], add, read, ..SuffixRequest::default() };
        let suffix = PreparedSuffix::new(host, &run)?;
        let mut value = Tensor::zeros([1, model.hidden], (key.kind(), key.device()));
        let steps = parameters.steps.unsigned_abs();
        for step in 0..steps {
            value = value.detach().set_requires_grad(true);
            let run = suffix.run(&[value.shallow_clone()], &[])?;
            let loss = host.objective_loss(&run.log_probabilities.unsqueeze(0), Reduction::Mean)?;
            let report = StepReport::new(step, steps, layer).loss("loss", loss.f_double_value(&[])?);
            host.report(&report.metric(layer, "length", value.norm().double_value(&[])))?;
            let gradient = &Tensor::f_run_backward(&[loss], &[&value], false, false)?[0];
            // shorter and shorter steps down the gradient; none where it is zero
            let length = step_length * (1.0 - step as f64 / steps as f64);
            value = value.detach() - gradient * (length / (gradient.norm().double_value(&[]) + 1e-12));
        }
        let (left, right) = projection.rank_one(&value.detach().get(0), &(&key / key.dot(&key)));
        Ok(Edited::new().low_rank(&projection.weight, left, right).metric("length", value.norm().double_value(&[])))
    }
}

export_plugin!(methods: [MyMethod]);

#[cfg(test)]
mod tests {
    use super::MyMethod;
    use locus_plugin_test::edit;

    /// On the tiny model of `locus_plugin_test`, which loads in a moment.
    #[test]
    fn it_makes_the_target_more_probable() {
        let trial = edit::<MyMethod>(&[("steps", "30")]).expect("it edits");
        assert!(trial.after > 2.0 * trial.before, "{} {}", trial.before, trial.after);
        assert!(trial.losses.len() == 30 && trial.losses[29] < trial.losses[0], "{:?}", trial.losses);
    }

    #[test]
    fn settings_are_checked() {
        let error = edit::<MyMethod>(&[("rate", "11")]).expect_err("out of range");
        assert!(error.to_string().contains("`rate` must be a number from 0.0001 to 10"), "{error}");
    }
}
