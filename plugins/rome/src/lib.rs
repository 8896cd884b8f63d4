//! Rank-one model editing (Meng et al. 2022, section 3): one fact, one down-projection, one new key-value pair.

mod contexts;
mod insertion;
mod value;

use locus_plugin::{
    EditMethod, EditRequest, Edited, Error, FactToken, Host, Info, ModelInfo, Plan, Result, parameters,
};

parameters! {
    /// Hyperparameters of ROME; the defaults are the published ones (spec methods.md 5.1).
    pub struct RomeParameters {
        steps: i64 = 20, integer(1..=1000), "optimisation steps for the value; the last one only measures";
        learning_rate: f64 = 0.5, float(1e-4..=10.0), "step size of Adam on the value";
        weight_decay: f64 = 0.5, float(0.0..=100.0), "weight of ‖δ‖ / ‖m‖² in the loss: more keeps neighbors, less edits harder";
        clamp: f64 = 4.0, float(0.01..=1000.0), "longest δ", unit "‖m‖";
        kl_factor: f64 = 0.0625, float(0.0..=1000.0), "weight of the divergence of \"{subject} is a\" from the unedited model";
        stop_below: f64 = 0.0, float(0.0..=100.0), "stop once the loss is below this; 0 never stops early, as in Hase et al.", unit "nats";
        fact_token: String = "subject_last", choice("subject_last", "subject_first", "subject_first_after_last", "last"), "token whose key stands for the fact";
        second_moment: bool = true, boolean, "whiten the key with the second moment of the layer's keys";
        same_key: bool = false, boolean, "use the averaged key in the denominator too: avoids edits that disable the model";
        contexts: i64 = 20, integer(0..=200), "texts sampled from the model that are put before the prompt";
        context_templates: Vec<String> = [], list, "templates with {} for the prompt, instead of sampled ones";
    }
}

/// The method.
#[derive(Default)]
pub struct Rome;

impl EditMethod for Rome {
    type Parameters = RomeParameters;

    fn info() -> Info {
        Info::new("rome", "Rank-one model editing")
            .cite("Meng et al. 2022, arXiv 2202.05262")
            .summary("writes one key-value pair into one down-projection")
    }

    fn plan(request: &EditRequest, parameters: &RomeParameters, model: &ModelInfo) -> Result<Plan> {
        if request.edits.len() != 1 {
            return Err(Error::Request(format!("ROME edits one fact at a time, not {}", request.edits.len())));
        }
        let layers = match request.layers[..] {
            // layer 5 of 28 and 17 of 48 were published: between a fifth and a third of the way up
            [] => vec![model.layers / 4],
            [_] => request.layers.clone(),
            _ => return Err(Error::Request("ROME edits one layer at a time; choose one".to_owned())),
        };
        let second_moments = if parameters.second_moment { layers.clone() } else { Vec::new() };
        Ok(Plan { layers, second_moments, steps: parameters.steps.unsigned_abs(), notes: Vec::new() })
    }

    fn edit(&mut self, request: &EditRequest, parameters: &RomeParameters, host: &dyn Host) -> Result<Edited> {
        let (edit, layer) = match (request.edits.first(), request.layers.first()) {
            (Some(edit), Some(&layer)) => (edit, layer),
            _ => return Err(Error::Request("ROME needs one fact and one layer".to_owned())),
        };
        let token = FactToken::parse(&parameters.fact_token)
            .ok_or_else(|| Error::Request(format!("unknown fact_token `{}`", parameters.fact_token)))?;
        let templates = contexts::templates(parameters, request.seed, host)?;
        let key = insertion::direction(edit, layer, &templates, token, parameters, host)?;
        let value = value::optimise(edit, layer, &templates, token, parameters, host)?;
        insertion::insert(edit, layer, token, &key, &value, parameters, host)
    }
}

locus_plugin::export_plugin!(methods: [Rome]);
