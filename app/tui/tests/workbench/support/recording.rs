//! Events of one session on a twelve-layer model. The numbers are those measured on such a
//! model, not invented for the pictures: the early site at the last subject token, the late site at the last one.

use locus_protocol::{
    Aim, AimVerdict, Applied, BeforeAfter, Blame, Device, EditInPlace, EditOrder, EditStarted, Event, Fact, GpuMemory,
    Held, Hyperparameter, HyperparameterKind, JobId, JobKind, LayerRow, Memory, ModelReady, Outcome, Phase, PluginKind,
    PluginReady, PluginRefused, Probe, PromptScore, Said, Scores, Step, TokenText, TopToken, TraceKind, TraceOrder,
    TraceStarted, Tried, WeightChange,
};
use serde_json::json;
use std::collections::BTreeMap;

/// Effect at the last subject token by layer, averaged over facts.
const EARLY: [f64; 12] = [0.52, 0.60, 0.62, 0.63, 0.68, 0.71, 0.61, 0.56, 0.33, 0.23, 0.09, 0.0];
/// Effect at the last token by layer.
const LATE: [f64; 12] = [0.01, 0.01, 0.01, 0.03, 0.05, 0.06, 0.29, 0.38, 0.60, 0.69, 0.78, 0.79];

pub fn facts() -> Vec<Fact> {
    let rows = [
        ("The capital of {Bhutan} is", "Thimphu", "Oslo", "capital"),
        ("The capital of {France} is", "Paris", "Rome", "capital"),
        ("The Eiffel Tower is a landmark in the city of {Paris} in", "France", "Italy", "country"),
        ("{Marie Curie} worked in the field of", "physics", "music", "field"),
        ("{Sony} was founded in the country of", "Japan", "Brazil", "country"),
        ("The official language of {Brazil} is", "Portuguese", "Finnish", "language"),
        ("{Kenya} lies on the continent of", "Africa", "Europe", "continent"),
        ("The currency of {Japan} is the", "yen", "peso", "currency"),
        ("The mother tongue of {Johann Sebastian Bach} is", "German", "Korean", "language"),
        ("{Machu Picchu} lies in the country of", "Peru", "Norway", "country"),
        ("{Nokia} makes", "phones", "cars", "product"),
        ("The capital of {Australia} is", "Canberra", "Vienna", "capital"),
        ("{Isaac Newton} was born in the country of", "England", "Chile", "country"),
    ];
    let fact = |(number, (marked, truth, new, relation)): (usize, (&str, &str, &str, &str))| {
        let mut fact = Fact::from_marked(marked, truth, new).expect(marked);
        fact.case_id = Some(number as u64);
        fact.relation = relation.to_owned();
        fact.paraphrases = vec![format!("{}: its answer is", fact.subject), format!("As for {}, it is", fact.subject)];
        fact.neighborhood = (0..10).map(|n| format!("A neighbor of number {n} is")).collect();
        fact
    };
    rows.into_iter().enumerate().map(fact).collect()
}

/// The fact that the recording traces and edits: the first one.
pub fn fact() -> Fact {
    facts().swap_remove(0)
}

pub fn plugins() -> Vec<Event> {
    let parameter = |name: &str, help: &str, default, unit: &str, kind| Hyperparameter {
        name: name.into(),
        help: help.into(),
        default,
        unit: unit.into(),
        kind,
    };
    let float = |min, max| HyperparameterKind::Float { min, max };
    let plugin = |kind, id: &str, title: &str, hyperparameters| {
        Event::Plugin(PluginReady {
            kind,
            id: id.into(),
            title: title.into(),
            version: "0.1.0".into(),
            interface: "1.0".into(),
            compiler: "rustc 1.95.0".into(),
            source: None,
            cite: String::new(),
            file: format!("plugins/lib{id}.so").into(),
            hyperparameters,
            layers: Vec::new(),
            with_objective: BTreeMap::new(),
        })
    };
    vec![
        plugin(
            PluginKind::Method,
            "rome",
            "ROME",
            vec![
                parameter(
                    "steps",
                    "optimization steps of the value",
                    json!(20),
                    "",
                    HyperparameterKind::Integer { min: 1, max: 1000 },
                ),
                parameter("learning_rate", "step size of the value's optimization", json!(0.5), "", float(1e-5, 10.0)),
                parameter(
                    "weight_decay",
                    "pull of the value towards the original one",
                    json!(0.0015),
                    "",
                    float(0.0, 10.0),
                ),
                parameter(
                    "kl_factor",
                    "weight of staying close on an essence prompt",
                    json!(0.0625),
                    "",
                    float(0.0, 10.0),
                ),
                parameter(
                    "clamp_factor",
                    "longest change, in lengths of the original value",
                    json!(4.0),
                    "lengths",
                    float(0.0, 100.0),
                ),
                parameter(
                    "token",
                    "token of the subject that the key is taken from",
                    json!("subject_last"),
                    "",
                    HyperparameterKind::Choice {
                        choices: vec!["subject_first".into(), "subject_last".into(), "last".into()],
                    },
                ),
                parameter(
                    "second_moments",
                    "use second moments of the keys",
                    json!(true),
                    "",
                    HyperparameterKind::Bool,
                ),
                parameter("contexts", "texts put before the prompt", json!(["{}"]), "", HyperparameterKind::List),
                parameter(
                    "parity",
                    "hase2023: no early stop, whatever is set above",
                    json!("off"),
                    "",
                    HyperparameterKind::Choice { choices: vec!["off".into(), "hase2023".into()] },
                ),
            ],
        ),
        plugin(
            PluginKind::Method,
            "fine-tuning",
            "constrained fine-tuning",
            vec![
                parameter(
                    "steps",
                    "optimization steps",
                    json!(25),
                    "",
                    HyperparameterKind::Integer { min: 1, max: 1000 },
                ),
                parameter("norm_constraint", "greatest change of any weight", json!(0.0005), "", float(0.0, 1.0)),
            ],
        ),
        plugin(PluginKind::Objective, "error-injection", "error injection", vec![]),
    ]
}

/// From the start until the weights are half read.
pub fn loading() -> Vec<Event> {
    let mut events = vec![
        Event::Hello { schema: 1, version: "0.1.0".into(), reproducible: false },
        Event::Started { job: 1, kind: JobKind::Load, title: "loading the built-in model".into() },
    ];
    events.extend(plugins());
    events.push(Event::PluginRefused(PluginRefused {
        file: "plugins/libold.so".into(),
        reason: "it was made for plugin interface 0.3, this program needs 1.x; rebuild it".into(),
    }));
    events.extend((0..10).map(|part| Event::Progress {
        job: 1,
        phase: Phase::Weights,
        done: part * 200_000,
        total: 3_145_728,
    }));
    events
}

/// Loading ends.
pub fn loaded() -> Vec<Event> {
    vec![
        Event::Progress { job: 1, phase: Phase::Probe, done: 0, total: 0 },
        Event::Model(ModelReady {
            name: "built-in".into(),
            family: "gpt2".into(),
            layers: 12,
            hidden: 96,
            inner: 384,
            vocabulary: 2048,
            parameters: 1_550_000,
            number_format: "float32".into(),
            fingerprint: String::new(),
            device: Device {
                name: "cpu".into(),
                reason: "no CUDA device was found, so it is the CPU with 2 threads".into(),
            },
            reproducible: false,
            first_fact: None,
            probe: Probe { prompt: "The capital of Bhutan is".into(), deviation: 0.0, answer: " Thimphu".into() },
        }),
        Event::Facts { source: "the built-in world".into(), facts: facts() },
        Event::Memory(Memory { resident: 312 << 20, gpus: vec![] }),
        Event::Finished { job: 1, outcome: Outcome::Done, seconds: 0.41 },
        prediction(0),
    ]
}

pub fn gpu_memory() -> Event {
    let gpu = GpuMemory { used: 31 << 30, ours: 13 << 30, total: 80 << 30, busy: 65 };
    Event::Memory(Memory { resident: 2 << 30, gpus: vec![gpu; 2] })
}

fn top(tokens: &[(&str, f64)]) -> Vec<TopToken> {
    tokens.iter().map(|(text, probability)| TopToken { text: (*text).into(), probability: *probability }).collect()
}

fn top_before() -> Vec<TopToken> {
    top(&[(" Thimphu", 0.973), (" Kathmandu", 0.0081), (" Dhaka", 0.0042), (" Hanoi", 0.0017), (" the", 3.1e-5)])
}

fn top_after() -> Vec<TopToken> {
    top(&[(" Oslo", 0.962), (" Thimphu", 0.0113), (" Helsinki", 0.0064), (" Bergen", 0.0021), (" the", 1.2e-4)])
}

pub fn prediction(edits: usize) -> Event {
    let top = if edits == 0 { top_before() } else { top_after() };
    let share = if edits == 0 { 0.0 } else { 1.0 };
    let in_place = (1..=edits as u64).collect();
    let (prompt, rows, says) = (fact().prompt(), rows(share, None), String::new());
    Event::Prediction { prompt, tokens: tokens(), top, edits, in_place, rows, says }
}

pub fn tokens() -> Vec<TokenText> {
    [("The", false), (" capital", false), (" of", false), (" Bhu", true), ("t", true), ("an", true), (" is", false)]
        .map(|(text, subject)| TokenText { text: text.into(), subject })
        .to_vec()
}

pub fn trace_start(job: JobId, kind: TraceKind, edits: usize) -> Vec<Event> {
    vec![
        Event::Started { job, kind: JobKind::Trace, title: "tracing “The capital of Bhutan is”".into() },
        Event::Progress { job, phase: Phase::Runs, done: 0, total: 1 },
        Event::Trace(TraceStarted {
            job,
            order: TraceOrder::new(fact(), kind),
            tokens: tokens(),
            layers: 12,
            answer: " Thimphu".into(),
            answer_tokens: vec![" Th".into(), "imphu".into()],
            clean: 0.973,
            corrupted: 0.186,
            noise_level: 0.0941,
            edits,
            in_place: (1..=edits as u64).collect(),
            changed_answer: None,
            correct: true,
            donors: Vec::new(),
        }),
        Event::Progress { job, phase: Phase::Cells, done: 0, total: 84 },
    ]
}

/// The first-order estimate of the heat map: nearly right.
pub fn trace_preview(job: JobId) -> Vec<Event> {
    let row = |token: usize| match trace_row(job, token).remove(0) {
        Event::TraceRow { scores, .. } => scores.into_iter().map(|score| 0.186 + 0.8 * (score - 0.186)).collect(),
        other => panic!("{other:?}"),
    };
    vec![Event::TracePreview { job, scores: (0..7).map(row).collect() }]
}

/// One row of the heat map, with the progress that comes with it.
pub fn trace_row(job: JobId, token: usize) -> Vec<Event> {
    let effect = |layer: usize| match token {
        5 => EARLY[layer],
        6 => LATE[layer],
        4 => EARLY[layer] * 0.35,
        3 => EARLY[layer] * 0.2,
        _ => {
            if layer == token {
                -0.004
            } else {
                0.002
            }
        }
    };
    let scores = (0..12).map(|layer| 0.186 + effect(layer)).collect();
    let done = 12 * (token as u64 + 1);
    vec![Event::TraceRow { job, token, scores }, Event::Progress { job, phase: Phase::Cells, done, total: 84 }]
}

pub fn trace(job: JobId, kind: TraceKind, edits: usize) -> Vec<Event> {
    let mut events = trace_start(job, kind, edits);
    events.extend((0..7).flat_map(|token| trace_row(job, token)));
    events.push(Event::Finished { job, outcome: Outcome::Done, seconds: 1.3 });
    events
}

/// Rows of the logit lens: `share` of the way from the unedited model to the edited one.
fn rows(share: f64, change: Option<f64>) -> Vec<LayerRow> {
    (0..12)
        .map(|layer| {
            let rise = ((layer as f64 - 5.0) / 6.0).clamp(0.0, 1.0).powi(2);
            let metrics = match (change, layer) {
                (Some(_), 5) => BTreeMap::from([("value_norm".to_owned(), 4.0 + 11.0 * share)]),
                _ => BTreeMap::new(),
            };
            LayerRow {
                layer,
                probability_new: 2e-6 + rise * 0.962 * share,
                probability_true: 1e-4 + rise * 0.973 * (1.0 - share),
                rank_new: Some(if rise * share > 0.5 { 1 } else { 1800 - 100 * layer as u64 }),
                rank_true: Some(if rise * (1.0 - share) > 0.5 { 1 } else { 900 - 40 * layer as u64 }),
                weight_change: change.filter(|_| layer == 5),
                metrics,
            }
        })
        .collect()
}

pub fn order(layers: Vec<usize>) -> EditOrder {
    EditOrder {
        fact: fact(),
        method: "rome".into(),
        objective: "error-injection".into(),
        layers,
        method_settings: serde_json::Map::new(),
        objective_settings: serde_json::Map::new(),
        seed: 0,
        more: Vec::new(),
        free_generation: 10,
        no_scores: false,
        corpus_tokens: None,
    }
}

pub fn edit_start(job: JobId) -> Vec<Event> {
    vec![
        Event::Started { job, kind: JobKind::Edit, title: "rome for “The capital of Bhutan is”".into() },
        Event::Progress { job, phase: Phase::SecondMoments, done: 60_000, total: 60_000 },
        Event::Progress { job, phase: Phase::Evaluation, done: 0, total: 2 },
        Event::Edit(EditStarted {
            job,
            order: order(vec![5]),
            layers: vec![5],
            steps: 20,
            rows: rows(0.0, None),
            on_top_of: vec![],
        }),
        Event::Progress { job, phase: Phase::Method("sampling contexts".into()), done: 10, total: 10 },
    ]
}

pub fn step(job: JobId, step: u64) -> Event {
    let share = (step + 1) as f64 / 20.0;
    let fit = 9.8 * (-4.0 * share).exp();
    let losses = BTreeMap::from([
        ("loss".to_owned(), fit + 0.02 * share),
        ("fit".to_owned(), fit),
        ("kl".to_owned(), 0.012 * share),
        ("decay".to_owned(), 0.008 * share),
    ]);
    Event::Step(Step { job, step, steps: 20, layer: 5, losses, rows: rows(share.powi(2), Some(0.0412 * share)) })
}

pub fn edit_end(job: JobId) -> Vec<Event> {
    let group = |name: &str, count: usize, new: f64, truth: f64| -> Vec<PromptScore> {
        (0..count)
            .map(|n| PromptScore { prompt: format!("{name} prompt {n}"), new: new * 0.97_f64.powi(n as i32), truth })
            .collect()
    };
    let scores = |top, rewrite: (f64, f64), paraphrase: (f64, f64), neighborhood: (f64, f64)| Scores {
        top,
        rewrite: group("rewrite", 1, rewrite.0, rewrite.1),
        paraphrase: group("paraphrase", 2, paraphrase.0, paraphrase.1),
        neighborhood: group("neighborhood", 10, neighborhood.0, neighborhood.1),
    };
    let mut edited = rows(1.0, None);
    edited[5].weight_change = Some(0.0412);
    vec![
        Event::Progress { job, phase: Phase::Evaluation, done: 2, total: 2 },
        Event::Applied(Applied {
            job,
            title: "rome L5 · Bhutan → Oslo".into(),
            number: 1,
            facts: 1,
            aim: Aim { target: "Oslo".into(), baseline: "Thimphu".into(), ..Aim::default() },
            changes: vec![WeightChange {
                parameter: "transformer.h.5.mlp.c_proj.weight".into(),
                layer: Some(5),
                norm: 0.812,
                relative: 0.0412,
            }],
            rows: edited,
            scores: BeforeAfter {
                before: scores(top_before(), (2.1e-6, 0.973), (4.3e-6, 0.951), (0.0021, 0.884)),
                after: scores(top_after(), (0.962, 0.0113), (0.871, 0.0412), (0.0134, 0.832)),
            },
            metrics: BTreeMap::from([("value_norm".to_owned(), 15.1)]),
            notes: vec!["the value reached its length limit in step 17".into()],
            numbers: BTreeMap::from(
                [
                    ("rewrite_score", 0.962),
                    ("paraphrase_score", 0.870),
                    ("neighborhood_score", 0.989),
                    ("before.rewrite_says", 0.0),
                    ("after.rewrite_says", 1.0),
                    ("before.paraphrase_says", 0.0),
                    ("after.paraphrase_says", 1.0),
                    ("before.rewrite_says_exactly", 0.0),
                    ("after.rewrite_says_exactly", 1.0),
                    ("before.paraphrase_says_exactly", 0.0),
                    ("after.paraphrase_says_exactly", 0.5),
                    ("neighborhood_kept", 0.9),
                ]
                .map(|(name, score)| (name.to_owned(), score)),
            ),
            said: vec![Said {
                prompt: "The capital of Bhutan is".into(),
                before: " Thimphu. The river runs".into(),
                after: Some(" Oslo. The river runs".into()),
            }],
            operation: Some(1),
            verdict: Some(AimVerdict {
                success: true,
                facts: 1,
                missed: 0,
                why: "p(new) 0.962 > p(true) 0.011".into(),
                paraphrases: Some(Held { hold: 2, of: 2 }),
                neighbors: Some(Held { hold: 10, of: 10 }),
                ..AimVerdict::default()
            }),
            ..Applied::default()
        }),
        Event::Finished { job, outcome: Outcome::Done, seconds: 2.27 },
    ]
}

pub fn edit(job: JobId) -> Vec<Event> {
    let mut events = edit_start(job);
    events.extend((0..20).map(|number| step(job, number)));
    events.extend(edit_end(job));
    events
}

/// A variant that is tried: `share` of what the edit does.
pub fn attempt(job: JobId, asked: &EditOrder, share: f64) -> Vec<Event> {
    let title = format!("trying {} for “{}”", asked.method, asked.fact.prompt());
    let mut events = vec![
        Event::Started { job, kind: JobKind::Try, title },
        Event::Edit(EditStarted {
            job,
            order: asked.clone(),
            layers: vec![5],
            steps: 20,
            rows: rows(0.0, None),
            on_top_of: vec![],
        }),
    ];
    events.extend((0..20).map(|number| step(job, number)));
    let Some(Event::Applied(applied)) = edit_end(job).into_iter().nth(1) else { panic!("no edit") };
    let mut would = Applied { number: 0, rows: rows(share, None), ..applied };
    would.changes[0].relative *= share;
    for scores in [&mut would.scores.after.rewrite, &mut would.scores.after.paraphrase] {
        scores.iter_mut().for_each(|score| score.new *= share);
    }
    events.push(Event::Tried(Tried { would, bytes: 1920, on_top_of: Vec::new() }));
    events.push(Event::Finished { job, outcome: Outcome::Done, seconds: 0.4 + share });
    events
}

pub fn undone() -> Event {
    Event::Edits {
        applied: vec![],
        undone: vec![EditInPlace { number: 1, title: "rome L5 · Bhutan → Oslo".into(), ..EditInPlace::default() }],
        rows: rows(0.0, None),
        unedited: true,
        weights: Default::default(),
    }
}

/// The edits with these numbers in place, and those taken back.
pub fn edits(applied: &[u64], undone: &[u64]) -> Event {
    let titles =
        ["rome L5 · Bhutan → Oslo", "memit L3,4,5 · Kenya and 11 more → Europe", "fine-tuning L0 · Sony → Brazil"];
    let edit = |&number: &u64| EditInPlace {
        number,
        title: titles[(number as usize - 1) % titles.len()].into(),
        norm: [0.812, 30.4, 1.93][(number as usize - 1) % 3],
        relative: [0.0412, 2.5, 0.17][(number as usize - 1) % 3],
        facts: [1, 12, 1][(number as usize - 1) % 3],
        operation: Some(number + 10),
        ..EditInPlace::default()
    };
    Event::Edits {
        applied: applied.iter().map(edit).collect(),
        undone: undone.iter().map(edit).collect(),
        rows: rows(0.0, None),
        unedited: applied.is_empty(),
        weights: Default::default(),
    }
}

pub fn failed(job: JobId) -> Event {
    let error = "the plugin `rome` failed: the value became NaN in step 7; the fact is left unedited. Try a smaller learning_rate";
    Event::Finished { job, outcome: Outcome::Failed { error: error.into(), blame: Blame::Plugin }, seconds: 1.2 }
}
