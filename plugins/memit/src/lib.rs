//! Mass editing of memory in a transformer (Meng et al. 2023): the hidden states of many facts at the last of a window
//! of layers are optimized, and what is missing there is spread over the down-projections of the window.

mod spread;

use locus_key_value::{Contexts, ValueSettings, Values, check_contexts, optimize};
use locus_plugin::tch::Tensor;
use locus_plugin::{
    EditMethod, EditRequest, Edited, Error, FactToken, Host, Info, ModelInfo, Plan, Result, Site, parameters,
};

parameters! {
    /// Hyperparameters of MEMIT; the defaults are the published ones.
    pub struct MemitParameters {
        steps: i64 = 20, integer(1..=1000), "optimization steps for the hidden states; the last one only measures";
        learning_rate: f64 = 0.5, float(1e-4..=10.0), "step size of Adam on the hidden states";
        weight_decay: f64 = 0.5, float(0.0..=100.0), "weight of ‖δ‖ / ‖h‖² in the loss: higher spares neighbors, lower edits harder";
        clamp: f64 = 0.75, float(0.01..=1000.0), "longest δ", unit "‖h‖";
        kl_factor: f64 = 0.0625, float(0.0..=1000.0), "weight of the divergence of \"{subject} is a\" from the unedited model";
        stop_below: f64 = 0.05, float(0.0..=100.0), "a fact is done once its loss is below this; 0 never stops early", unit "nats";
        second_moment_weight: f64 = 15000.0, float(1e-6..=1e9), "weight of what the layer already stores (λ): higher spares neighbors, lower edits harder";
        facts_at_once: i64 = 32, integer(1..=4096), "facts that are optimized together: bounds the memory, not the result";
        fact_token: String = "subject_last", choice("subject_last", "subject_first", "subject_first_after_last", "last"), "token whose key stands for the fact";
        contexts: i64 = 5, integer(0..=50), "texts sampled from the model that are put before the prompt";
        context_templates: Vec<String> = [], list, "templates with {} for the prompt, the bare {} first, instead of sampled ones";
        parity: String = "off", choice("off", "hase2023"), "hase2023: no early stop, whatever is set above";
    }
}

/// Texts that the sampled contexts start with, as published.
const STARTS: [&str; 5] = ["The", "Therefore", "Because", "I", "You"];
/// Tokens of a sampled context, its start included.
const CONTEXT_TOKENS: usize = 10;

impl MemitParameters {
    fn value_settings(&self) -> Result<ValueSettings> {
        let token = FactToken::parse(&self.fact_token)
            .ok_or_else(|| Error::Request(format!("unknown fact_token `{}`", self.fact_token)))?;
        Ok(ValueSettings {
            steps: self.steps,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            clamp: self.clamp,
            kl_factor: self.kl_factor,
            stop_below: if self.parity == "hase2023" { 0.0 } else { self.stop_below },
            updates_last: false,
            token,
        })
    }

    fn contexts(&self, seed: u64, host: &dyn Host) -> Result<Contexts> {
        if !self.context_templates.is_empty() {
            return check_contexts(&self.context_templates);
        }
        let count = self.contexts.unsigned_abs() as usize;
        let share = |index: usize| count / STARTS.len() + usize::from(index < count % STARTS.len());
        let starts: Vec<_> =
            STARTS.iter().enumerate().map(|(index, start)| (*start, share(index), CONTEXT_TOKENS)).collect();
        Contexts::sampled(&starts, seed, host)
    }

    fn at_once(&self) -> usize {
        self.facts_at_once.unsigned_abs() as usize
    }
}

/// What to do where the hidden states give the target and the changed weights do not.
const REACHED: &str = "lower second_moment_weight, or edit other layers";

/// MEMIT (Meng et al. 2023).
#[derive(Default)]
pub struct Memit;

impl EditMethod for Memit {
    type Parameters = MemitParameters;

    fn info() -> Info {
        Info::new("memit", "Mass editing of memory")
            .cite("Meng et al. 2023, arXiv 2210.07229")
            .summary("writes many facts at once into the down-projections of a window of layers")
            .edits_apart()
            .metric("residual", "", "mean ‖z − h‖ of the facts before the layer is changed")
    }

    fn plan(request: &EditRequest, parameters: &MemitParameters, model: &ModelInfo) -> Result<Plan> {
        let layers = if request.layers.is_empty() { window(model.layers) } else { request.layers.clone() };
        let batches = request.edits.len().div_ceil(parameters.at_once()) as u64;
        let mut notes = Vec::new();
        if layers.last().is_some_and(|&last| last + 1 == model.layers) {
            let text = "at the last layer only the fact's own token changes, so the target is reached only where the \
                        subject ends the prompt";
            notes.push(text.to_owned());
        }
        let steps = parameters.steps.unsigned_abs() * batches;
        Ok(Plan { second_moments: layers.clone(), layers, steps, notes, ..Plan::default() })
    }

    fn edit(&mut self, request: &EditRequest, parameters: &MemitParameters, host: &dyn Host) -> Result<Edited> {
        let Some(&last) = request.layers.last().filter(|_| !request.edits.is_empty()) else {
            return Err(Error::Request("MEMIT needs a fact and a layer".to_owned()));
        };
        let settings = parameters.value_settings()?;
        let contexts = parameters.contexts(request.seed, host)?;
        let mut found: Vec<Values> = Vec::new();
        let (mut notes, mut limits) = (Vec::new(), Vec::new());
        let (mut done, count) = (0, request.edits.len());
        let chunks = request.edits.chunks(parameters.at_once());
        let all = chunks.len() as u64;
        for (chunk, edits) in (0..).zip(chunks) {
            host.progress("optimizing hidden states", chunk, all)?;
            let values = optimize(edits, done, Site::Residual(last), &contexts, &settings, host)?;
            notes.extend(values.complaints(edits));
            limits.extend(values.limits(edits, REACHED));
            found.push(values);
            done += edits.len();
        }
        let join = |part: fn(&Values) -> Tensor| Tensor::f_cat(&found.iter().map(part).collect::<Vec<_>>(), 0);
        let (start, delta) =
            (join(|values| values.start.shallow_clone())?, join(|values| values.delta.shallow_clone())?);
        let wanted = &start + &delta;
        let probabilities = found.iter().flat_map(|values| &values.probabilities).sum::<f64>() / count as f64;
        let loss = found.iter().flat_map(|values| &values.losses).sum::<f64>() / count as f64;
        let all = spread::Facts { edits: &request.edits, first: 0 };
        let edited = spread::spread(all, &request.layers, &wanted, loss, &contexts, &settings, parameters, host)?;
        let edited = edited
            .metric("p(target)", probabilities)
            .metric("facts", count as f64)
            .artifact("z", wanted)
            .artifact("z_target_init", start)
            .artifact("z_delta", delta);
        let edited = notes.into_iter().fold(edited, Edited::note);
        Ok(limits.into_iter().fold(edited, Edited::limit))
    }

    fn edit_apart(
        &mut self,
        request: &EditRequest,
        parameters: &MemitParameters,
        host: &dyn Host,
    ) -> Result<Vec<Edited>> {
        let Some(&last) = request.layers.last().filter(|_| !request.edits.is_empty()) else {
            return Err(Error::Request("MEMIT needs a fact and a layer".to_owned()));
        };
        let settings = parameters.value_settings()?;
        let contexts = parameters.contexts(request.seed, host)?;
        let mut apart = Vec::with_capacity(request.edits.len());
        for (part, edits) in request.edits.chunks(parameters.at_once()).enumerate() {
            let first = part * parameters.at_once();
            let values = optimize(edits, first, Site::Residual(last), &contexts, &settings, host)?;
            for fact in 0..edits.len() {
                // each on the model as it is
                host.replace_parameters(&[], &[])?;
                let (number, values) = (first + fact, values.of(fact));
                let alone = spread::Facts { edits: &edits[fact..=fact], first: number };
                let wanted = values.wanted();
                let loss = values.losses[0];
                let edited =
                    spread::spread(alone, &request.layers, &wanted, loss, &contexts, &settings, parameters, host)?;
                let edited = edited
                    .metric("p(target)", values.probabilities[0])
                    .metric("facts", 1.0)
                    .artifact("z", wanted)
                    .artifact("z_target_init", values.start.shallow_clone())
                    .artifact("z_delta", values.delta.shallow_clone());
                let alone = &edits[fact..=fact];
                let edited = values.complaints(alone).into_iter().fold(edited, Edited::note);
                apart.push(values.limits(alone, REACHED).into_iter().fold(edited, Edited::limit));
            }
        }
        host.replace_parameters(&[], &[])?;
        Ok(apart)
    }
}

/// Layers for a model without settings of its own. Layers 3 to 8 of 28 and 13 to 17 of 48 were published: five or six
/// that end about a third of the way up.
fn window(layers: usize) -> Vec<usize> {
    let last = (layers / 3).max(1);
    (last.saturating_sub(4)..=last.min(layers - 1)).collect()
}

locus_plugin::export_plugin!(methods: [Memit]);
