//! Whole edits by the methods as they are loaded: on the engine, and on full forwards one fact at a time.

use crate::Comparison;
use crate::plain::{PlainHost, Solves};
use crate::spent::spent;
use anyhow::{Context, Result, anyhow};
use locus_engine::edit::{EngineHost, model_info};
use locus_engine::model::Model;
use locus_engine::moments::SecondMoments;
use locus_plugin::object::{MethodObject, ObjectiveObject};
use locus_plugin::{Edit, EditRequest, Edited, Form, Host};
use locus_plugin_host::{Registry, SearchPaths};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tch::{Kind, Tensor};

/// Facts that there are.
const FACTS: usize = 100;
/// Facts of them that are edited together.
const BATCH: usize = 10;
/// Steps of every optimization, as published.
const STEPS: usize = 20;
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
}

impl<'a> Editing<'a> {
    /// Loads the plugins; both ways have the same second moments.
    pub fn new(model: &'a Model, moments: SecondMoments) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut registry = Registry::new(SearchPaths::new(program.parent(), None, None, &[]));
        registry.scan();
        let objective = registry.objective("error-injection").context("build the whole workspace first")?;
        let facts = locus_demo::assets().iter().find(|(name, _)| *name == "facts.json");
        let facts: Vec<Value> = serde_json::from_slice(facts.context("the built-in facts are missing")?.1)?;
        let facts = facts.iter().take(FACTS).map(|record| {
            let rewrite = &record["requested_rewrite"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            Edit::new(&text(&rewrite["prompt"]), &text(&rewrite["subject"]), &text(&rewrite["target_new"]["str"]))
        });
        Ok(Self { model, moments, registry, objective, facts: facts.collect() })
    }

    fn method(&self, id: &str) -> Result<Arc<dyn MethodObject>> {
        self.registry.method(id).with_context(|| format!("the plugin {id} is not beside the program"))
    }

    /// The facts of a batch; the first is that of the edits of one fact.
    pub fn batch(&self) -> &[Edit] {
        &self.facts[..BATCH]
    }

    /// Runs a method on facts, as it runs where nobody looks at its steps; `plainly` by full forwards.
    fn edit(
        &self,
        id: &str,
        facts: &[Edit],
        layers: &[usize],
        settings: &Value,
        plainly: Option<Solves>,
    ) -> Result<Edited> {
        self.edit_with(&self.moments, id, facts, layers, settings, plainly)
    }

    fn edit_with(
        &self,
        moments: &SecondMoments,
        id: &str,
        facts: &[Edit],
        layers: &[usize],
        settings: &Value,
        plainly: Option<Solves>,
    ) -> Result<Edited> {
        let method = self.method(id)?;
        let info = model_info(self.model, "benchmark");
        let host = EngineHost::new(self.model, info, Some(moments), &|| false, None, |_| {});
        host.set_objective(self.objective.start(&Map::new()).map_err(|error| anyhow!("{error}"))?);
        let plain = plainly.map(|solves| PlainHost::new(&host, self.model, moments, solves));
        let host: &dyn Host = plain.as_ref().map_or(&host, |plain| plain);
        let request = EditRequest { edits: facts.to_vec(), layers: layers.to_vec(), seed: 0, apart: false };
        let settings = settings.as_object().context("settings")?;
        method.edit(&request, settings, host).map_err(|error| anyhow!("{id}: {error}"))
    }

    /// A ROME edit at a layer, for its memory alone.
    pub fn rome_once(&self, layer: usize) -> Result<()> {
        self.edit("rome", &self.facts[..1], &[layer], &rome_settings(), None).map(drop)
    }

    /// One ROME edit on the engine, and its processor time. The second moment is factored before, as the published code keeps
    /// its inverse.
    pub fn rome_here(&self, layer: usize) -> Result<(Edited, Duration)> {
        self.one_here("rome", layer, &rome_settings())
    }

    /// One ROME edit, both ways.
    pub fn rome(&self, layer: usize) -> Result<Comparison> {
        let what = format!("ROME edit at layer {layer}, 21 contexts, {STEPS} steps");
        self.one("rome", layer, &rome_settings(), what)
    }

    /// One constrained fine-tuning edit on the engine, and its processor time.
    pub fn fine_tuning_here(&self, layer: usize) -> Result<(Edited, Duration)> {
        self.one_here("fine-tuning", layer, &fine_tuning_settings())
    }

    /// One constrained fine-tuning edit, both ways.
    pub fn fine_tuning(&self, layer: usize) -> Result<Comparison> {
        let what = format!("constrained fine-tuning at layer {layer}, 25 steps");
        self.one("fine-tuning", layer, &fine_tuning_settings(), what)
    }

    fn one_here(&self, id: &str, layer: usize, settings: &Value) -> Result<(Edited, Duration)> {
        let fact = &self.facts[..1];
        let mut once = settings.clone();
        once["steps"] = json!(1);
        self.edit(id, fact, &[layer], &once, None)?;
        spent(|| self.edit(id, fact, &[layer], settings, None))
    }

    fn one(&self, id: &str, layer: usize, settings: &Value, what: String) -> Result<Comparison> {
        let (edited, engine) = self.one_here(id, layer, settings)?;
        let (published, plain) = spent(|| self.edit(id, &self.facts[..1], &[layer], settings, Some(Solves::Kept)))?;
        Ok(Comparison { what, plain, engine, deviation: difference(&published, &edited) })
    }

    /// Processor time of an edit of so many facts together, [`FACTS`] at most.
    pub fn of_facts(&self, facts: usize, layers: &[usize]) -> Result<Duration> {
        let facts = &self.facts[..facts];
        Ok(spent(|| self.edit("memit", facts, layers, &memit_settings(32), None))?.1)
    }

    /// A batch of facts together on the engine, which factors the second moments anew, and its processor time.
    pub fn memit_here(&self, layers: &[usize]) -> Result<(Edited, Duration)> {
        spent(|| {
            let unfactored = self.moments.only(layers)?;
            self.edit_with(&unfactored, "memit", &self.facts[..BATCH], layers, &memit_settings(32), None)
        })
    }

    /// A batch of facts: together, and as published, the hidden states of one fact after the other by full forwards, then
    /// the changes of all together with a solve of its own at every layer.
    pub fn memit(&self, layers: &[usize]) -> Result<Comparison> {
        let (edited, engine) = self.memit_here(layers)?;
        let (published, plain) =
            spent(|| self.edit("memit", &self.facts[..BATCH], layers, &memit_settings(1), Some(Solves::Anew)))?;
        let what = format!("MEMIT, {} facts, layers {}-{}, {STEPS} steps", BATCH, layers[0], layers[layers.len() - 1]);
        Ok(Comparison { what, plain, engine, deviation: difference(&published, &edited) })
    }
}

/// Settings of ROME: the published ones, with contexts that are as long as the sampled ones. It never stops early.
pub fn rome_settings() -> Value {
    json!({
        "steps": STEPS, "context_templates": twenty_one(), "stop_below": 0.0, "learning_rate": 0.5, "weight_decay": 0.5,
        "clamp": 4.0, "kl_factor": 0.0625,
    })
}

/// Settings of MEMIT in the same manner, with so many facts optimized together.
pub fn memit_settings(at_once: usize) -> Value {
    json!({
        "steps": STEPS, "context_templates": CONTEXTS, "stop_below": 0.0, "learning_rate": 0.5, "weight_decay": 0.5,
        "clamp": 0.75, "kl_factor": 0.0625, "second_moment_weight": 15000.0, "facts_at_once": at_once,
    })
}

/// Settings of constrained fine-tuning in the same manner.
pub fn fine_tuning_settings() -> Value {
    json!({"steps": 25, "stop_below": 0.0, "norm_constraint": 5e-4, "learning_rate": 5e-4})
}

/// Second moments that are made up, well conditioned.
pub fn made_up(model: &Model) -> Result<SecondMoments> {
    let inner = model.architecture.inner;
    let options = (Kind::Float, model.device);
    let mean = |_| {
        let keys = Tensor::randn([inner / 8, inner], options);
        keys.tr().matmul(&keys) / (inner / 8) as f64 + Tensor::eye(inner, options)
    };
    let layers = 0..model.architecture.layers;
    let means: BTreeMap<usize, Tensor> = layers.map(|layer| (layer, mean(layer))).collect();
    Ok(SecondMoments::from_means(means, 1)?)
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
