//! Every family through the same plugins: traced, edited by three methods, written as a folder and read back. Where the
//! edited layer's MLP is a set of experts, the methods refuse it.

mod support;

use locus_engine::model::{Batch, Model, Taps};
use locus_plugin_host::SearchPaths;
use locus_protocol::{
    Applied, Blame, Command, EditOrder, EvaluateOrder, Event, Fact, Load, ModelSource, Outcome, SaveTarget,
    SecondMomentsTask, TraceKind, TraceOrder, Undo,
};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use support::Session;
use tch::{Device, Kind, Tensor};

/// Tiny checkpoints with random weights, by family.
fn checkpoints() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/arch");
    let entries = std::fs::read_dir(folder).expect("golden checkpoints");
    let mut found: Vec<_> = entries.map(|entry| entry.expect("an entry").path().join("model")).collect();
    found.sort();
    found
}

fn fact() -> Fact {
    Fact {
        template: "The capital of {} is".to_owned(),
        subject: "France".to_owned(),
        target_true: "Paris".to_owned(),
        target_new: "Rome".to_owned(),
        ..Fact::default()
    }
}

/// Methods with settings that keep tiny random models quick.
fn methods() -> [(&'static str, Map<String, Value>); 3] {
    let map = |value: Value| value.as_object().cloned().expect("an object");
    [
        ("rome", map(json!({"contexts": 2, "steps": 8}))),
        ("memit", map(json!({"contexts": 2, "steps": 8, "second_moment_weight": 1.0}))),
        ("fine-tuning", map(json!({"steps": 8, "norm_constraint": 0.05}))),
    ]
}

/// The layer that is edited.
const EDITED: usize = 1;

fn order(method: &str, method_settings: Map<String, Value>, layer: usize) -> EditOrder {
    EditOrder {
        fact: fact(),
        method: method.to_owned(),
        objective: "error-injection".to_owned(),
        layers: vec![layer],
        method_settings,
        ..EditOrder::default()
    }
}

/// What comes next, what each layer says of it, and the numbers of the fact, all of them finite.
fn predicted_and_evaluated(session: &mut Session, name: &str) {
    session.handles.commands.send(Command::Predict { fact: fact() }).expect("engine");
    let rows = loop {
        if let Event::Prediction { rows, top, .. } = session.handles.events.recv().expect("engine") {
            assert!(!top.is_empty(), "{name}");
            break rows;
        }
    };
    assert!(rows.len() > 2, "{name}: a row for each layer");
    assert!(rows.iter().all(|row| row.probability_new.is_finite() && row.rank_true.is_some()), "{name}: {rows:?}");
    let events = session.done(EvaluateOrder { facts: vec![fact()], ..EvaluateOrder::default() });
    let numbers = events.into_iter().find_map(|event| match event {
        Event::Evaluated(evaluated) => Some(evaluated.numbers),
        _ => None,
    });
    let numbers = numbers.expect("numbers");
    assert!(!numbers.is_empty() && numbers.values().all(|number| number.is_finite()), "{name}: {numbers:?}");
}

/// The methods refuse a layer of experts in one sentence; so do second moments where there are no other layers.
fn refused_at(session: &mut Session, model: &Model, layer: usize) {
    let family = &model.architecture.family;
    let said = model.architecture.experts_of(layer).expect("experts").said(layer);
    for (method, settings) in methods() {
        let (_, outcome) = session.job(order(method, settings, layer));
        let Outcome::Failed { error, blame: Blame::Request } = outcome else {
            panic!("{family}, {method}: {outcome:?}")
        };
        assert!(error.starts_with(&said) && error.contains("the one down-projection"), "{family}, {method}: {error}");
    }
    if model.architecture.single_mlps().is_empty() {
        let (_, outcome) = session.job(SecondMomentsTask::Collect);
        let Outcome::Failed { error, blame: Blame::Request } = outcome else { panic!("{family}: {outcome:?}") };
        assert!(error.contains("share no keys"), "{family}: {error}");
    }
}

fn logits(folder: &Path) -> Tensor {
    let model = Model::load(folder, Device::Cpu, Kind::Float).expect("model");
    let ids = Tensor::from_slice(&[5_i64, 17, 80, 33, 9]);
    let stream = model.forward(&ids, &Batch::whole(1, 5), &mut Taps::default()).expect("libtorch");
    model.logits(&stream).expect("libtorch")
}

#[test]
fn every_family_is_traced_edited_and_written() {
    let _guard = tch::no_grad_guard();
    let place = tempfile::tempdir().expect("a folder");
    let (mut session, _) = Session::open_with(|options| {
        options.start.corpus_tokens = Some(600);
        // loaded by its name only
        let test = std::env::current_exe().expect("the test's own path");
        let file = test.with_file_name("liblocus_one_expert.so");
        options.search = SearchPaths::new(test.parent(), None, None, &[file]);
    });
    let mut names = Vec::new();
    for folder in checkpoints() {
        let name = folder.parent().and_then(Path::file_name).expect("a name").to_string_lossy().into_owned();
        session.done(Load { source: ModelSource::Folder(folder.clone()) });
        for kind in [TraceKind::Hidden, TraceKind::Mlp, TraceKind::Attention] {
            let events = session.done(TraceOrder::new(fact(), kind));
            let rows = events.iter().filter_map(|event| match event {
                Event::TraceRow { scores, .. } => Some(scores.clone()),
                _ => None,
            });
            let scores: Vec<f64> = rows.flatten().collect();
            assert!(!scores.is_empty() && scores.iter().all(|score| score.is_finite()), "{name} {kind:?}");
        }
        predicted_and_evaluated(&mut session, &name);
        let model = Model::load(&folder, Device::Cpu, Kind::Float).expect("model");
        if model.architecture.experts_of(EDITED).is_some() {
            refused_at(&mut session, &model, EDITED);
            session.done(SaveTarget::Model(place.path().join(&name)));
            assert_eq!(logits(&place.path().join(&name)), logits(&folder), "{name}: what was written is not edited");
            // a method that names an expert's down-projection
            session.done(order("one-expert", Map::new(), EDITED));
            let (_, refused) = session.job(SaveTarget::Adapter(place.path().join("adapter")));
            let Outcome::Failed { error, .. } = refused else { panic!("{name}: {refused:?}") };
            assert!(error.contains("experts") && error.contains("--folder"), "{error}");
            let written = place.path().join(format!("{name}-expert"));
            session.done(SaveTarget::Model(written.clone()));
            let again = Model::load(&written, Device::Cpu, Kind::Float).expect("model");
            let down = model.architecture.down_projection(EDITED).expect("a layer").replace("{}", "0");
            let [before, after] = [&model, &again].map(|model| model.parameter(&down).expect("an expert's"));
            assert_eq!(after, before * 2.0, "{name}: what was written is edited");
            session.done(Undo::LAST);
            names.push(name);
            continue;
        }
        if let Some(layer) =
            (0..model.architecture.layers).find(|&layer| model.architecture.experts_of(layer).is_some())
        {
            refused_at(&mut session, &model, layer);
        }
        for (method, settings) in methods() {
            let events = session.done(order(method, settings, EDITED));
            let applied = events.into_iter().find_map(|event| match event {
                Event::Applied(applied) => Some(applied),
                _ => None,
            });
            let Applied { numbers, verdict, .. } = applied.expect("an edit");
            let kept_back = verdict.map_or(0, |verdict| if verdict.success { verdict.limits.len() } else { 0 });
            assert_eq!(kept_back, 0, "{name}, {method}: something is said to have kept back what took");
            let number = |at: &str| numbers[&format!("{at}.rewrite_probability")];
            // the state that MEMIT spreads over a layer is not reached in a random model
            let moved = if method == "memit" {
                number("after") != number("before")
            } else {
                number("after") > number("before")
            };
            assert!(moved && number("after").is_finite(), "{name}, {method}: {numbers:?}");
        }
        let written = place.path().join(&name);
        session.done(SaveTarget::Model(written.clone()));
        assert_ne!(logits(&written), logits(&folder), "{name}: what was written is edited");
        for _ in methods() {
            session.done(Undo::LAST);
        }
        let again = place.path().join(format!("{name}-again"));
        session.done(SaveTarget::Model(again.clone()));
        assert_eq!(logits(&again), logits(&folder), "{name}: taken back, the weights are those of the checkpoint");
        names.push(name);
    }
    assert!(names.len() > 20, "{names:?}");
}
