//! Rank-one model editing (Meng et al. 2022, section 3): one new key-value pair in one down-projection. Several layers
//! and several facts are edited one after the other, each on what the earlier ones left.

mod insertion;

use insertion::{Facts, Found, Insertion};
use locus_key_value::{Contexts, ValueSettings, Values, check_contexts};
use locus_plugin::tch::Tensor;
use locus_plugin::{
    EditMethod, EditRequest, Edited, Error, FactToken, Host, Info, ModelInfo, Plan, Result, parameters,
};
use std::collections::BTreeMap;

parameters! {
    /// Hyperparameters of ROME; the defaults are the published ones.
    pub struct RomeParameters {
        steps: i64 = 20, integer(1..=1000), "optimization steps for the value; the last one only measures";
        learning_rate: f64 = 0.5, float(1e-4..=10.0), "step size of Adam on the value";
        weight_decay: f64 = 0.5, float(0.0..=100.0), "weight of ‖δ‖ / ‖m‖² in the loss: higher spares neighbors, lower edits harder";
        clamp: f64 = 4.0, float(0.01..=1000.0), "longest δ", unit "‖m‖";
        kl_factor: f64 = 0.0625, float(0.0..=1000.0), "weight of the divergence of \"{subject} is a\" from the unedited model";
        stop_below: f64 = 0.0, float(0.0..=100.0), "stop once the loss is below this; 0 never stops early, 0.05 is Meng et al.", unit "nats";
        fact_token: String = "subject_last", choice("subject_last", "subject_first", "subject_first_after_last", "last"), "token whose key stands for the fact";
        second_moment: bool = true, boolean, "whiten the key with the second moment of the layer's keys";
        same_key: bool = false, boolean, "use the averaged key in the denominator too: avoids edits that disable the model";
        contexts: i64 = 20, integer(0..=200), "texts sampled from the model that are put before the prompt";
        context_templates: Vec<String> = [], list, "templates with {} for the prompt, instead of sampled ones";
        parity: String = "off", choice("off", "hase2023"), "hase2023: no early stop, and the bare prompt's key in the denominator, whatever is set above";
    }
}

impl RomeParameters {
    fn value_settings(&self) -> Result<ValueSettings> {
        let token = FactToken::parse(&self.fact_token)
            .ok_or_else(|| Error::Request(format!("unknown fact_token `{}`", self.fact_token)))?;
        Ok(ValueSettings {
            steps: self.steps,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            clamp: self.clamp,
            kl_factor: self.kl_factor,
            stop_below: if self.published() { 0.0 } else { self.stop_below },
            updates_last: true,
            token,
        })
    }

    fn published(&self) -> bool {
        self.parity == "hase2023"
    }

    /// Half of the sampled texts have 5 tokens, half have 10, the end-of-text token included, as published.
    fn contexts(&self, seed: u64, host: &dyn Host) -> Result<Contexts> {
        if !self.context_templates.is_empty() {
            return check_contexts(&self.context_templates);
        }
        let count = self.contexts.unsigned_abs() as usize;
        Contexts::sampled(&[("", count.div_ceil(2), 5), ("", count / 2, 10)], seed, host)
    }
}

/// ROME (Meng et al. 2022).
#[derive(Default)]
pub struct Rome;

impl EditMethod for Rome {
    type Parameters = RomeParameters;

    fn info() -> Info {
        Info::new("rome", "Rank-one model editing")
            .cite("Meng et al. 2022, arXiv 2202.05262")
            .summary("writes one key-value pair into one down-projection")
            .edits_apart()
    }

    fn plan(request: &EditRequest, parameters: &RomeParameters, model: &ModelInfo) -> Result<Plan> {
        let layers = match request.layers[..] {
            // layer 5 of 28 and 17 of 48 were published: between a fifth and a third of the way up
            [] => vec![model.layers / 4],
            _ => request.layers.clone(),
        };
        let second_moments = if parameters.second_moment { layers.clone() } else { Vec::new() };
        let edits = (layers.len() * request.edits.len()) as u64;
        let steps = parameters.steps.unsigned_abs();
        let notes = match edits {
            0 | 1 => Vec::new(),
            _ => vec![format!("{edits} rank-one changes in sequence, each on top of the earlier ones")],
        };
        Ok(Plan { layers, second_moments, steps, notes, ..Plan::default() })
    }

    fn edit(&mut self, request: &EditRequest, parameters: &RomeParameters, host: &dyn Host) -> Result<Edited> {
        if request.edits.is_empty() || request.layers.is_empty() {
            return Err(Error::Request("ROME needs a fact and a layer".to_owned()));
        }
        let contexts = parameters.contexts(request.seed, host)?;
        let mut work = Work { names_facts: request.edits.len() > 1, ..Work::default() };
        for first in 0..request.edits.len() {
            for &layer in &request.layers {
                let facts = Facts { edits: &request.edits[first..=first], first, layer };
                work.add(facts, &contexts, parameters, host)?;
            }
        }
        Ok(work.edited)
    }

    fn edit_apart(
        &mut self,
        request: &EditRequest,
        parameters: &RomeParameters,
        host: &dyn Host,
    ) -> Result<Vec<Edited>> {
        // several layers are edited on top of each other
        let [layer] = request.layers[..] else {
            return Err(Error::Request("ROME edits separate facts only at one layer".to_owned()));
        };
        let contexts = parameters.contexts(request.seed, host)?;
        let edits = &request.edits;
        let Found { keys, values, insertions } =
            insertion::find(Facts { edits, first: 0, layer }, &contexts, parameters, host)?;
        let model = host.model()?;
        let down = &model.down_projections[layer];
        let found = insertions.into_iter().zip(&keys).enumerate().map(|(fact, (insertion, key))| {
            let (left, right) = down.rank_one(&insertion.written, &key.direction);
            let edited = told(Edited::new(), &insertion, &values, fact).low_rank(&down.weight, left, right);
            let edited = values.complaints_about(edits, fact).into_iter().fold(edited, Edited::note);
            values.of(fact).limits(&edits[fact..=fact], REACHED).into_iter().fold(edited, Edited::limit)
        });
        Ok(found.collect())
    }
}

/// What to do where the value gives the target and the changed weights do not.
const REACHED: &str = "edit another layer";

/// The numbers of an edit of one fact.
fn told(edited: Edited, insertion: &Insertion, values: &Values, fact: usize) -> Edited {
    edited
        .metric("divisor", insertion.divisor)
        .metric("‖δ‖", values.delta.get(fact as i64).norm().double_value(&[]))
        .metric("p(target)", values.probabilities[fact])
}

/// What was changed so far.
#[derive(Default)]
struct Work {
    edited: Edited,
    /// Sentences about a fact name it: there are others.
    names_facts: bool,
    /// Changed parameters by name.
    changed: BTreeMap<String, Tensor>,
}

impl Work {
    /// Edits one fact at one layer on top of what is changed already.
    fn add(
        &mut self,
        facts: Facts<'_>,
        contexts: &Contexts,
        parameters: &RomeParameters,
        host: &dyn Host,
    ) -> Result<()> {
        let Found { mut keys, values, mut insertions } = insertion::find(facts, contexts, parameters, host)?;
        let (key, insertion) = (keys.remove(0), insertions.remove(0));
        let model = host.model()?;
        let down = &model.down_projections[facts.layer];
        let (left, right) = down.rank_one(&insertion.written, &key.direction);
        let weight = host.parameter(&down.weight)?;
        let weight = &weight + left.matmul(&right).to_kind(weight.kind());
        self.changed.insert(down.weight.clone(), weight);
        let changed = self.changed.iter().map(|(name, weight)| (name.clone(), weight.shallow_clone()));
        let (names, weights): (Vec<String>, Vec<Tensor>) = changed.unzip();
        host.replace_parameters(&names, &weights)?;
        let mut edited = std::mem::take(&mut self.edited).low_rank(&down.weight, left, right);
        edited = told(edited, &insertion, &values, 0);
        for (name, tensor) in insertion.artifacts {
            edited = edited.artifact(name, tensor);
        }
        edited = values.complaints(facts.edits).into_iter().fold(edited, Edited::note);
        let said_of = |text: String| match self.names_facts {
            true => format!("{}: {text}", facts.edits[0].subject),
            false => text,
        };
        self.edited = values.limits(facts.edits, REACHED).into_iter().map(said_of).fold(edited, Edited::limit);
        Ok(())
    }
}

locus_plugin::export_plugin!(methods: [Rome]);
