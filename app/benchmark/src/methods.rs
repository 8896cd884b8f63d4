//! Whole edits by the methods as they are loaded: on the engine, and on full forwards one fact at a time.

use crate::plain::PlainHost;
use crate::{Comparison, timed};
use anyhow::{Context, Result, anyhow};
use locus_engine::edit::{EngineHost, HostEvent, model_info};
use locus_engine::model::Model;
use locus_engine::moments::SecondMoments;
use locus_engine::run::lens_rows;
use locus_plugin::object::{MethodObject, ObjectiveObject};
use locus_plugin::{Edit, EditRequest, Edited, Form, Host};
use locus_plugin_host::{Registry, SearchPaths};
use locus_protocol::LayerRow;
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tch::{Kind, Tensor};

/// Facts of the batch.
const BATCH: usize = 64;
/// Facts of it that are also done one by one; the time of the batch is taken per fact.
const SAMPLED: usize = 3;
/// Steps of every optimisation, the same in both ways.
const STEPS: usize = 5;
/// Contexts before the prompt: as long as the sampled ones of the published settings.
const CONTEXTS: [&str; 6] = [
    "{}",
    "The old road runs along the river to the sea. {}",
    "Therefore nobody in the town knows the way. {}",
    "Because of the rain the market is full today. {}",
    "I think that it is far from the house. {}",
    "You can find the museum behind the station. {}",
];

/// Methods and objectives beside the program, and a model with second moments.
pub struct Editing<'a> {
    model: &'a Model,
    moments: SecondMoments,
    registry: Registry,
    objective: Arc<dyn ObjectiveObject>,
    facts: Vec<Edit>,
    /// What the live table shows before any edit.
    rows: Vec<LayerRow>,
}

/// An edit and when the values were found.
struct Done {
    edited: Edited,
    values: Duration,
}

impl<'a> Editing<'a> {
    /// Loads the plugins; the moments are made up, well conditioned, the same for both ways.
    pub fn new(model: &'a Model) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut registry = Registry::new(SearchPaths::new(program.parent(), None, None, &[]));
        registry.scan();
        let objective = registry.objective("error-injection").context("build the whole workspace first")?;
        let inner = model.architecture.inner;
        let options = (Kind::Float, model.device);
        let mean = |_| {
            let keys = Tensor::randn([inner / 8, inner], options);
            keys.tr().matmul(&keys) / (inner / 8) as f64 + Tensor::eye(inner, options)
        };
        let layers = 0..model.architecture.layers;
        let means: BTreeMap<usize, Tensor> = layers.map(|layer| (layer, mean(layer))).collect();
        let moments = SecondMoments::from_means(means, 1)?;
        let facts = locus_demo::assets().iter().find(|(name, _)| *name == "facts.json");
        let facts: Vec<Value> = serde_json::from_slice(facts.context("the built-in facts are missing")?.1)?;
        let facts = facts.iter().take(BATCH).map(|record| {
            let rewrite = &record["requested_rewrite"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            Edit::new(&text(&rewrite["prompt"]), &text(&rewrite["subject"]), &text(&rewrite["target_new"]["str"]))
        });
        let facts: Vec<Edit> = facts.collect();
        let prompt = facts.first().map(Edit::prompt).context("there are no built-in facts")?;
        let rows = lens_rows(model, &model.tokenizer.encode(&prompt)?, 0, 1)?;
        Ok(Self { model, moments, registry, objective, facts, rows })
    }

    fn method(&self, id: &str) -> Result<Arc<dyn MethodObject>> {
        self.registry.method(id).with_context(|| format!("the plugin {id} is not beside the program"))
    }

    /// Runs a method on facts; `plainly` by full forwards.
    fn edit(&self, id: &str, facts: &[Edit], layers: &[usize], settings: &Value, plainly: bool) -> Result<Done> {
        let method = self.method(id)?;
        let info = model_info(self.model, "benchmark");
        let start = Instant::now();
        let spreading: Cell<Option<Duration>> = Cell::new(None);
        let live = Some((self.rows.clone(), [0, 1]));
        let host = EngineHost::new(self.model, info, Some(&self.moments), &|| false, live, |event| {
            if let HostEvent::Progress { phase, .. } = event
                && phase.starts_with("spreading")
                && spreading.get().is_none()
            {
                spreading.set(Some(start.elapsed()));
            }
        });
        host.set_objective(self.objective.start(&Map::new()).map_err(|error| anyhow!("{error}"))?);
        let plain = PlainHost::new(&host, self.model);
        let host: &dyn Host = if plainly { &plain } else { &host };
        let request = EditRequest { edits: facts.to_vec(), layers: layers.to_vec(), seed: 0, apart: false };
        let settings = settings.as_object().context("settings")?;
        let edited = method.edit(&request, settings, host).map_err(|error| anyhow!("{id}: {error}"))?;
        Ok(Done { edited, values: spreading.get().unwrap_or_else(|| start.elapsed()) })
    }

    /// One ROME edit.
    pub fn rome(&self, layer: usize) -> Result<Comparison> {
        let settings = json!({"steps": STEPS, "context_templates": twenty_one()});
        let what = format!("ROME edit at layer {layer}, 21 contexts, {STEPS} steps");
        self.one("rome", &[layer], &settings, what)
    }

    /// One constrained fine-tuning edit.
    pub fn fine_tuning(&self, layer: usize) -> Result<Comparison> {
        let settings = json!({"steps": 25, "stop_below": 0.0, "norm_constraint": 5e-4});
        let what = format!("constrained fine-tuning at layer {layer}, 25 steps");
        self.one("fine-tuning", &[layer], &settings, what)
    }

    fn one(&self, id: &str, layers: &[usize], settings: &Value, what: String) -> Result<Comparison> {
        let fact = &self.facts[..1];
        // second moments are factored once for both
        self.edit(id, fact, layers, settings, false)?;
        let (engine, engine_time) = timed(|| self.edit(id, fact, layers, settings, false))?;
        let (plain, plain_time) = timed(|| self.edit(id, fact, layers, settings, true))?;
        let deviation = difference(&plain.edited, &engine.edited);
        Ok(Comparison { what, plain: plain_time, engine: engine_time, deviation })
    }

    /// Hidden states of a batch: together, and one fact after the other by full forwards. Times are per fact.
    pub fn memit(&self, layers: &[usize]) -> Result<Comparison> {
        let settings = |at_once: usize| json!({"steps": STEPS, "context_templates": CONTEXTS, "facts_at_once": at_once, "stop_below": 0.0});
        let batch = self.edit("memit", &self.facts, layers, &settings(32), false)?;
        let mut alone = Duration::ZERO;
        let mut deviation: f64 = 0.0;
        for (index, fact) in self.facts.iter().take(SAMPLED).enumerate() {
            let plain = self.edit("memit", std::slice::from_ref(fact), layers, &settings(1), true)?;
            alone += plain.values;
            let of = |edited: &Edited, row: usize| {
                let wanted = edited.artifacts.iter().find(|(name, _)| name == "z_delta");
                wanted.map(|(_, wanted)| wanted.get(row as i64))
            };
            if let (Some(plain), Some(engine)) = (of(&plain.edited, 0), of(&batch.edited, index)) {
                deviation = deviation.max(((&plain - engine).norm() / plain.norm()).double_value(&[]));
            }
        }
        let facts = self.facts.len();
        Ok(Comparison {
            what: format!("MEMIT, {facts} facts, layers {}-{}, per fact", layers[0], layers[layers.len() - 1]),
            plain: alone / SAMPLED as u32,
            engine: batch.values / facts as u32,
            deviation,
        })
    }
}

/// The bare prompt, ten contexts of five tokens and ten of ten, as published.
fn twenty_one() -> Vec<String> {
    let short = (0..10).map(|number| format!("Item {number} is here. {{}}"));
    let long = CONTEXTS.iter().skip(1).cycle().take(10).map(|text| (*text).to_owned());
    std::iter::once("{}".to_owned()).chain(short).chain(long).collect()
}

/// Largest relative difference of a parameter's change.
fn difference(plain: &Edited, engine: &Edited) -> f64 {
    let whole = |form: &Form| match form {
        Form::LowRank { left, right } => left.matmul(right),
        Form::Dense(change) => change.shallow_clone(),
    };
    let pairs = plain.deltas.iter().zip(&engine.deltas);
    let off = pairs.map(|(plain, engine)| {
        let (plain, engine) = (whole(&plain.form), whole(&engine.form));
        ((&plain - engine).norm() / plain.norm()).double_value(&[])
    });
    off.fold(0.0, f64::max)
}
