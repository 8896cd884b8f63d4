//! A host with a model of one formula, in which the plugins run.
//!
//! Prompts are words. The residual stream at the last token is the sum of `W_l k_l` over the layers; the key `k_l`
//! depends on the layer and the position, the logits are a fixed matrix times the residual stream.

use locus_plugin::call::{Answer, Arguments};
use locus_plugin::object::{LinkedObjective, ObjectiveInstance, ObjectiveObject};
use locus_plugin::services::{Services, serve};
use locus_plugin::suffix::added_and_parameters;
use locus_plugin::tch::{Device, Kind, Tensor};
use locus_plugin::{
    Cells, DownProjection, Edit, EditRequest, Error, Host, Level, ModelInfo, NoisedSubject, Objective, PromptTokens,
    Reduction, Result, SampleRequest, Site, StepReport, Suffix, SuffixOutput, SuffixRequest, fill,
};
use locus_plugin_host::{LoadedPlugin, PluginObject};
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;

const LAYERS: usize = 3;
const HIDDEN: i64 = 4;
const INNER: i64 = 6;
const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);
const WORDS: [&str; 8] = ["The", "capital", "of", "France", "is", "Paris", "Rome", "Berlin"];

/// The toy.
pub struct Toy {
    weights: Vec<Tensor>,
    unembedding: Tensor,
    suffixes: RefCell<Vec<SuffixRequest>>,
    /// Runs that were prepared and not released.
    pub prepared: Cell<usize>,
    objective: RefCell<Option<Box<dyn ObjectiveInstance>>>,
    /// What was reported.
    pub reports: RefCell<Vec<StepReport>>,
    /// What was logged.
    pub log: RefCell<Vec<String>>,
    /// After how many reports the user cancels.
    pub cancel_after: Cell<usize>,
    /// The host's own mistake: it panics when a layer is reported.
    pub panics: Cell<bool>,
}

fn numbers(sizes: &[i64], seed: f64) -> Tensor {
    let count: i64 = sizes.iter().product();
    ((Tensor::arange(count, (Kind::Float, Device::Cpu)) * 0.7 + seed).sin()).reshape(sizes)
}

impl Toy {
    /// A fresh one.
    pub fn new() -> Self {
        Self {
            weights: (0..LAYERS).map(|layer| numbers(&[HIDDEN, INNER], layer as f64)).collect(),
            unembedding: numbers(&[WORDS.len() as i64, HIDDEN], 9.0),
            suffixes: RefCell::default(),
            prepared: Cell::new(0),
            objective: RefCell::default(),
            reports: RefCell::default(),
            log: RefCell::default(),
            cancel_after: Cell::new(usize::MAX),
            panics: Cell::new(false),
        }
    }

    /// The toy with an objective at work.
    pub fn with_objective(objective: &dyn ObjectiveObject) -> Self {
        let toy = Self::new();
        *toy.objective.borrow_mut() = Some(objective.start(&Default::default()).expect("no settings, no complaints"));
        toy
    }

    /// The toy with an objective that is linked into the test.
    pub fn with_linked<O: Objective>() -> Self {
        Self::with_objective(&LinkedObjective::<O>::default())
    }

    /// Name of the matrix of a layer.
    pub fn weight_name(layer: usize) -> String {
        format!("layers.{layer}.down.weight")
    }

    /// The matrix of a layer.
    pub fn weight(&self, layer: usize) -> &Tensor {
        &self.weights[layer]
    }

    /// Log-probability of a word after the prompt, when the matrix of a layer is changed by `difference`.
    pub fn log_probability(&self, word: &str, layer: usize, difference: &Tensor) -> f64 {
        let position = 3;
        let hidden = (0..LAYERS).map(|at| {
            let weight = if at == layer { &self.weights[at] + difference } else { self.weights[at].shallow_clone() };
            weight.matmul(&self.key(at, position))
        });
        let hidden = hidden.reduce(|sum, part| sum + part).expect("layers");
        let token = WORDS.iter().position(|known| *known == word).expect("word") as i64;
        self.unembedding.matmul(&hidden).log_softmax(-1, Kind::Float).double_value(&[token])
    }

    fn key(&self, layer: usize, position: usize) -> Tensor {
        numbers(&[INNER], 20.0 + layer as f64 + 10.0 * position as f64)
    }

    fn check_layer(&self, layer: usize) -> Result<()> {
        if layer < LAYERS {
            return Ok(());
        }
        Err(Error::Request(format!("there is no layer {layer}; the model has layers 0 to {}", LAYERS - 1)))
    }
}

impl Host for Toy {
    fn call(&self, service: &str, arguments: Arguments<'_>) -> Result<Answer> {
        serve(self, service, arguments)
    }

    fn log(&self, level: Level, text: &str) {
        self.log.borrow_mut().push(format!("{level:?}: {text}"));
    }

    fn cancelled(&self) -> bool {
        self.reports.borrow().len() >= self.cancel_after.get()
    }
}

impl Services for Toy {
    fn report(&self, report: &StepReport) -> Result<()> {
        assert!(!self.panics.get(), "the host tripped");
        self.check_layer(report.layer)?;
        self.reports.borrow_mut().push(report.clone());
        Ok(())
    }

    fn progress(&self, phase: &str, done: u64, total: u64) -> Result<()> {
        self.log.borrow_mut().push(format!("{phase} {done}/{total}"));
        Ok(())
    }

    fn model(&self) -> Result<ModelInfo> {
        let projection = |layer| DownProjection { weight: Self::weight_name(layer), ..DownProjection::default() };
        Ok(ModelInfo {
            name: "toy".to_owned(),
            layers: LAYERS,
            hidden: HIDDEN,
            inner: INNER,
            vocabulary: WORDS.len() as i64,
            down_projections: (0..LAYERS).map(projection).collect(),
            ..ModelInfo::default()
        })
    }

    fn tokenize(&self, text: &str, _start: bool) -> Result<Vec<i64>> {
        let id = |word: &str| {
            let found = WORDS.iter().position(|known| *known == word);
            found.map(|id| id as i64).ok_or_else(|| Error::Request(format!("`{word}` is not in the vocabulary")))
        };
        text.split_whitespace().map(id).collect()
    }

    fn tokenize_prompt(&self, template: &str, subject: &str, target: &str) -> Result<PromptTokens> {
        let (prompt, place) = fill(template, subject);
        let words = |text: &str| text.split_whitespace().count();
        let before = place.as_ref().map_or(0, |place| words(&prompt[..place.start]));
        let ids = Services::tokenize(self, &format!("{prompt} {target}"), true)?;
        Ok(PromptTokens { ids, subject: before..before + words(subject), prompt: words(&prompt) })
    }

    fn detokenize(&self, ids: &[i64]) -> Result<String> {
        Ok(ids.iter().map(|&id| WORDS[id as usize]).collect::<Vec<_>>().join(" "))
    }

    fn parameter(&self, name: &str) -> Result<Tensor> {
        let layer = (0..LAYERS).find(|&layer| Self::weight_name(layer) == name);
        layer
            .map(|layer| self.weights[layer].shallow_clone())
            .ok_or_else(|| Error::Request(format!("there is no parameter `{name}`")))
    }

    fn capture_of(&self, _facts: &[usize], _rows: &[Vec<i64>], cells: &[Cells]) -> Result<Vec<Tensor>> {
        let captured = cells.iter().map(|cells| {
            let Site::MlpKey(layer) = cells.site else {
                return Err(Error::Unsupported(format!("the toy has only keys, not {:?}", cells.site)));
            };
            self.check_layer(layer)?;
            let keys: Vec<Tensor> = cells.cells.iter().map(|cell| self.key(layer, cell.position)).collect();
            Ok(Tensor::stack(&keys, 0))
        });
        captured.collect()
    }

    fn prepare_suffix(&self, request: &SuffixRequest) -> Result<Suffix> {
        self.prepared.set(self.prepared.get() + 1);
        self.suffixes.borrow_mut().push(request.clone());
        Ok(Suffix(self.suffixes.borrow().len() as u64 - 1))
    }

    fn run_suffix(&self, suffix: Suffix, added: usize, tensors: &[Tensor]) -> Result<SuffixOutput> {
        let (added, parameters) = added_and_parameters(added, tensors)?;
        let suffixes = self.suffixes.borrow();
        let request = &suffixes[suffix.0 as usize];
        let weight = |layer| {
            let given = request.parameters.iter().position(|name| *name == Self::weight_name(layer));
            given.map_or(self.weights[layer].shallow_clone(), |index| parameters[index].shallow_clone())
        };
        let parts = (0..LAYERS).map(|layer| weight(layer).matmul(&self.key(layer, 3)));
        let hidden = parts.reduce(|sum, part| sum + part).expect("layers");
        let hidden = added.iter().fold(hidden, |hidden, added| hidden + added.get(0));
        let distribution = self.unembedding.matmul(&hidden).log_softmax(-1, Kind::Float);
        let read: Vec<Tensor> = request.read.iter().map(|read| distribution.get(read.token)).collect();
        let distributions: Vec<Tensor> = request.distributions.iter().map(|_| distribution.shallow_clone()).collect();
        let or_none = |tensors: &[Tensor]| match tensors {
            [] => Tensor::zeros([0], (Kind::Float, Device::Cpu)),
            tensors => Tensor::stack(tensors, 0),
        };
        let captured = request.capture.iter().map(|cells| Tensor::full([cells.cells.len() as i64, HIDDEN], 0.5, FLOAT));
        let captured = captured.collect();
        Ok(SuffixOutput { log_probabilities: or_none(&read), distributions: or_none(&distributions), captured })
    }

    fn release_suffix(&self, _suffix: Suffix) -> Result<()> {
        self.prepared.set(self.prepared.get() - 1);
        Ok(())
    }

    fn solve_second_moment(&self, layer: usize, keys: &Tensor) -> Result<Tensor> {
        self.check_layer(layer)?;
        Ok(keys * 0.5)
    }

    fn second_moment(&self, layer: usize) -> Result<Tensor> {
        self.check_layer(layer)?;
        Ok(Tensor::eye(INNER, FLOAT) * 2.0)
    }

    fn noised_prediction(&self, prompt: &str, subject: &NoisedSubject) -> Result<Tensor> {
        let level = subject.noise.level + prompt.len() as f64;
        Ok(Tensor::full([WORDS.len() as i64], level, FLOAT))
    }

    fn sample(&self, request: &SampleRequest) -> Result<Vec<String>> {
        Ok((0..request.count).map(|number| format!("{} {number}", request.prompt)).collect())
    }

    fn objective_loss(&self, log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor> {
        let mut objective = self.objective.borrow_mut();
        objective.as_mut().expect("an objective").loss(log_probabilities, reduction)
    }
}

/// A fact to edit at one layer.
pub fn request(layer: usize) -> EditRequest {
    let edit = Edit {
        template: "The capital of {} is".to_owned(),
        subject: "France".to_owned(),
        target: "Rome".to_owned(),
        ..Edit::default()
    };
    EditRequest { edits: vec![edit], layers: vec![layer], seed: 1 }
}

/// The library of a package that this test depends on; cargo leaves it beside the test.
pub fn library(package: &str) -> PathBuf {
    let file = format!("lib{}.so", package.replace('-', "_"));
    std::env::current_exe().expect("the test's path").with_file_name(file)
}

/// The methods in what was loaded.
pub fn method(loaded: &[LoadedPlugin], id: &str) -> Arc<dyn locus_plugin::object::MethodObject> {
    let found = loaded.iter().find(|plugin| plugin.ready.id == id).expect(id);
    match &found.object {
        PluginObject::Method(method) => Arc::clone(method),
        PluginObject::Objective(_) => panic!("{id} is an objective"),
    }
}

/// The objectives in what was loaded.
pub fn objective(loaded: &[LoadedPlugin], id: &str) -> Arc<dyn ObjectiveObject> {
    let found = loaded.iter().find(|plugin| plugin.ready.id == id).expect(id);
    match &found.object {
        PluginObject::Objective(objective) => Arc::clone(objective),
        PluginObject::Method(_) => panic!("{id} is a method"),
    }
}
