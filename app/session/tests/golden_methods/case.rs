//! One published run: what was asked of the editor, and what came of it.

use crate::bench::{Bench, plugins};
use crate::ledger::{self, Ledger};
use crate::support::{self, allowed, tensors};
use locus_engine::edit::{EditStack, EngineHost, HostEvent, Looking, check, model_info};
use locus_engine::evaluate::{Group, Record, ScoringGoal, ScoringNoise};
use locus_engine::model::Model;
use locus_engine::moments::SecondMoments;
use locus_engine::run::SubjectNoises;
use locus_plugin::object::MethodObject;
use locus_plugin::{Delta, Edit, EditRequest, Edited, StepReport, SubjectNoise};
use locus_protocol::Fact;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use tch::Tensor;

/// The plugin that plays a golden objective; the golden request holds the target itself.
fn objective(golden: &str) -> &'static str {
    match golden {
        "fact_erasure" => "fact-erasure",
        "fact_amplification" => "fact-amplification",
        "fact_forcing" => "fact-forcing",
        "error_injection" | "tracing_reversal" | "tracing_reversal_noisedpred" => "error-injection",
        other => panic!("unknown objective {other}"),
    }
}

/// One published run.
pub struct Case {
    pub objective: &'static str,
    pub golden: Value,
    pub tensors: HashMap<String, Tensor>,
    /// The same run in float64; null and empty where the set has none.
    exact: (Value, HashMap<String, Tensor>),
    /// Run by the code of the original ROME or MEMIT repository.
    pub original: bool,
    /// What the editor received, one entry per fact.
    requests: Vec<Value>,
    /// The records of the facts.
    records: Vec<Value>,
}

pub fn number(value: &Value) -> f64 {
    value.as_f64().expect("number")
}

/// The largest difference between two values of one shape, place by place; `None` where they have another shape, or
/// something else than numbers in it.
fn difference(left: &Value, right: &Value) -> Option<f64> {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => Some((number(left) - number(right)).abs()),
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            largest(left.iter().zip(right).map(|(left, right)| difference(left, right)))
        }
        (Value::Object(left), Value::Object(right)) => {
            largest(left.iter().map(|(name, left)| difference(left, right.get(name)?)))
        }
        _ => None,
    }
}

fn largest(mut differences: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    differences.try_fold(0.0, |worst: f64, next| Some(worst.max(next?)))
}

fn text(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).expect("text").to_owned()
}

impl Case {
    pub fn read(file: &Path) -> Self {
        let golden = support::json(file);
        let side = file.with_extension("safetensors");
        let read = |file: &Path| if file.exists() { tensors(file) } else { HashMap::new() };
        let exact = file.with_extension("f64.json");
        let exact_side = file.with_extension("f64.safetensors");
        let exact = (if exact.exists() { support::json(&exact) } else { Value::Null }, read(&exact_side));
        let records: Vec<Value> = match &golden["records"] {
            Value::Array(records) => records.clone(),
            _ => vec![golden["record"].clone()],
        };
        let requests = match &golden["request_as_passed"] {
            Value::Null => records.iter().map(|record| record["requested_rewrite"].clone()).collect(),
            Value::Array(requests) => requests.clone(),
            request => vec![request.clone()],
        };
        Self {
            objective: objective(golden["objective"].as_str().expect("objective")),
            original: golden["variant"].as_str().expect("variant").contains("orig"),
            golden,
            tensors: read(&side),
            exact,
            requests,
            records,
        }
    }

    /// The golden model's own settings.
    pub fn hparams(&self) -> &Value {
        &self.golden["hparams"]
    }

    /// Layers as asked for; none for subject embeddings, which the published code calls layer -1.
    pub fn layers(&self) -> Vec<usize> {
        let layers: Vec<i64> = serde_json::from_value(self.hparams()["layers"].clone()).expect("layers");
        layers.into_iter().filter_map(|layer| usize::try_from(layer).ok()).collect()
    }

    /// What ROME and MEMIT have in common of a method's settings.
    pub fn value_settings(&self) -> Map<String, Value> {
        let hparams = self.hparams();
        let settings = json!({
            "steps": hparams["v_num_grad_steps"],
            "learning_rate": hparams["v_lr"],
            "weight_decay": hparams["v_weight_decay"],
            "clamp": hparams["clamp_norm_factor"],
            "kl_factor": hparams["kl_factor"],
            "fact_token": hparams["fact_token"],
            "stop_below": 0.05,
            // the published code of Hase et al. never stops early
            "parity": if self.original { "off" } else { "hase2023" },
        });
        settings.as_object().expect("settings").clone()
    }

    /// Terms of the value optimization's loss.
    pub fn compare_value_steps(&self, ledger: &mut Ledger, steps: &[StepReport]) {
        let names = [("loss", "loss"), ("nll", "objective"), ("kl", "kl"), ("wd", "decay"), ("avg_prob", "p(target)")];
        self.compare_steps(ledger, steps, &names, 5e-5, 0.0);
    }

    fn edits(&self) -> Vec<Edit> {
        let edit = |request: &Value| Edit {
            runs_all_steps: self.objective == "fact-erasure",
            copies: if self.noised() { self.golden["num_noise_samples"].as_u64().unwrap_or(10) as usize } else { 1 },
            ..Edit::new(&text(request, "/prompt"), &text(request, "/subject"), &text(request, "/target_new/str"))
        };
        self.requests.iter().map(edit).collect()
    }

    fn noised(&self) -> bool {
        self.objective == "fact-forcing"
    }

    /// How far a tensor of the run may be off, relative to its norm.
    pub fn tolerance(&self, name: &str, everywhere: f64) -> f64 {
        let pair = self.tensors.get(name).zip(self.exact.1.get(name));
        allowed(everywhere, pair.map(|(single, double)| ledger::relative(single, double)))
    }

    /// How far what is divided by the product of key and direction may be off, relative to its norm: the published
    /// value tells, and where there is no float64 run of it, the product itself. It is what the rounding of everything
    /// in it is divided by.
    pub fn quotient_tolerance(&self, everywhere: f64) -> f64 {
        match self.exact.1.contains_key("v") {
            true => self.tolerance("v", everywhere),
            false => everywhere.max(1.5e-5 * self.amplification()),
        }
    }

    /// One over the product of key and direction; 1 for what is divided by none.
    fn amplification(&self) -> f64 {
        self.golden["divisor"].as_f64().map_or(1.0, |divisor| 1.0 / divisor.abs())
    }

    /// How far a score before or after the edit may be off.
    fn score_tolerance(&self, when: &str, everywhere: f64) -> f64 {
        let probabilities = |run: &Value| {
            let one = |numbers: &Value| -> Value {
                let numbers = numbers.as_object().into_iter().flatten();
                let kept = numbers.filter(|(name, _)| name.ends_with("_probs"));
                Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
            };
            match &run["metrics"][when] {
                Value::Array(facts) => Value::Array(facts.iter().map(one).collect()),
                numbers => one(numbers),
            }
        };
        match (&self.exact.0, when) {
            // what an edit does is as coarse as what was divided to make it
            (Value::Null, "post") => everywhere.max(1e-4 * self.amplification()),
            (exact, _) => allowed(everywhere, difference(&probabilities(&self.golden), &probabilities(exact))),
        }
    }

    /// Runs the method on it.
    pub fn run(
        &self,
        bench: &Bench,
        moments: &SecondMoments,
        method: &dyn MethodObject,
        settings: &Map<String, Value>,
    ) -> (Edited, Vec<StepReport>) {
        let request = EditRequest { edits: self.edits(), layers: self.layers(), seed: 0, apart: false };
        let info = model_info(&bench.model, "golden");
        let plan = method.plan(&request, settings, &info).expect("plan");
        assert_eq!(plan.layers, self.layers());
        let mut steps = Vec::new();
        let looking = Looking { rows: Vec::new(), tokens: [0, 1], every: Duration::ZERO };
        let host = EngineHost::new(&bench.model, info, Some(moments), &|| false, Some(looking), |event| {
            if let HostEvent::Step(report, rows) = event {
                assert_eq!(rows.len(), bench.model.architecture.layers);
                steps.push(report);
            }
        });
        let objective = plugins().objective(self.objective).expect("objective");
        host.set_objective(objective.start(&Map::new()).expect("objective"));
        if self.noised() {
            let level = number(&self.hparams()["editing_noise"]);
            let noise = SubjectNoise { level, published_positions: true, ..SubjectNoise::default() };
            let edits = self.edits();
            let facts = edits.iter().map(|edit| (edit.template.as_str(), edit.subject.as_str()));
            host.set_noises(SubjectNoises::new(&bench.model, noise, facts).expect("noise"));
        }
        let edited = method.edit(&request, settings, &host).expect("edit");
        drop(host);
        check(&bench.model, "golden", &edited.deltas).expect("deltas");
        (edited, steps)
    }

    /// Terms of the loss, step by step; of several facts the mean over those that still went on.
    pub fn compare_steps(
        &self,
        ledger: &mut Ledger,
        steps: &[StepReport],
        names: &[(&str, &str)],
        absolute: f64,
        relative: f64,
    ) {
        let all = self.golden["steps"].as_array().expect("steps");
        let facts: Vec<&Vec<Value>> = match all.first() {
            Some(Value::Array(_)) => all.iter().map(|steps| steps.as_array().expect("steps")).collect(),
            _ => vec![all],
        };
        let longest = facts.iter().map(|steps| steps.len()).max().expect("a fact");
        assert_eq!(steps.len(), longest, "steps");
        // the rounding of a term is the largest that it has in any step
        let rounding = |field: &str| {
            let values = |steps: &Value| -> Value {
                let of = |step: &Value| match step {
                    Value::Array(steps) => steps.iter().map(|step| step[field].clone()).collect(),
                    step => step[field].clone(),
                };
                steps.as_array().map(|steps| steps.iter().map(of).collect()).unwrap_or_default()
            };
            difference(&values(&self.golden["steps"]), &values(&self.exact.0["steps"]))
        };
        let roundings: Vec<Option<f64>> = names.iter().map(|(field, _)| rounding(field)).collect();
        for (index, step) in steps.iter().enumerate() {
            let there: Vec<&Value> = facts.iter().filter_map(|steps| steps.get(index)).collect();
            for ((field, ours), rounding) in names.iter().zip(&roundings) {
                if there.iter().any(|step| step[*field].is_null()) {
                    continue;
                }
                // the published code writes down the likelihood that the loss of fact erasure is made of
                let erased = self.objective == "fact-erasure" && *ours == "objective";
                let value = |step: &&Value| if erased { (-number(&step[*field])).exp() } else { number(&step[*field]) };
                let golden = there.iter().map(value).sum::<f64>() / there.len() as f64;
                let off = (step.losses[*ours] - golden).abs();
                let tolerance = allowed(absolute.max(relative * golden.abs()), *rounding);
                ledger.note(&format!("steps.{field}"), off, tolerance);
            }
        }
    }

    /// Negative log-probabilities of both targets before and after the edit, under noise where the edit was made under
    /// it, and that taking the edit back is exact.
    pub fn compare_metrics(&self, bench: &Bench, ledger: &mut Ledger, deltas: Vec<Delta>) {
        let metrics = &self.golden["metrics"];
        let mut stack = EditStack::new(bench.model.with_parameters(&[]).expect("copy"));
        let before = stack.model().parameters();
        if !metrics.is_null() {
            self.compare_scores(stack.model(), ledger, &metrics["pre"], self.score_tolerance("pre", 2e-4));
        }
        stack.apply(locus_engine::edit::WeightEdit { deltas, ..Default::default() }).expect("apply");
        assert!(!stack.is_unedited().expect("libtorch"));
        if !metrics.is_null() {
            self.compare_scores(stack.model(), ledger, &metrics["post"], self.score_tolerance("post", 2e-4));
        }
        assert!(stack.undo().expect("undo"));
        assert!(stack.is_unedited().expect("libtorch"));
        for ((_, before), (_, after)) in before.iter().zip(stack.model().parameters()) {
            assert_eq!(*before, after);
        }
    }

    fn compare_scores(&self, model: &Model, ledger: &mut Ledger, golden: &Value, allowed: f64) {
        for (index, (request, record)) in self.requests.iter().zip(&self.records).enumerate() {
            let golden = if golden.is_array() { &golden[index] } else { golden };
            let prompts = |field: &str| serde_json::from_value(record[field].clone()).unwrap_or_default();
            let fact = Fact {
                template: text(request, "/prompt"),
                subject: text(request, "/subject"),
                paraphrases: prompts("paraphrase_prompts"),
                neighborhood: prompts("neighborhood_prompts"),
                attributes: prompts("attribute_prompts"),
                ..Fact::default()
            };
            let named = request["request_baseline"].is_string() && !self.original;
            let baseline = if named { "/request_baseline" } else { "/target_true/str" };
            let field = if self.original { "target_true" } else { "request_baseline" };
            let noise = self.noised().then(|| ScoringNoise {
                subject: fact.subject.clone(),
                level: number(&self.hparams()["editing_noise"]),
                seed: 1,
                misaligned: true,
            });
            let goal =
                ScoringGoal { target: text(request, "/target_new/str"), baseline: text(request, baseline), noise };
            let measured = Record::measure(model, &fact, &goal, &[]).expect("record");
            for group in Group::ALL {
                let Some(expected) = golden[format!("{}_prompts_probs", group.name())].as_array() else { continue };
                let pairs = measured.group(group);
                assert_eq!(pairs.len(), expected.len(), "{}", group.name());
                for (pair, expected) in pairs.iter().zip(expected) {
                    for (likelihood, field) in [(&pair.target, "target_new"), (&pair.baseline, field)] {
                        // the original code averages over tokens
                        let tokens = if self.original { likelihood.tokens as f64 } else { 1.0 };
                        let ours = -likelihood.log_probability / tokens;
                        ledger.note("scores", (ours - number(&expected[field])).abs(), allowed);
                    }
                }
            }
        }
    }
}
